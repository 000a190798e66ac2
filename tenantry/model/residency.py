"""Residency: where a client's data may lie, and where an instance's data would lie.

Residency constrains; the spec's ``azure`` block decides. Everything here is
pure: it is asked before anything is made, by validation, preview and preflight
alike. It is about the content that the client's people entrust. Azure's own
records of resources (names, tags, addresses of operators) may be kept in any
country, so they hold no personal data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tenantry.model.regions import Catalogue, Offered, Place, Region, kilometres

__all__ = [
    "COUNTRY_GROUPS",
    "AzurePlacement",
    "Breach",
    "Lies",
    "Offer",
    "Residency",
    "StorageRedundancy",
    "ZoneRedundancy",
    "breaches",
    "countries_of",
    "host_breach",
    "offers",
    "whereabouts",
]

_EU: Final = frozenset(
    [
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
        *("IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    ]
)
_EEA: Final = _EU | {"IS", "LI", "NO"}
# Microsoft's EU Data Boundary is the EU with EFTA.
COUNTRY_GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "EU": _EU,
    "EEA": _EEA,
    "EU-DATA-BOUNDARY": _EEA | {"CH"},
}


class ZoneRedundancy(StrEnum):
    """Whether a standby of the database runs in a second zone."""

    PREFERRED = "preferred"  # where the region has it
    REQUIRED = "required"
    OFF = "off"


class StorageRedundancy(StrEnum):
    """Where the copies of stored files lie."""

    LRS = "LRS"  # one data centre
    ZRS = "ZRS"  # three zones of the region
    GRS = "GRS"  # the region and its pair
    GZRS = "GZRS"  # zones of the region, and its pair

    @property
    def leaves_the_region(self) -> bool:
        """Say whether a copy goes to the paired region."""
        return self in {StorageRedundancy.GRS, StorageRedundancy.GZRS}


@dataclass(frozen=True, kw_only=True)
class Residency:
    """Where data may lie. Without countries: anywhere that is not excluded."""

    countries: tuple[str, ...] = ()  # ISO 3166-1 alpha-2, or a name in COUNTRY_GROUPS
    exclude_regions: tuple[str, ...] = ()

    def allows_country(self, country: str) -> bool:
        """Say whether data may lie in a country."""
        return not self.countries or country in countries_of(self.countries)

    def allows(self, region: Region) -> bool:
        """Say whether data may lie in a region."""
        return region.name not in self.exclude_regions and self.allows_country(region.country)


@dataclass(frozen=True, kw_only=True)
class AzurePlacement:
    """Where an instance lives in Azure, and what is kept how often there."""

    region: str = "westeurope"
    subscription: str = ""  # id; "": the workspace's
    zone_redundancy: ZoneRedundancy = ZoneRedundancy.PREFERRED
    backup_retention_days: int = 7
    geo_redundant_backup: bool = False
    storage_redundancy: StorageRedundancy | None = None  # None: ZRS where there are zones, else LRS

    def storage_in(self, region: Region) -> StorageRedundancy:
        """Return what is taken in a region."""
        return self.storage_redundancy or (StorageRedundancy.ZRS if region.zones else StorageRedundancy.LRS)


@dataclass(frozen=True, kw_only=True)
class Breach:
    """Why a placement cannot be: it leaves the residency, or is not to be had."""

    code: str
    key: str  # of the spec: "azure.region"
    message: str  # continues the key's name
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A region that a residency allows."""

    region: Region
    kilometres: int | None  # from the place that was asked about


@dataclass(frozen=True, kw_only=True)
class Lies:
    """Where one kind of data lies."""

    data: str
    region: str  # "": not known to a region
    country: str  # "": any
    note: str = ""


def countries_of(names: Sequence[str]) -> frozenset[str]:
    """Return the countries that a list of countries and groups stands for."""
    return frozenset().union(*(COUNTRY_GROUPS.get(name, frozenset({name})) for name in names))


def breaches(
    wanted: AzurePlacement, region: Region, residency: Residency, catalogue: Catalogue
) -> Sequence[Breach]:
    """Return all that stands against a placement; none: it may be made."""
    found = [*_of_region(region, residency, catalogue)]
    found += _of_geo_backup(wanted, region, residency)
    found += _of_storage(wanted, region, residency)
    if wanted.zone_redundancy is ZoneRedundancy.REQUIRED and region.zone_redundancy is not Offered.YES:
        found.append(
            Breach(
                code="no-zone-redundancy",
                key="azure.zone_redundancy",
                message=f"is required, and {region.name} {_not_offered(region.zone_redundancy)}",
                hint="take another region, or write preferred",
            )
        )
    return found


