"""What lies in an instance's group and is not its own: an erasure would take it along, or be kept from it.

Resources have the instance's tag, and so have keys, secrets and links of DNS zones. A database and
a subnet have none: they are known by the name that they have in every instance. So what a killed
deploy made is the instance's own as well.
Not judged are containers of blobs, which the workload may make itself, and what only sets how a
resource of the instance's own works and holds nothing, such as a setting that sends logs, or a host name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.errors import Problem
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES, lies_in
from tenantry.targets.azure import inventory, locks
from tenantry.targets.azure.asset_types import ASSET_TYPES, Listed

__all__ = ["is_own", "obstacles", "parts", "resources", "rights"]

_ASSIGNMENT: Final = TYPES["azure-native:authorization:RoleAssignment"]
_GROUP: Final = TYPES["azure-native:resources:ResourceGroup"]
_ROWS: Final = {name.lower(): row for name, row in ASSET_TYPES.items()}
_INTERFACES: Final = "microsoft.network/networkinterfaces"
# Azure makes these by itself for a component of Application Insights, without our tags: the rule within
# minutes, the group whom the rule calls up to hours later, and only in one resource group of a subscription.
_DETECTOR_RULE: Final = "microsoft.alertsmanagement/smartdetectoralertrules"
_DETECTOR_CALLS: Final = ("microsoft.insights/actiongroups", "application insights smart detection")
_DATABASE, _SUBNET, _KEY, _SECRET, _LINK = (
    TYPES[f"azure-native:{token}"].arm_type
    for token in (
        *("dbforpostgresql:Database", "network:Subnet"),
        *("keyvault:Key", "keyvault:Secret", "privatedns:VirtualNetworkLink"),
    )
)
_TAGGED: Final = frozenset({_KEY, _SECRET, _LINK})
_PARTS: Final = frozenset({_DATABASE, _SUBNET}) | _TAGGED
_DATABASES_OF_AZURE: Final = frozenset({"azure_maintenance", "azure_sys", "postgres"})


def obstacles(arm: Arm, group: str, opaque: str, *, names: AzureNames) -> Mapping[str, Problem]:
    """Return why an instance's group cannot be deleted, by the ids of what is not the instance's.

    Args:
        arm: Resource Manager.
        group: the group's id.
        opaque: the instance, as its tag has it.
        names: of what the instance consists of.
    """
    if arm.get(group, _GROUP.version) is None:
        return {}
    listed = inventory.resources(arm, group)
    theirs = [*resources(listed, opaque), *_lone_interfaces(arm, listed, opaque)]
    within = [one for one in listed if one["id"] not in theirs]  # what lies in somebody else's goes with it
    theirs = [*theirs, *parts(arm, group, within, opaque, names=names)]
    found = {one: _not_its_own(one, group) for one in theirs}
    return {**found, **locks.others(locks.at_and_below(arm, group), group)}


def _not_its_own(identity: str, group: str) -> Problem:
    name = group.rpartition("/")[2]
    return Problem(
        code="foreign-resource",
        message=f"it lies in {name} and is not the instance's: {identity}",
        hint="see whose it is and move or delete it, then run the same command again; where a lock of the "
        "instance's own forbids that, lift it, as the erasure would",
    )


def parts(
    arm: Arm,
    group: str,
    listed: Sequence[Mapping[str, Any]],
    opaque: str,
    *,
    names: AzureNames,
) -> Sequence[str]:
    """Return the ids of what lies in resources of an instance and is not its own."""
    own: dict[str, Collection[str]] = {
        _DATABASE: {names.database, *_DATABASES_OF_AZURE},
        _SUBNET: {names.app_subnet, names.endpoints_subnet},
    }

    def is_own(type_: str, one: Mapping[str, Any]) -> bool:
        if type_ in _TAGGED:
            return _is_tagged(one, opaque)
        return str(one["id"]).rpartition("/")[2] in own[type_]

    every = inventory.entries(arm, group, listed, types=_PARTS)
    return [one["id"] for type_, one in every if not is_own(type_, one)]


def _is_tagged(one: Mapping[str, Any], opaque: str) -> bool:
    return (one.get("tags") or {}).get("instance") == opaque


def resources(listed: Sequence[Mapping[str, Any]], opaque: str) -> Sequence[str]:
    """Return the ids of those resources of an instance's group that are not its own.

    Network interfaces are left out: what they are of is listed itself.
    """
    return [
        one["id"]
        for one in listed
        if not _is_tagged(one, opaque) and one["type"].lower() != _INTERFACES and not _is_azures_own(one)
    ]


def _is_azures_own(one: Mapping[str, Any]) -> bool:
    type_, name = one["type"].lower(), str(one["id"]).rpartition("/")[2].lower()
    return type_ == _DETECTOR_RULE or (type_, name) == _DETECTOR_CALLS


def rights(reads: Reads, group: str, own: Collection[str]) -> Sequence[str]:
    """Return the ids of the role assignments in a group and below it that are not among its instance's own.

    ``own`` are ids in lower case. What was assigned above the group is not the instance's matter.
    """
    listed = reads.list(f"{group}/providers/{_ASSIGNMENT.arm_type}", _ASSIGNMENT.version)
    return [one["id"] for one in listed if lies_in(one["id"], group) and one["id"].lower() not in own]


def is_own(arm: Arm, found: Mapping[str, Any], type_: str, *, group: str, opaque: str) -> bool:
    """Say whether what lies where an instance's program would make it is the instance's own.

    By its tags, which a create sends along. What has no tags in its type, a part or what hangs on
    something, by those of the group, whose name was drawn for this instance alone.
    """
    row = _ROWS.get(type_.lower())
    if row is None or row.listed not in (Listed.GROUP, Listed.RESOURCES):
        found = arm.get(group, _GROUP.version) or {}
    return (found.get("tags") or {}).get("instance") == opaque


def _lone_interfaces(arm: Arm, listed: Sequence[Mapping[str, Any]], opaque: str) -> Sequence[str]:
    """Return the network interfaces that Azure has not made for a private endpoint."""
    version = TYPES["azure-native:network:PrivateEndpoint"].version

    def is_of_an_endpoint(identity: str) -> bool:
        found = arm.get(identity, version) or {}
        return bool((found.get("properties") or {}).get("privateEndpoint"))

    found = [
        one["id"] for one in listed if one["type"].lower() == _INTERFACES and not _is_tagged(one, opaque)
    ]
    return [one for one in found if not is_of_an_endpoint(one)]
