"""The work behind ``region list`` and ``region show``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenantry.cli.options import named_workspace
from tenantry.config.countries import COUNTRIES
from tenantry.config.formats import did_you_mean
from tenantry.config.regions import all_regions, catalogue, find_region, place_of
from tenantry.config.workspace import load_workspace
from tenantry.errors import DefectError, SpecError, UsageError
from tenantry.model.azure_sizes import portal_region
from tenantry.model.profile import Profile
from tenantry.model.regions import CloudName, Region
from tenantry.model.residency import (
    COUNTRY_GROUPS,
    AzurePlacement,
    Lies,
    Offer,
    Residency,
    host_whereabouts,
    offers,
    whereabouts,
)
from tenantry.model.spec import InstanceSpec, Workspace
from tenantry.result import Result

__all__ = ["list_regions", "show_region", "whereabouts_of"]


def list_regions(*, country: str, within: Sequence[str], everything: bool, cloud: str = "") -> Result:
    """List regions, the nearest to a country first; of the cloud of the workspace here unless one is named.

    Raises:
        UsageError: a code is none of a country, or there is no such cloud.
    """
    country, codes = country.upper(), tuple(code.upper() for code in within)
    for code in (country, *codes) if country else codes:
        known = COUNTRIES if code == country else COUNTRIES | set(COUNTRY_GROUPS)
        if code not in known:
            groups = f", or one of {', '.join(COUNTRY_GROUPS)}" if code != country else ""
            raise UsageError(
                f"{code} is no country", hint=f"write an ISO 3166-1 alpha-2 code, such as KE{groups}"
            )
    near = place_of(country) if country else None
    regions = catalogue(_cloud(cloud) if cloud else _cloud_here())
    found = offers(Residency(countries=codes), regions, near=near, usable=not everything)
    rows = [_row(offer) for offer in found]
    return Result(
        command="region list",
        data={
            "as_of": regions.as_of,
            "cloud": regions.cloud,
            "country": country,
            "within": list(codes),
            "regions": sorted(rows, key=lambda row: row["country"] != country),  # at home first
        },
    )


def show_region(name: str) -> Result:
    """Show a region with the places of an instance's data.

    Raises:
        SpecError: there is no such region.
    """
    region = find_region(name.lower())
    if region is None:
        names = [one.name for one in all_regions()]
        raise SpecError(
            f"{name} is no region of Azure",
            hint=did_you_mean(name, names) or "tenantry region list --all",
            code="unknown-region",
        )
    where = AzurePlacement(region=region.name)
    lies = [
        _lie(one) for one in whereabouts(where, region, catalogue(region.cloud), portal=portal_region(region))
    ]
    data = {"as_of": catalogue().as_of, **_facts(region), "lies": lies}
    return Result(command="region show", data=data)


def whereabouts_of(spec: InstanceSpec, profile: Profile, workspace: Workspace) -> list[dict[str, Any]]:
    """Return where each thing of an instance with this spec lies, or is to lie."""
    if spec.azure is None:
        return [
            _lie(one)
            for one in host_whereabouts(workspace.host_name, workspace.host.country, profile.services)
        ]
    region = find_region(spec.azure.region)
    if region is None:
        raise DefectError(f"{spec.azure.region} is not in the catalogue")  # the spec was checked
    lies = whereabouts(
        spec.azure,
        region,
        catalogue(region.cloud),
        services=profile.services,
        portal=portal_region(region),
        log_days=spec.log_retention_days,
    )
    return [_lie(one) for one in lies]


def _lie(one: Lies) -> dict[str, Any]:
    return {
        "data": one.data,
        "region": one.region,
        "country": one.country,
        "geography": one.geography,
        "note": one.note,
        "held": one.held,
    }


def _cloud(name: str) -> CloudName:
    clouds = [one.value for one in CloudName]
    if name not in clouds:
        raise UsageError(f"there is no cloud {name}", hint=did_you_mean(name, clouds))
    return CloudName(name)


def _cloud_here() -> CloudName:
    """Return the cloud of the workspace that commands would work on, the public one where there is none."""
    try:
        settings = load_workspace(named_workspace()).azure
    except SpecError as error:
        if error.code != "no-workspace":
            raise
        return CloudName.PUBLIC
    return settings.cloud if settings is not None else CloudName.PUBLIC


def _row(offer: Offer) -> dict[str, Any]:
    return {**_facts(offer.region), "kilometres": offer.kilometres}


def _facts(region: Region) -> dict[str, Any]:
    return {
        "name": region.name,
        "cloud": region.cloud,
        "display_name": region.display_name,
        "country": region.country,
        "geography": region.geography,
        "location": region.location,
        "zones": region.zones,
        "pair": region.pair,
        "pair_country": region.pair_country,
        "access": region.access,
        "postgresql": region.postgresql,
        "zone_redundancy": region.zone_redundancy,
        "geo_backup": region.geo_backup,
    }
