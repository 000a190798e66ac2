"""What was deleted and can still be recovered: lists, and purging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.arm_resources import Resources
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.kinds import ArmFault, Kind
from tenantry.sandbox.parts.notes import subscription
from tenantry.sandbox.requests import Call
from tenantry.sandbox.styles import Way

__all__ = ["LISTS", "Deleted"]

_SOON = 0.2  # seconds in which a purge is refused, if it is
# By type, the type of what was deleted, as its provider offers it.
LISTS = {
    "Microsoft.KeyVault/vaults": "deletedVaults",
    "Microsoft.OperationalInsights/workspaces": "deletedWorkspaces",
    "Microsoft.Web/sites": "deletedSites",
    "Microsoft.Storage/storageAccounts": "deletedAccounts",
}
_TYPES = {f"{type_.partition('/')[0]}/{name}".lower(): type_ for type_, name in LISTS.items()}
# The sandbox makes none, so none was deleted; clients ask for them together with vaults.
_NEVER_MADE = frozenset({"microsoft.keyvault/deletedmanagedhsms"})


class Deleted:
    """Answers for ``deleted…`` at subscription, group and location scope."""

    def __init__(self, cloud: SandboxCloud, resources: Resources) -> None:
        self._cloud = cloud
        self._resources = resources

    def answer(self, call: Call) -> Answer | None:
        """Answer; None when the path is somebody else's."""
        target = ids.parse(call.path)
        if target is None:
            return None
        if target.is_list and call.method == "GET" and target.type.lower() in _NEVER_MADE:
            return Answer(200, {"value": []})
        types, names, location = list(target.types), list(target.names), ""
        if types and types[0].lower() == "locations" and names:
            location = names.pop(0).replace(" ", "").lower()
            types.pop(0)
        type_ = _TYPES.get(f"{target.namespace}/{types[0]}".lower()) if types else None
        if type_ is None:
            return None
        if call.method == "POST" and [one.lower() for one in types[1:]] == ["purge"]:
            self._tell(type_, target, "", names)
            return self._purge(call, type_, location, names[0])
        if call.method != "GET":
            raise ArmFault(405, "MethodNotAllowed", f"{call.method} is not for what was deleted.")
        return self._tell(type_, target, location, names)

    def _tell(self, type_: str, target: ids.Target, location: str, names: list[str]) -> Answer:
        """Tell what was deleted in the subscription of a path: all of it, or the one that is named."""
        here = f"{subscription(target.scope)}/".lower()
        every = self._cloud.past.deleted(type_, self._cloud.kind(type_).deleted(self._cloud, location))
        found = [one for one in every if str(one.get("id")).lower().startswith(here)]
        if ids.is_group(target.scope):
            mark = f"{target.scope}/".lower()
            found = [one for one in found if mark in str(one.get("id")).lower()]
        if not names:
            return Answer(200, {"value": found})
        for one in found:
            if str(one.get("name")).lower() == names[0].lower():
                return Answer(200, one)
        what = type_.rpartition("/")[2][:-1].capitalize()
        raise ArmFault(404, f"Deleted{what}NotFound", f"There is no deleted {names[0]}.")

    def _purge(self, call: Call, type_: str, location: str, name: str) -> Answer:
        kind = self._cloud.kind(type_)
        kept = [one for one in kind.deleted(self._cloud, location) if one.get("name") == name]
        operation = self._resources.operations.begin(
            "POST", call.path, lambda: self._purge_now(kind, kept, location, name)
        )
        operation.over.wait(_SOON)
        if operation.error is not None:
            raise ArmFault(operation.http, operation.error["code"], operation.error["message"])
        where = f"{subscription(call.path)}/providers/{type_}/{name}"
        headers = self._resources.operation_headers(operation, where, Way.LOCATION, call.version)
        return Answer(202, None, headers)

    def _purge_now(self, kind: Kind, kept: Sequence[dict[str, Any]], location: str, name: str) -> None:
        kind.purge(self._cloud, location, name)
        for one in kept:
            self._cloud.past.note_purge(kind.type, one)