def _of_region(region: Region, residency: Residency, catalogue: Catalogue) -> Iterator[Breach]:
    others = [offer.region.name for offer in offers(residency, catalogue, near=region.place)][:3]
    hint = f"regions inside the residency: {', '.join(others)}" if others else "no region is inside it"
    if region.name in residency.exclude_regions:
        message = f"is {region.name}, which residency.exclude_regions names"
        yield Breach(code="outside-residency", key="azure.region", message=message, hint=hint)
    elif not residency.allows(region):
        where = f"is {region.name}, which lies in {region.country}"
        message = f"{where}; data may lie in {', '.join(residency.countries)} only"
        yield Breach(code="outside-residency", key="azure.region", message=message, hint=hint)
    if region.postgresql is Offered.NO:
        message = f"is {region.name}, where PostgreSQL flexible servers are not listed"
        yield Breach(code="no-postgresql", key="azure.region", message=message, hint=hint)


def _of_geo_backup(wanted: AzurePlacement, region: Region, residency: Residency) -> Iterator[Breach]:
    key = "azure.geo_redundant_backup"
    if not wanted.geo_redundant_backup:
        return
    if region.geo_backup is not Offered.YES:
        message = f"is not to be had in {region.name}"
        yield Breach(code="no-geo-backup", key=key, message=message, hint="write false, or leave it out")
    elif not _pair_allowed(region, residency):
        yield _pair_breach(key, region, hint="write false, or leave it out")


def _of_storage(wanted: AzurePlacement, region: Region, residency: Residency) -> Iterator[Breach]:
    key, storage = "azure.storage_redundancy", wanted.storage_in(region)
    if storage in {StorageRedundancy.ZRS, StorageRedundancy.GZRS} and not region.zones:
        message = f"is {storage}, and {region.name} has no zones"
        yield Breach(code="no-zones", key=key, message=message, hint="write LRS, or take another region")
    if storage.leaves_the_region and not region.pair:
        message = f"is {storage}, and {region.name} has no paired region"
        yield Breach(code="no-pair", key=key, message=message, hint="write ZRS or LRS")
    elif storage.leaves_the_region and not _pair_allowed(region, residency):
        yield _pair_breach(key, region, hint="write ZRS or LRS")


def _pair_allowed(region: Region, residency: Residency) -> bool:
    return region.pair not in residency.exclude_regions and residency.allows_country(region.pair_country)


def _pair_breach(key: str, region: Region, *, hint: str) -> Breach:
    message = f"would put a copy into {region.pair}, which lies in {region.pair_country}"
    return Breach(code="outside-residency", key=key, message=f"{message}: outside the residency", hint=hint)


def _not_offered(offered: Offered) -> str:
    if offered is Offered.BLOCKED:
        return "refuses new zone-redundant servers for the time being"
    return "has no zone-redundant servers" if offered is Offered.NO else "is not known to have it"


def host_breach(residency: Residency, country: str) -> Breach | None:
    """Return what stands against a host in a country ("": not known)."""
    if not residency.countries or (country and residency.allows_country(country)):
        return None
    wanted = ", ".join(residency.countries)
    if not country:
        return Breach(
            code="residency-unknown",
            key="residency.countries",
            message=f"says {wanted}, and nobody said in which country this machine stands",
            hint="set host.country in tenantry.yaml",
        )
    return Breach(
        code="outside-residency",
        key="residency.countries",
        message=f"says {wanted}, and this machine stands in {country} (host.country)",
        hint="deploy it from a machine inside the residency, or on Azure in a region inside it",
    )


def offers(
    residency: Residency, catalogue: Catalogue, *, near: Place | None = None, usable: bool = True
) -> Sequence[Offer]:
    """Return the regions that a residency allows, the nearest first; ``usable`` leaves out the others."""
    found = [
        Offer(region=region, kilometres=kilometres(near, region.place) if near and region.place else None)
        for region in catalogue
        if (region.usable or not usable) and residency.allows(region)
    ]
    return sorted(found, key=lambda offer: (offer.kilometres or 0, offer.region.name))


def whereabouts(wanted: AzurePlacement, region: Region) -> Sequence[Lies]:
    """Return where each kind of an instance's data would lie."""
    here = {"region": region.name, "country": region.country}
    pair = {"region": region.pair, "country": region.pair_country}
    storage = wanted.storage_in(region)
    found = [
        Lies(data="database", **here),
        Lies(data="backups of the database", **here, note=f"kept {wanted.backup_retention_days} days"),
        Lies(data="files", **here, note=storage),
        Lies(data="logs and metrics", **here),
        Lies(data="keys and secrets", **here),
    ]
    if wanted.geo_redundant_backup and region.pair:
        found.insert(2, Lies(data="second copy of the backups", **pair))
    if storage.leaves_the_region and region.pair:
        found.insert(-2, Lies(data="second copy of the files", **pair, note=storage))
    if region.pair:
        found.append(Lies(data="copy of keys and secrets", **pair, note="Key Vault makes it by itself"))
    found.append(
        Lies(
            data="names and tags of resources",
            region="",
            country="",
            note="Resource Manager, anywhere; no personal data",
        )
    )
    return found
