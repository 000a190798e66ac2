"""How many cores of PostgreSQL a subscription may have in a region, and how many it has."""

from __future__ import annotations

import re
from typing import Any, Final

from tenantry.sandbox.faults import Faults
from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts.notes import same, subscription

__all__ = ["check", "family_and_cores", "usages"]

_SERVER: Final = "Microsoft.DBforPostgreSQL/flexibleServers"
_CORES: Final = 100  # where no rehearsal says otherwise
_SKU: Final = re.compile(r"Standard_(?P<series>[A-Z]+)(?P<cores>\d+)(?P<more>[a-z]*)(?:_(?P<version>v\d+))?")


def usages(cloud: Cloud, faults: Faults, within: str, region: str) -> list[dict[str, Any]]:
    """Return what a subscription may have and has in a region: all cores, then those of each family."""
    used: dict[str, int] = {"cores": 0, "standardDDSv5Family": 0, "standardEDSv5Family": 0}
    for one in _servers(cloud, within, region):
        family, cores = _size(one)
        used["cores"] += cores
        used[family] = used.get(family, 0) + cores
    limit = _limit(faults)
    return [
        {
            "name": {"value": name, "localizedValue": name},
            "currentValue": count,
            "limit": limit,
            "unit": "Count",
            "id": "",
        }
        for name, count in used.items()
    ]


def check(cloud: Cloud, faults: Faults, new: Resource, old: Resource | None) -> None:
    """Refuse a server that would take its region in its subscription over the quota."""
    if not same(new.type, _SERVER) or not new.body.get("sku"):
        return
    servers = _servers(cloud, subscription(new.id), new.location)
    others = [one for one in servers if old is None or one.id != old.id]
    wanted = _size(new)[1] + sum(_size(one)[1] for one in others)
    limit = _limit(faults)
    grows = old is None or _size(new)[1] > _size(old)[1]
    if grows and wanted > limit:
        raise ArmFault(
            400,
            "QuotaExceeded",
            f"Operation could not be completed as it results in exceeding approved {limit} Cores quota.",
        )


def _servers(cloud: Cloud, within: str, region: str) -> list[Resource]:
    return [one for one in cloud.children(within, _SERVER) if same(one.location, region)]


def _size(server: Resource) -> tuple[str, int]:
    return family_and_cores(str((server.body.get("sku") or {}).get("name", "")))


def family_and_cores(sku: str) -> tuple[str, int]:
    """Return what a size counts against, and how much: standardDDSv5Family and 2 for Standard_D2ds_v5."""
    found = _SKU.fullmatch(sku)
    if found is None:
        return "other", 0
    version = found["version"] or ""
    return f"standard{found['series']}{found['more'].upper()}{version}Family", int(found["cores"])


def _limit(faults: Faults) -> int:
    fault = faults.holds("quota")
    return int(fault.value) if fault else _CORES
