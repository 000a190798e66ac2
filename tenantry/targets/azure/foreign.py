"""What lies in an instance's group and is not its own: an erasure would take it along, or be kept from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import Problem
from tenantry.model.azure_types import TYPES
from tenantry.targets.azure import inventory, locks
from tenantry.targets.azure.asset_types import ASSET_TYPES, Listed

__all__ = ["is_own", "obstacles", "resources"]

_GROUP: Final = TYPES["azure-native:resources:ResourceGroup"]
_ROWS: Final = {name.lower(): row for name, row in ASSET_TYPES.items()}
_INTERFACES: Final = "microsoft.network/networkinterfaces"
# Azure makes these by itself for resources of ours, without our tags.
_MADE_BY_AZURE: Final = frozenset({"microsoft.alertsmanagement/smartdetectoralertrules"})


def obstacles(arm: Arm, group: str, opaque: str) -> Mapping[str, Problem]:
    """Return why an instance's group cannot be deleted, by the ids of what is not the instance's."""
    if arm.get(group, _GROUP.version) is None:
        return {}
    found = {one: _not_its_own(one, group) for one in resources(arm, group, opaque)}
    return {**found, **locks.others(locks.at_and_below(arm, group), group)}


def _not_its_own(identity: str, group: str) -> Problem:
    name = group.rpartition("/")[2]
    return Problem(
        code="foreign-resource",
        message=f"it lies in {name} and is not the instance's: {identity}",
        hint="see whose it is and move or delete it, then run the same command again",
    )


def resources(arm: Arm, group: str, opaque: str) -> Sequence[str]:
    """Return the ids of what lies in an instance's group and is not its own."""
    return [
        one["id"]
        for one in inventory.resources(arm, group)
        if (one.get("tags") or {}).get("instance") != opaque
        and one["type"].lower() not in _MADE_BY_AZURE
        and not _is_of_an_endpoint(arm, one)
    ]


def is_own(arm: Arm, found: Mapping[str, Any], type_: str, *, group: str, opaque: str) -> bool:
    """Say whether what lies where an instance's program would make it is the instance's own.

    By its tags, which a create sends along. What has no tags in its type, a part or what hangs on
    something, by those of the group, whose name was drawn for this instance alone.
    """
    row = _ROWS.get(type_.lower())
    if row is None or row.listed not in (Listed.GROUP, Listed.RESOURCES):
        found = arm.get(group, _GROUP.version) or {}
    return (found.get("tags") or {}).get("instance") == opaque


def _is_of_an_endpoint(arm: Arm, one: Mapping[str, Any]) -> bool:
    """Say whether it is the network interface that Azure makes for a private endpoint."""
    if one["type"].lower() != _INTERFACES:
        return False
    version = TYPES["azure-native:network:PrivateEndpoint"].version
    found = arm.get(one["id"], version) or {}
    return bool((found.get("properties") or {}).get("privateEndpoint"))
