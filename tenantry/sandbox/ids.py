"""Ids of Azure's resources: taken apart and compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "GROUP_TYPE",
    "Target",
    "group_of",
    "is_group",
    "key",
    "parent",
    "parse",
    "root_of",
]

_GROUP = re.compile(r"^/subscriptions/[^/]+/resourcegroups/[^/]+$", re.IGNORECASE)
_GROUPS = re.compile(r"^(/subscriptions/[^/]+)/resourcegroups(?:/([^/]+))?$", re.IGNORECASE)
GROUP_TYPE = "Microsoft.Resources/resourceGroups"


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a path of Resource Manager names."""

    scope: str  # what stands before the last /providers/; "" for the whole directory
    namespace: str  # "Microsoft.KeyVault"; "" for a scope itself
    types: tuple[str, ...]  # ("vaults", "keys")
    names: tuple[str, ...]  # as many as types (a resource), or one fewer (a list of them)

    @property
    def type(self) -> str:
        """The whole type, ``Microsoft.KeyVault/vaults/keys``."""
        return "/".join((self.namespace, *self.types))

    @property
    def is_list(self) -> bool:
        """Whether it names all of a type, not one."""
        return len(self.names) < len(self.types)

    @property
    def id(self) -> str:
        """The id, of a resource."""
        if self.type == GROUP_TYPE:
            return f"{self.scope}/resourceGroups/{self.names[0]}"
        pairs = (f"{one}/{name}" for one, name in zip(self.types, self.names, strict=False))
        return "/".join((self.scope, "providers", self.namespace, *pairs))

    @property
    def parent(self) -> str:
        """The id of the resource around it, "" when it lies in a scope directly."""
        names = self.names if self.is_list else self.names[:-1]
        if not names:
            return ""
        pairs = (f"{one}/{name}" for one, name in zip(self.types, names, strict=False))
        return "/".join((self.scope, "providers", self.namespace, *pairs))


def key(resource_id: str) -> str:
    """Return an id in the form that two spellings of it share."""
    return "/" + resource_id.strip("/").lower()


def parse(path: str) -> Target | None:
    """Take the path of a resource, of a list of them or of resource groups apart; None for another one."""
    path = "/" + path.strip("/")
    before, found, after = path.rpartition("/providers/")
    if not found:
        groups = _GROUPS.match(path)
        if groups is None:
            return None
        names = (groups[2],) if groups[2] else ()
        return Target(
            scope=groups[1], namespace="Microsoft.Resources", types=("resourceGroups",), names=names
        )
    parts = after.split("/")
    return Target(scope=before, namespace=parts[0], types=tuple(parts[1::2]), names=tuple(parts[2::2]))


def is_group(path: str) -> bool:
    """Say whether an id is a resource group's."""
    return bool(_GROUP.match(path))


def parent(resource_id: str) -> str:
    """Return the id of what is around: the parent resource, the scope, the subscription; "" at the top."""
    target = parse(resource_id)
    if target is None:
        return ""
    return target.parent or target.scope


def group_of(resource_id: str) -> str:
    """Return the id of the resource group that an id lies in, or "" outside of one."""
    parts = resource_id.strip("/").split("/")
    if len(parts) >= 4 and parts[2].lower() == "resourcegroups":  # noqa: PLR2004 - subscription and group
        return "/" + "/".join(parts[:4])
    return ""


def root_of(resource_id: str) -> str:
    """Return the id of the top-level resource that an id belongs to: those take turns."""
    path = "/" + resource_id.strip("/")
    while (target := parse(path)) is not None and (len(target.types) > 1 or "/providers/" in target.scope):
        path = target.parent or target.scope
    return key(path)
