"""What a region offers of PostgreSQL flexible servers."""

from __future__ import annotations

from typing import Any

from tenantry.config.regions import catalogue
from tenantry.model.regions import Access, Offered, Region
from tenantry.sandbox import quotas
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.kinds import ArmFault, Resource
from tenantry.sandbox.parts.notes import same

__all__ = ["capability", "check_standby", "is_restricted"]

_SERVER = "Microsoft.DBforPostgreSQL/flexibleServers"

_VERSIONS = ("15", "16", "17", "18")
_SIZES = {
    "GeneralPurpose": ("Standard_D2ds_v5", "Standard_D4ds_v5", "Standard_D8ds_v5"),
    "MemoryOptimized": ("Standard_E2ds_v5", "Standard_E4ds_v5", "Standard_E8ds_v5"),
    "Burstable": ("Standard_B1ms", "Standard_B2s"),
}
# Disks: GiB, performance tier, operations per second.
_DISKS = (
    (32, "P4", 120),
    (64, "P6", 240),
    (128, "P10", 500),
    (256, "P15", 1100),
    (512, "P20", 2300),
    (1024, "P30", 5000),
    (2048, "P40", 7500),
    (4095, "P50", 7500),
    (4096, "P50", 7500),
    (8192, "P60", 16000),
    (16384, "P70", 18000),
    (32767, "P80", 20000),
)


def is_restricted(region: Region) -> bool:
    """Say whether a subscription that was not let in may have no server there."""
    return region.postgresql is Offered.NO or region.access is not Access.OPEN


def _has_standby(region: Region, faults: Faults) -> bool:
    """Say whether a new standby in a second zone is to be had there."""
    return region.zone_redundancy is Offered.YES and not faults.holds("standby", value=region.name)


def check_standby(faults: Faults, new: Resource, old: Resource | None) -> None:
    """Refuse a server a new standby in a second zone where none is to be had; one that is there stays."""
    if not same(new.type, _SERVER) or not _is_zonal(new) or (old is not None and _is_zonal(old)):
        return
    region = catalogue().find(new.location)
    if region is None or not _has_standby(region, faults):
        raise ArmFault(400, "HADisabledForRegion", f"HA is disabled for region {new.location}.")


def _is_zonal(server: Resource) -> bool:
    return same(str((server.properties.get("highAvailability") or {}).get("mode")), "ZoneRedundant")


def capability(region: Region, faults: Faults) -> dict[str, Any]:
    """Return the one capability that Azure tells of a region."""
    restricted = is_restricted(region)
    zonal = _has_standby(region, faults)
    copied = region.geo_backup is Offered.YES
    told = {
        "restricted": restricted,
        "geoBackupSupported": copied,
        "zoneRedundantHaSupported": zonal,
        "zoneRedundantHaAndGeoBackupSupported": zonal and copied,
        "storageAutoGrowthSupported": True,
        "onlineResizeSupported": True,
        "fastProvisioningSupported": False,
    }
    features = {
        "OfferRestricted": restricted,
        "GeoBackup": copied,
        "ZoneRedundantHa": zonal,
        "ZoneRedundantHaAndGeoBackup": zonal and copied,
        "StorageAutoGrowth": True,
        "OnlineResize": True,
        "FastProvisioning": False,
        "IndexTuning": False,
    }
    return {
        "name": "FlexibleServerCapabilities",
        "supportedServerVersions": [] if restricted else [{"name": one} for one in _VERSIONS],
        "supportedServerEditions": []
        if restricted
        else [_edition(one, region, zonal=zonal) for one in _SIZES],
        "supportedFeatures": [{"name": name, "status": _word(there)} for name, there in features.items()],
        **{name: _word(there) for name, there in told.items()},
    }


def _edition(tier: str, region: Region, *, zonal: bool) -> dict[str, Any]:
    zones = [str(zone) for zone in range(1, region.zones + 1)]
    modes = ["SameZone", *(["ZoneRedundant"] if zonal else [])]
    return {
        "name": tier,
        "defaultSkuName": _SIZES[tier][0],
        "supportedStorageEditions": [
            {
                "name": "ManagedDisk",
                "defaultStorageSizeMb": _DISKS[0][0] * 1024,
                "supportedStorageMb": [_disk(*one) for one in _DISKS],
            }
        ],
        "supportedServerSkus": [
            {
                "name": size,
                "vCores": quotas.family_and_cores(size)[1],
                "supportedZones": zones,
                "supportedHaMode": modes,
            }
            for size in _SIZES[tier]
        ],
    }


def _disk(size: int, tier: str, operations: int) -> dict[str, Any]:
    return {
        "storageSizeMb": size * 1024,
        "supportedIops": operations,
        "defaultIopsTier": tier,
        "supportedIopsTiers": [{"name": tier, "iops": operations}],
    }


def _word(there: bool) -> str:  # noqa: FBT001 - it is the whole question
    return "Enabled" if there else "Disabled"
