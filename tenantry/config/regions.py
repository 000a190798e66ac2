"""Reads the catalogue of Azure's regions that comes with tenantry; see regions/SOURCE.md."""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tenantry.model.regions import Access, Catalogue, CloudName, Offered, Place, Region

__all__ = ["all_regions", "catalogue", "find_region", "place_of", "region_code"]

_FOLDER: Final = Path(__file__).parent.parent / "regions"
_AS_OF: Final = "2026-11-21"  # as SOURCE.md says
_OFFERED: Final = {
    "yes": Offered.YES,
    "no": Offered.NO,
    "yes-new-deployments-blocked": Offered.BLOCKED,
    "": Offered.UNKNOWN,
}


@functools.cache
def catalogue(cloud: CloudName = CloudName.PUBLIC) -> Catalogue:
    """Return the regions of a cloud; of the sandbox they are the public one's."""
    holder = CloudName.PUBLIC if cloud is CloudName.SANDBOX else cloud
    found = tuple(one for one in all_regions() if one.cloud is holder)
    return Catalogue(as_of=_AS_OF, cloud=holder, regions=found)


@functools.cache
def all_regions() -> Sequence[Region]:
    """Return the regions of all clouds; no two have the same name."""
    return tuple(_region(row) for row in _rows("azure-regions.csv"))


def find_region(name: str) -> Region | None:
    """Return the region of that name, in whatever cloud."""
    return next((region for region in all_regions() if region.name == name), None)


def place_of(country: str) -> Place | None:
    """Return the place in a country from which distances are measured; None for one that has none."""
    for row in _rows("countries.csv"):
        if row["country"] == country:
            return _place(row)
    return None


def region_code(region: str) -> str:
    """Return the short code of a region of the catalogue, for names: "we" for westeurope.

    Raises:
        KeyError: the catalogue does not have the region.
    """
    return {row["name"]: row["code"] for row in _rows("region-codes.csv")}[region]


def _rows(name: str) -> Iterator[Mapping[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _region(row: Mapping[str, str]) -> Region:
    return Region(
        name=row["name"],
        display_name=row["display_name"],
        country=row["country_iso2"],
        geography=row["geography"],
        location=row["physical_location"],
        place=_place(row) if row["latitude"] else None,
        zones=int(row["availability_zones"]),
        pair=row["paired_region"],
        pair_country=row["paired_country_iso2"],
        access=Access(row["access"]),
        postgresql=_OFFERED[row["pgflex_listed"]],
        zone_redundancy=_OFFERED[row["pgflex_zone_redundant_ha"]],
        geo_backup=_OFFERED[row["pgflex_geo_redundant_backup"]],
        cloud=CloudName(row["cloud"]),
    )


def _place(row: Mapping[str, str]) -> Place:
    return Place(latitude=float(row["latitude"]), longitude=float(row["longitude"]))
