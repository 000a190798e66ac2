"""What the sizes small, medium and large are on Azure; docs/reference/azure-sizes.md tells them.

No size takes a Burstable server: those have no on-demand backups and no
zone-redundant standby. All take one worker: a workload whose timers run inside
its process (as the 121 Platform's) would do everything twice on two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenantry.model.regions import Place, Region, kilometres
from tenantry.model.spec import Size

__all__ = ["AZURE_SIZES", "PORTAL_REGIONS", "AzureSize", "portal_region"]


@dataclass(frozen=True, kw_only=True)
class AzureSize:
    """The products that an instance of one size takes."""

    server_sku: str  # of the PostgreSQL flexible server
    server_tier: str
    server_storage_gib: int  # grows by itself
    server_connections: int  # what the server's default max_connections is at this size
    plan_sku: str  # of the App Service plan
    plan_tier: str
    plan_workers: int
    cache_sku: str  # of Azure Managed Redis
    portal_sku: str  # of the Static Web App


AZURE_SIZES: Mapping[Size, AzureSize] = {
    Size.SMALL: AzureSize(
        server_sku="Standard_D2ds_v5",
        server_tier="GeneralPurpose",
        server_storage_gib=32,
        server_connections=859,
        plan_sku="B2",
        plan_tier="Basic",
        plan_workers=1,
        cache_sku="Balanced_B0",
        portal_sku="Free",
    ),
    Size.MEDIUM: AzureSize(
        server_sku="Standard_D4ds_v5",
        server_tier="GeneralPurpose",
        server_storage_gib=128,
        server_connections=1718,
        plan_sku="P1v3",
        plan_tier="PremiumV3",
        plan_workers=1,
        cache_sku="Balanced_B1",
        portal_sku="Standard",
    ),
    Size.LARGE: AzureSize(
        server_sku="Standard_E4ds_v5",
        server_tier="MemoryOptimized",
        server_storage_gib=512,
        server_connections=3437,
        plan_sku="P2v3",
        plan_tier="PremiumV3",
        plan_workers=1,
        cache_sku="Balanced_B5",
        portal_sku="Standard",
    ),
}

# The only regions that take Static Web Apps. What lies there is public and holds no client data.
PORTAL_REGIONS: Mapping[str, Place] = {
    "centralus": Place(latitude=41.5908, longitude=-93.6208),
    "eastasia": Place(latitude=22.267, longitude=114.188),
    "eastus2": Place(latitude=36.6681, longitude=-78.3889),
    "westeurope": Place(latitude=52.3667, longitude=4.9),
    "westus2": Place(latitude=47.233, longitude=-119.852),
}


def portal_region(region: Region) -> str:
    """Return where a portal's files are managed: the region itself where it can be, else the nearest.

    Of the clouds for governments and China it is not known which regions take one: there it is the region
    itself, and Azure has the last word.
    """
    if region.place is None:
        return region.name
    place = region.place
    return min(PORTAL_REGIONS, key=lambda name: kilometres(place, PORTAL_REGIONS[name]))
