"""What a region and a subscription offer: capabilities, free names, quotas."""

from __future__ import annotations

import re
from typing import Any

from tenantry.config.regions import catalogue
from tenantry.model.regions import Access, Offered, Region
from tenantry.sandbox import quotas
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.arm_resources import Call
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.kinds import ArmFault

__all__ = ["Offers"]

_PATH = re.compile(
    r"^/subscriptions/[^/]+/providers/(?P<namespace>[^/]+)(?:/locations/(?P<location>[^/]+))?"
    r"/(?P<what>capabilities|checkNameAvailability|resourceType/flexibleServers/usages)$",
    re.IGNORECASE,
)
_VERSIONS = ("15", "16", "17", "18")
_SIZES = {
    "GeneralPurpose": ("Standard_D2ds_v5", "Standard_D4ds_v5", "Standard_D8ds_v5"),
    "MemoryOptimized": ("Standard_E2ds_v5", "Standard_E4ds_v5", "Standard_E8ds_v5"),
    "Burstable": ("Standard_B1ms", "Standard_B2s"),
}
# Whose names are unique in the cloud; deleted ones keep theirs, but for accounts.
_NAMED = {
    "microsoft.keyvault": ("Microsoft.KeyVault/vaults", "VaultAlreadyExists"),
    "microsoft.storage": ("Microsoft.Storage/storageAccounts", "AlreadyExists"),
    "microsoft.dbforpostgresql": ("Microsoft.DBforPostgreSQL/flexibleServers", "AlreadyExists"),
    "microsoft.web": ("Microsoft.Web/sites", "AlreadyExists"),
}


class Offers:
    """Answers for what is asked before something is made."""

    def __init__(self, cloud: SandboxCloud, faults: Faults) -> None:
        self._cloud = cloud
        self._faults = faults

    def answer(self, call: Call) -> Answer | None:
        """Answer; None when the path is somebody else's."""
        found = _PATH.match(call.path)
        if found is None:
            return None
        what, namespace = found["what"].lower(), found["namespace"].lower()
        if what == "checknameavailability":
            return Answer(200, self._free(namespace, call.body or {}))
        if namespace != "microsoft.dbforpostgresql":
            return None
        region = self._region(found["location"] or "")
        if what == "capabilities":
            return Answer(200, {"value": [_capability(region)]})
        return Answer(200, {"value": quotas.usages(self._cloud, self._faults, region.name)})

    def _region(self, name: str) -> Region:
        region = catalogue().find(name.replace(" ", "").lower())
        if region is None:
            raise ArmFault(400, "NoRegisteredProviderFound", f"The location '{name}' is not available.")
        return region

    def _free(self, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        type_, reason = _NAMED.get(namespace, ("", "AlreadyExists"))
        name = str(body.get("name", "")).lower()
        deleted = [] if namespace == "microsoft.storage" else self._cloud.kind(type_).deleted(self._cloud, "")
        kept = {str(one.get("name", "")).lower() for one in deleted}
        living = {one.name.lower() for one in self._cloud.children("", type_)} if type_ else set()
        if name in living or name in kept:
            where = "in use" if name in living else "reserved by a deleted resource"
            message = f"The name '{name}' is already {where}."
            return {"nameAvailable": False, "reason": reason, "message": message}
        return {"nameAvailable": True, "reason": "", "message": ""}


def _capability(region: Region) -> dict[str, Any]:
    restricted = region.postgresql is Offered.NO or region.access is not Access.OPEN
    zonal = region.zone_redundancy is Offered.YES
    return {
        "name": "FlexibleServerCapabilities",
        "restricted": "Enabled" if restricted else "Disabled",
        "supportedServerVersions": [] if restricted else [{"name": one} for one in _VERSIONS],
        "supportedServerEditions": []
        if restricted
        else [
            {
                "name": tier,
                "defaultSkuName": sizes[0],
                "supportedServerSkus": [
                    {
                        "name": size,
                        "vCores": quotas.family_and_cores(size)[1],
                        "supportedZones": [str(zone) for zone in range(1, region.zones + 1)],
                        "supportedHaMode": ["SameZone", *(["ZoneRedundant"] if zonal else [])],
                    }
                    for size in sizes
                ],
            }
            for tier, sizes in _SIZES.items()
        ],
        "geoBackupSupported": "Enabled" if region.geo_backup is Offered.YES else "Disabled",
        "zoneRedundantHaSupported": "Enabled" if zonal else "Disabled",
        "zoneRedundantHaAndGeoBackupSupported": "Enabled"
        if zonal and region.geo_backup is Offered.YES
        else "Disabled",
        "storageAutoGrowthSupported": "Enabled",
        "onlineResizeSupported": "Enabled",
        "fastProvisioningSupported": "Disabled",
    }
