"""What there is of an instance on Azure: its group, what hangs on it, and what Azure keeps after deletion."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES, lies_in
from tenantry.model.status import Asset
from tenantry.targets.azure.asset_types import ASSET_TYPES, Listed

__all__ = [
    "DELETED",
    "DeletedKind",
    "assignments",
    "at",
    "entries",
    "group_id",
    "host_names",
    "inventory",
    "kept",
    "parts",
    "resources",
]

_RESOURCES: Final = "2021-04-01"
_BINDING: Final = TYPES["azure-native:web:WebAppHostNameBinding"]
_VERSIONS: Final = {one.arm_type.lower(): one.version for one in TYPES.values()}
_AT_ONCE: Final = 16  # lists


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


def resources(arm: Reads, group: str) -> Sequence[dict[str, Any]]:
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
        listed = resources(arm, group)
        found |= {Asset(id=one["id"], type=one["type"], detail=one.get("location", "")) for one in listed}
        found |= set(parts(arm, group, listed))
    # With the group gone, too: an assignment may outlive what it was made for.
    for one in assignments(arm, subscription_id, group):
        found.add(Asset(id=one["id"], type="Microsoft.Authorization/roleAssignments"))
    for kind, entry in kept(arm, subscription_id, names):
        found.add(Asset(id=str(entry.get("id", "")), type=kind.arm_type, detail="deleted, and kept"))
    return frozenset(found)


def parts(
    arm: Arm, group: str, listed: Sequence[Mapping[str, Any]], *, types: Collection[str] = ASSET_TYPES
) -> Sequence[Asset]:
    """Return what hangs on a group and on its resources, of all types or some."""
    return [Asset(id=one["id"], type=name) for name, one in entries(arm, group, listed, types=types)]


def entries(
    arm: Arm, group: str, listed: Sequence[Mapping[str, Any]], *, types: Collection[str]
) -> Sequence[tuple[str, dict[str, Any]]]:
    """Return the same as it is listed, each with its type."""
    paths: list[tuple[str, str]] = []
    for name, row in ASSET_TYPES.items():
        if name not in types:
            continue
        if row.listed is Listed.SCOPE:
            paths.append((name, f"{group}/providers/{name}"))
        elif row.listed is Listed.BELOW:
            around = {parent.lower(): below for parent, below in row.parents.items()}
            paths += [
                (name, f"{one['id']}/{path}")
                for one in listed
                for path in around.get(one["type"].lower(), ())
            ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        lists = pool.map(lambda one: arm.list(one[1], _VERSIONS[one[0].lower()]), paths)
        return [
            (name, entry)
            for (name, _), found in zip(paths, lists, strict=True)
            for entry in found
            if not _is_given(name, entry)
        ]


def _is_given(type_: str, entry: Mapping[str, Any]) -> bool:
    """Say whether it is the host name that App Service gave a site, which is part of it."""
    site, _, host = str(entry["id"]).partition("/hostNameBindings/")
    return type_ == _BINDING.arm_type and host.startswith(f"{site.rpartition('/')[2]}.")


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
            if at(entry, kind.name) in mine
        ]


def assignments(arm: Arm, subscription_id: str, group: str) -> Iterator[dict[str, Any]]:
    """Return the role assignments in a group and on anything in it, whether it is there or not."""
    type_ = "Microsoft.Authorization/roleAssignments"
    for one in arm.list(f"/subscriptions/{subscription_id}/providers/{type_}", _VERSIONS[type_.lower()]):
        if lies_in(str(one["properties"].get("scope", "")), group):
            yield one


def at(entry: Mapping[str, Any], path: str) -> str:
    """Return what stands in an entry at a dotted path, "" when nothing does."""
    value: Any = entry
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return str(value)
