"""How many cores of PostgreSQL, and accounts, a subscription may have in a region, and how many it has."""

from __future__ import annotations

import re
from typing import Any, Final

from tenantry.sandbox.faults import Faults
from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts.notes import same, subscription

__all__ = ["account_usages", "check", "core_usages", "family_and_cores"]

_SERVER: Final = "Microsoft.DBforPostgreSQL/flexibleServers"
_ACCOUNT: Final = "Microsoft.Storage/storageAccounts"
# Where no rehearsal says otherwise.
_CORES: Final = 100
_ACCOUNTS: Final = 250  # as Azure gives who does not ask for more
_SKU: Final = re.compile(r"Standard_(?P<series>[A-Z]+)(?P<cores>\d+)(?P<more>[a-z]*)(?:_(?P<version>v\d+))?")


def core_usages(cloud: Cloud, faults: Faults, within: str, region: str) -> list[dict[str, Any]]:
    """Return what a subscription may have and has in a region: all cores, then those of each family."""
    used: dict[str, int] = {"cores": 0, "standardDDSv5Family": 0, "standardEDSv5Family": 0}
    for one in _there(cloud, _SERVER, within, region):
        family, cores = _size(one)
        used["cores"] += cores
        used[family] = used.get(family, 0) + cores
    limit = _limit(faults, "quota", _CORES)
    return [{**_usage(name, name, count, limit), "id": ""} for name, count in used.items()]


def account_usages(cloud: Cloud, faults: Faults, within: str, region: str) -> list[dict[str, Any]]:
    """Return how many accounts a subscription may have and has in a region; deleted ones do not count."""
    count = len(_there(cloud, _ACCOUNT, within, region))
    return [_usage("StorageAccounts", "Storage Accounts", count, _limit(faults, "accounts", _ACCOUNTS))]


def _usage(name: str, told: str, count: int, limit: int) -> dict[str, Any]:
    named = {"value": name, "localizedValue": told}
    return {"name": named, "currentValue": count, "limit": limit, "unit": "Count"}


def check(cloud: Cloud, faults: Faults, new: Resource, old: Resource | None) -> None:
    """Refuse a server or an account that would take its region in its subscription over the quota."""
    if same(new.type, _SERVER) and new.body.get("sku"):
        _check_cores(cloud, faults, new, old)
    elif same(new.type, _ACCOUNT) and old is None:
        count = len(_there(cloud, _ACCOUNT, subscription(new.id), new.location))
        limit = _limit(faults, "accounts", _ACCOUNTS)
        if count >= limit:
            raise ArmFault(
                409,
                "MaxStorageAccountsCountPerSubscriptionExceeded",
                f"Subscription {subscription(new.id).rpartition('/')[2]} already contains {count} storage "
                f"accounts in location {new.location} and the maximum allowed is {limit}.",
            )


def _check_cores(cloud: Cloud, faults: Faults, new: Resource, old: Resource | None) -> None:
    servers = _there(cloud, _SERVER, subscription(new.id), new.location)
    others = [one for one in servers if old is None or one.id != old.id]
    wanted = _size(new)[1] + sum(_size(one)[1] for one in others)
    limit = _limit(faults, "quota", _CORES)
    grows = old is None or _size(new)[1] > _size(old)[1]
    if grows and wanted > limit:
        raise ArmFault(
            400,
            "QuotaExceeded",
            f"Operation could not be completed as it results in exceeding approved {limit} Cores quota.",
        )


def _there(cloud: Cloud, type_: str, within: str, region: str) -> list[Resource]:
    return [one for one in cloud.children(within, type_) if same(one.location, region)]


def _size(server: Resource) -> tuple[str, int]:
    return family_and_cores(str((server.body.get("sku") or {}).get("name", "")))


def family_and_cores(sku: str) -> tuple[str, int]:
    """Return what a size counts against, and how much: standardDDSv5Family and 2 for Standard_D2ds_v5."""
    found = _SKU.fullmatch(sku)
    if found is None:
        return "other", 0
    version = found["version"] or ""
    return f"standard{found['series']}{found['more'].upper()}{version}Family", int(found["cores"])


def _limit(faults: Faults, kind: str, otherwise: int) -> int:
    fault = faults.holds(kind)
    return int(fault.value) if fault else otherwise
