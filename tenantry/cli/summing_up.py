"""What an instance on Azure is, in a few lines: what a preview says before its many resources."""

from __future__ import annotations

from typing import Any

from tenantry.config.regions import find_region
from tenantry.errors import DefectError
from tenantry.model.azure_sizes import AZURE_SIZES, portal_region
from tenantry.model.profile import Profile, Service
from tenantry.model.residency import ZoneRedundancy, has_standby, no_standby
from tenantry.model.spec import InstanceSpec, Workspace

__all__ = ["summary_of"]


def summary_of(
    spec: InstanceSpec, profile: Profile, workspace: Workspace, *, standby_offered: bool
) -> dict[str, Any] | None:
    """Return where an instance is, what it takes, and who hears of it; None of one on a host.

    Args:
        spec: what is asked for.
        profile: of the workload.
        workspace: says who gets alerts.
        standby_offered: False: Azure offered none when the instance was made.
    """
    if spec.azure is None or workspace.azure is None:
        return None
    region = find_region(spec.azure.region)
    if region is None:
        raise DefectError(f"{spec.azure.region} is not in the catalogue")  # the spec was checked
    kept = Service.DATABASE in profile.services
    return {
        "region": region.name,
        "country": region.country,
        "size": spec.size,
        "products": _products(spec, profile),
        "standby": kept and has_standby(spec.azure, region, offered=standby_offered),
        "standby_why": _why(spec, profile, no_standby(spec.azure, region, offered=standby_offered)),
        "backup_retention_days": spec.azure.backup_retention_days if kept else None,
        "second_backups_in": region.pair if kept and spec.azure.geo_redundant_backup else "",
        "public": [
            "the site, over HTTPS",
            "the management of its files, for whoever has a role there",
            *([f"the portal, in {portal_region(region)}"] if Service.PORTAL in profile.services else []),
        ],
        "alerts": {
            "emails": list(workspace.azure.emails or (workspace.contact,)),
            "webhook": bool(workspace.azure.webhook),  # its URL may hold a secret
            "monthly_budget": workspace.azure.monthly_budget,
        },
    }


def _products(spec: InstanceSpec, profile: Profile) -> list[dict[str, str]]:
    size = AZURE_SIZES[spec.size]
    found = {
        Service.DATABASE: ("PostgreSQL flexible server", f"{size.server_sku}, {size.server_storage_gib} GiB"),
        Service.CACHE: ("Azure Managed Redis", size.cache_sku),
        Service.PORTAL: ("Static Web App", size.portal_sku),
    }
    rows = [found[one] for one in found if one in profile.services]
    return [{"name": name, "size": size} for name, size in (("App Service plan", size.plan_sku), *rows)]


def _why(spec: InstanceSpec, profile: Profile, lacking: str) -> str:
    if Service.DATABASE not in profile.services:
        return "the profile needs no database"
    if lacking:
        return lacking
    if spec.azure is not None and spec.azure.zone_redundancy is ZoneRedundancy.OFF:
        return "the spec says azure.zone_redundancy: off"
    return "in a second zone; it doubles what the server costs"
