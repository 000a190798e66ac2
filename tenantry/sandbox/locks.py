"""Locks: what they forbid, and lists that filter by scope."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Resource

__all__ = ["check_delete", "check_write", "filtered"]

_TYPE = "Microsoft.Authorization/locks"
_FREE = ("microsoft.authorization/locks",)  # a lock is taken away although it locks its own scope


def check_write(cloud: Cloud, resource_id: str) -> None:
    """Refuse a change under a lock ReadOnly."""
    for lock in _holding(cloud, resource_id):
        if str(lock.properties.get("level")) == "ReadOnly":
            raise _locked("write", resource_id, lock)


def check_delete(cloud: Cloud, resource: Resource) -> None:
    """Refuse a deletion under any lock here, above, or on something that would go with it."""
    for lock in _holding(cloud, resource.id):
        raise _locked("delete", resource.id, lock)
    if resource.type.lower() in _FREE:
        return
    for lock in _in_force(cloud, resource.id):
        raise _locked("delete", resource.id, lock)


def filtered(found: list[Resource], filter_: str, *, scope: str) -> list[Resource]:
    """Apply the filters that lists of assignments know: ``atScope()`` and ``principalId eq``."""
    if "atscope()" in filter_.lower():
        here = ids.key(scope)
        found = [
            one
            for one in found
            if (t := ids.parse(one.id)) and (here + "/").startswith(ids.key(t.scope) + "/")
        ]
    wanted = re.search(r"(?:principalId eq|assignedTo\()\s*'([^']*)'", filter_)
    if wanted:
        found = [one for one in found if str(one.properties.get("principalId")).lower() == wanted[1].lower()]
    return found


def _holding(cloud: Cloud, resource_id: str) -> Iterator[Resource]:
    """Return the locks at a resource and at everything above it."""
    target = ids.parse(resource_id)
    if target is not None and target.type.lower() in _FREE:
        return
    here = ids.key(resource_id)
    for lock in _in_force(cloud, ""):
        at = ids.parse(lock.id)
        if at is not None and (here == ids.key(at.scope) or here.startswith(ids.key(at.scope) + "/")):
            yield lock


def _in_force(cloud: Cloud, resource_id: str) -> Iterator[Resource]:
    """Return the locks below a resource: each holds at once, and as long as those see it who are behind."""
    now = cloud.children(resource_id, _TYPE)
    there = {ids.key(one.id) for one in now}
    yield from now
    yield from (one for one in cloud.seen(resource_id, _TYPE) if ids.key(one.id) not in there)


def _locked(verb: str, resource_id: str, lock: Resource) -> ArmFault:
    scope = ids.parse(lock.id)
    return ArmFault(
        409,
        "ScopeLocked",
        f"The scope '{resource_id}' cannot perform {verb} operation because "
        f"following scope(s) are locked: '{scope.scope if scope else ''}'. Please remove the lock "
        "and try again.",
    )
