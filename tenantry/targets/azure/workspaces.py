"""A Log Analytics workspace is deleted so that nobody can recover it, even if somebody deleted it before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES, subscription_of
from tenantry.ports import Event, OnEvent
from tenantry.targets.azure.inventory import DELETED, at

__all__ = ["delete_for_good"]

_VERSION: Final = TYPES["azure-native:operationalinsights:Workspace"].version
_LIST: Final = next(one for one in DELETED if one.word == "workspace")


def delete_for_good(arm: Arm, workspace: str, opaque: str, tell: OnEvent) -> None:
    """Delete a workspace with force; a soft-deleted one is recovered for it, as Azure purges no other.

    It is recovered with the tag of its instance: a run after a kill in between must not take it for
    somebody else's. Where its group is gone it cannot be recovered, and stays what Azure keeps.
    """
    if arm.delete(workspace, _VERSION, force="true"):
        return
    found = _kept(arm, workspace)
    if found is None:
        return
    tell(Event(text=f"recovering the deleted workspace {found['name']}, to delete it with force"))
    try:
        arm.put(workspace, _VERSION, _same(found, opaque))
    except TenantryError as error:
        if not arm_code(error, "ResourceGroupNotFound"):
            raise
        tell(Event(text=f"the workspace {found['name']} stays deleted and kept: {error.message}"))
        return
    arm.delete(workspace, _VERSION, force="true")


def _kept(arm: Arm, workspace: str) -> Mapping[str, Any] | None:
    """Return what the list of the deleted has of it. One of the same name in another group is another one."""
    subscription = subscription_of(workspace)
    listed = arm.list(subscription + _LIST.path, _LIST.version)
    return next((one for one in listed if str(one.get("id", "")).lower() == workspace.lower()), None)


def _same(found: Mapping[str, Any], opaque: str) -> Mapping[str, Any]:
    """Return what it was made with: what is not said would be given to it anew."""
    kept = found.get("properties") or {}
    same = {"retentionInDays": kept.get("retentionInDays"), "sku": {"name": at(found, "properties.sku.name")}}
    return {
        "location": found["location"],
        "tags": {**(found.get("tags") or {}), "instance": opaque},
        "properties": {name: value for name, value in same.items() if kept.get(name)},
    }
