"""What there is of an instance on Azure: its group, what hangs on it, and what Azure keeps after deletion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import TenantryError
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES
from tenantry.model.status import Asset, EraseMethod, Evidence

__all__ = [
    "DELETED",
    "DeletedKind",
    "group_id",
    "host_names",
    "inventory",
    "kept",
    "prove_absent",
    "resources",
]

_RESOURCES: Final = "2021-04-01"
_BINDING: Final = TYPES["azure-native:web:WebAppHostNameBinding"]
_AUTHORIZATION: Final = TYPES["azure-native:authorization:RoleAssignment"].version


@dataclass(frozen=True, kw_only=True)
class DeletedKind:
    """A list of what was deleted and can still be recovered."""

    word: str  # for people
    arm_type: str
    path: str  # below the subscription
    version: str
    name: str  # in an entry: a dotted path
    until: str  # in an entry: when it goes; "" where Azure does not say
    days: int  # how long it is kept, where Azure does not say


# Every type of ours that Azure keeps after its deletion and lists. PostgreSQL has no list.
DELETED: Final = (
    DeletedKind(
        word="vault",
        arm_type="Microsoft.KeyVault/vaults",
        path="/providers/Microsoft.KeyVault/deletedVaults",
        version="2024-11-01",
        name="name",
        until="properties.scheduledPurgeDate",
        days=7,
    ),
    DeletedKind(
        word="workspace",
        arm_type="Microsoft.OperationalInsights/workspaces",
        path="/providers/Microsoft.OperationalInsights/deletedWorkspaces",
        version="2023-09-01",
        name="name",
        until="",
        days=14,
    ),
    DeletedKind(
        word="site",
        arm_type="Microsoft.Web/sites",
        path="/providers/Microsoft.Web/deletedSites",
        version="2025-05-01",
        name="properties.deletedSiteName",
        until="",
        days=30,
    ),
    DeletedKind(
        word="storage account",
        arm_type="Microsoft.Storage/storageAccounts",
        path="/providers/Microsoft.Storage/deletedAccounts",
        version="2024-01-01",
        name="name",
        until="",
        days=14,
    ),
)


def group_id(subscription_id: str, names: AzureNames) -> str:
    """Return the id of an instance's resource group."""
    return f"/subscriptions/{subscription_id}/resourceGroups/{names.resource_group}"


def resources(arm: Arm, group: str) -> Sequence[dict[str, Any]]:
    """Return the resources that Resource Manager lists in a group."""
    return arm.list(f"{group}/resources", _RESOURCES)


def host_names(arm: Arm, group: str, site: str) -> Sequence[dict[str, Any]]:
    """Return the host names that are bound to a site, without the one that App Service gave it."""
    listed = arm.list(f"{group}/providers/Microsoft.Web/sites/{site}/hostNameBindings", _BINDING.version)
    return [one for one in listed if not one["id"].rpartition("/")[2].startswith(f"{site}.")]


def inventory(arm: Arm, subscription_id: str, names: AzureNames) -> frozenset[Asset]:
    """Return every asset that a look at Azure shows."""
    group = group_id(subscription_id, names)
    found: set[Asset] = set()
    if arm.get(group, _RESOURCES) is not None:
        found.add(Asset(id=group, type="Microsoft.Resources/resourceGroups"))
        for one in resources(arm, group):
            found.add(Asset(id=one["id"], type=one["type"], detail=one.get("location", "")))
        for one in arm.list(f"{group}/providers/Microsoft.Authorization/locks", "2020-05-01"):
            found.add(Asset(id=one["id"], type="Microsoft.Authorization/locks"))
        for one in host_names(arm, group, names.site):
            found.add(Asset(id=one["id"], type=_BINDING.arm_type))
    # With the group gone, too: an assignment may outlive what it was made for.
    for one in _assignments(arm, subscription_id, group):
        found.add(Asset(id=one["id"], type="Microsoft.Authorization/roleAssignments"))
    for kind, entry in kept(arm, subscription_id, names):
        found.add(Asset(id=str(entry.get("id", "")), type=kind.arm_type, detail="deleted, and kept"))
    return frozenset(found)


def kept(arm: Arm, subscription_id: str, names: AzureNames) -> Sequence[tuple[DeletedKind, dict[str, Any]]]:
    """Return what of the instance stands in the lists of deleted resources."""
    mine = {
        *(names.keys_vault, names.secrets_vault, names.pair_keys_vault, names.workspace, names.site),
        names.storage,
    }
    subscription = f"/subscriptions/{subscription_id}"
    with ThreadPoolExecutor(len(DELETED)) as pool:
        lists = pool.map(lambda kind: arm.list(subscription + kind.path, kind.version), DELETED)
        return [
            (kind, entry)
            for kind, entries in zip(DELETED, lists, strict=True)
            for entry in entries
            if _at(entry, kind.name) in mine
        ]


def prove_absent(
    arm: Arm, subscription_id: str, names: AzureNames, known: frozenset[Asset], *, now: datetime
) -> Sequence[Evidence]:
    """Look for the group, for each known asset, and for strays. What is kept after deletion is a residue."""
    group = group_id(subscription_id, names)
    try:
        there = {asset.id.lower(): asset for asset in inventory(arm, subscription_id, names)}
    except TenantryError as error:
        return [
            Evidence(asset=one, method=None, absent=None, evidence=f"could not look: {error.message}", at=now)
            for one in sorted(known, key=lambda one: one.id)
        ] or [_unseen(group, error, now)]
    wanted = {asset.id.lower(): asset for asset in known}
    found = []
    for key in sorted({*there, *wanted, group.lower()}):
        asset = (
            wanted.get(key) or there.get(key) or Asset(id=group, type="Microsoft.Resources/resourceGroups")
        )
        if asset.detail == "deleted, and kept":
            continue
        present = key in there and there[key].detail != "deleted, and kept"
        found.append(
            Evidence(
                asset=asset,
                method=EraseMethod.CLEAR,
                absent=not present,
                evidence="Resource Manager lists it" if present else "not in Resource Manager's lists",
                at=now,
            )
        )
    return found


def _unseen(group: str, error: TenantryError, now: datetime) -> Evidence:
    asset = Asset(id=group, type="Microsoft.Resources/resourceGroups")
    return Evidence(
        asset=asset, method=None, absent=None, evidence=f"could not look: {error.message}", at=now
    )


def _assignments(arm: Arm, subscription_id: str, group: str) -> Iterator[dict[str, Any]]:
    path = f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleAssignments"
    for one in arm.list(path, _AUTHORIZATION):
        if str(one["properties"].get("scope", "")).lower().startswith(group.lower()):
            yield one


def _at(entry: Mapping[str, Any], path: str) -> str:
    value: Any = entry
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return str(value)
