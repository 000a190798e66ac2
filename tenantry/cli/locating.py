"""The work behind ``region list`` and ``region show``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenantry.config.countries import COUNTRIES
from tenantry.config.formats import did_you_mean
from tenantry.config.regions import catalogue, place_of
from tenantry.errors import SpecError, UsageError
from tenantry.model.regions import Region
from tenantry.model.residency import COUNTRY_GROUPS, AzurePlacement, Offer, Residency, offers, whereabouts
from tenantry.result import Result

__all__ = ["list_regions", "show_region"]


def list_regions(*, country: str, within: Sequence[str], everything: bool) -> Result:
    """List regions, the nearest to a country first.

    Raises:
        UsageError: a code is none of a country.
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
    found = offers(Residency(countries=codes), catalogue(), near=near, usable=not everything)
    rows = [_row(offer) for offer in found]
    return Result(
        command="region list",
        data={
            "as_of": catalogue().as_of,
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
    region = catalogue().find(name.lower())
    if region is None:
        names = [one.name for one in catalogue()]
        raise SpecError(
            f"{name} is no region of Azure",
            hint=did_you_mean(name, names) or "tenantry region list --all",
            code="unknown-region",
        )
    lies = [
        {"data": one.data, "region": one.region, "country": one.country, "note": one.note}
        for one in whereabouts(AzurePlacement(region=region.name), region)
    ]
    data = {"as_of": catalogue().as_of, **_facts(region), "lies": lies}
    return Result(command="region show", data=data)


def _row(offer: Offer) -> dict[str, Any]:
    return {**_facts(offer.region), "kilometres": offer.kilometres}


def _facts(region: Region) -> dict[str, Any]:
    return {
        "name": region.name,
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
