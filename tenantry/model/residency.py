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
from typing import Final, TypedDict

from tenantry.model.profile import Service
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
    "has_standby",
    "host_breach",
    "host_whereabouts",
    "no_standby",
    "offers",
    "vault_copy",
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
# Paired regions whose vaults Key Vault leaves where they are.
_VAULTS_STAY: Final = frozenset({"brazilsouth", "westus3"})


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
        return self.allows_place(region.name, region.country)

    def allows_place(self, region: str, country: str) -> bool:
        """The same for a region that the catalogue may not have: a few pairs are hidden."""
        return region not in self.exclude_regions and self.allows_country(country)


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
    geography: str = ""  # in Azure's words; "": any, or not known
    note: str = ""
    held: bool = True  # to the residency; False: no client's data


class _Place(TypedDict):
    region: str
    country: str
    geography: str


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
    found += _of_vaults(wanted, region, residency, catalogue)
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


def _of_vaults(
    wanted: AzurePlacement, region: Region, residency: Residency, catalogue: Catalogue
) -> Iterator[Breach]:
    """What Key Vault copies by itself: no setting prevents it, so the region is what there is to choose."""
    if not residency.allows(region):
        return  # told already
    for name, country in _vault_copies(wanted, region, catalogue):
        if not residency.allows_place(name, country):
            near = [one.region.name for one in offers(residency, catalogue, near=region.place)][:3]
            excluded = name in residency.exclude_regions
            allow = f"take {name} out of residency.exclude_regions" if excluded else f"allow {country}, too"
            others = f", or take a region whose vaults stay inside: {', '.join(near)}" if near else ""
            message = f"is {region.name}; Key Vault copies keys and secrets to {name} in {country} by itself"
            yield Breach(
                code="outside-residency",
                key="azure.region",
                message=f"{message}: outside the residency",
                hint=allow + others,
            )


def _vault_copies(wanted: AzurePlacement, region: Region, catalogue: Catalogue) -> Sequence[tuple[str, str]]:
    """Return region and country of each copy of a vault that Key Vault makes."""
    vaults = [region]
    geo = wanted.geo_redundant_backup and region.geo_backup is Offered.YES
    if geo and (pair := catalogue.find(region.pair)) is not None:
        vaults.append(pair)  # it needs a key of its own
    return list(dict.fromkeys(copy for one in vaults if (copy := vault_copy(one)) is not None))


def vault_copy(region: Region) -> tuple[str, str] | None:
    """Return region and country of the copy that Key Vault makes of a region's vault; None: none."""
    return (region.pair, region.pair_country) if region.pair and region.name not in _VAULTS_STAY else None


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
    return residency.allows_place(region.pair, region.pair_country)


def _pair_breach(key: str, region: Region, *, hint: str) -> Breach:
    message = f"would put a copy into {region.pair}, which lies in {region.pair_country}"
    return Breach(code="outside-residency", key=key, message=f"{message}: outside the residency", hint=hint)


def _not_offered(offered: Offered) -> str:
    if offered is Offered.BLOCKED:
        return "refuses new zone-redundant servers for the time being"
    return "has no zone-redundant servers" if offered is Offered.NO else "is not known to have it"


def has_standby(wanted: AzurePlacement, region: Region, *, offered: bool = True) -> bool:
    """Say whether the database gets a standby in a second zone.

    Args:
        wanted: what the spec asks for.
        region: where the instance lives.
        offered: False: Azure said that the subscription does not get one there; one that is
            required is asked for all the same.
    """
    if wanted.zone_redundancy is ZoneRedundancy.OFF or region.zone_redundancy is not Offered.YES:
        return False
    return offered or wanted.zone_redundancy is ZoneRedundancy.REQUIRED


def no_standby(wanted: AzurePlacement, region: Region, *, offered: bool = True) -> str:
    """Return why the database gets no standby that its spec would have; "": it gets one, or wants none."""
    if wanted.zone_redundancy is ZoneRedundancy.OFF or has_standby(wanted, region, offered=offered):
        return ""
    if region.zone_redundancy is not Offered.YES:
        return f"{region.name} {_not_offered(region.zone_redundancy)}"
    return f"{region.name} offers this subscription none"


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
        if (region.usable or not usable) and _holds(residency, region)
    ]
    return sorted(found, key=lambda offer: (offer.kilometres or 0, offer.region.name))


def _holds(residency: Residency, region: Region) -> bool:
    """Say whether an instance with nothing special can be in a region, the copies of its vaults included."""
    copy = vault_copy(region)
    return residency.allows(region) and (copy is None or residency.allows_place(*copy))


def whereabouts(
    wanted: AzurePlacement,
    region: Region,
    catalogue: Catalogue,
    *,
    services: frozenset[Service] = frozenset(Service),
    portal: str = "",
    log_days: int = 0,
) -> Sequence[Lies]:
    """Return where each kind of an instance's data would lie.

    Args:
        wanted: what the spec asks for.
        region: that it names.
        catalogue: of all regions.
        services: that the workload needs; each makes other resources.
        portal: the region that takes its portal; "": it is left out.
        log_days: for which logs are kept; 0: not said.
    """
    here = _place(region.name, region.country, catalogue)
    pair = _place(region.pair, region.pair_country, catalogue)
    geo, storage = wanted.geo_redundant_backup and region.pair, wanted.storage_in(region)
    found: list[Lies] = []
    if Service.DATABASE in services:
        kept = f"kept {wanted.backup_retention_days} days"
        found += [Lies(data="database", **here), Lies(data="backups of the database", **here, note=kept)]
        found += [Lies(data="second copy of backups", **pair, note=kept)] if geo else []
    if Service.BLOBS in services:
        found.append(Lies(data="files", **here, note=storage))
        found += [Lies(data="second copy of files", **pair, note=storage)] if _second(wanted, region) else []
    if Service.FOLDERS in services:
        found.append(Lies(data="folders", **here, note="of the site"))
    if Service.CACHE in services:
        found.append(Lies(data="cache", **here, note="in memory"))
    found.append(Lies(data="site", **here, note="temporary files, too"))
    found.append(Lies(data="logs and metrics", **here, note=f"kept {log_days} days" if log_days else ""))
    found.append(Lies(data="keys and secrets", **here, note="two vaults"))
    if geo:
        found.append(Lies(data="key of second backups", **pair, note="a vault"))
    for name, country in _vault_copies(wanted, region, catalogue):
        note = "made by Key Vault itself"
        found.append(Lies(data="copy of keys and secrets", **_place(name, country, catalogue), note=note))
    return found + _not_held(portal if Service.PORTAL in services else "", catalogue)


def host_whereabouts(host: str, country: str, services: frozenset[Service]) -> Sequence[Lies]:
    """Return the same for a host: all of it is on the one machine, the backups too."""
    kinds = {"database": Service.DATABASE, "files": Service.FOLDERS}
    found = [data for data, service in kinds.items() if service in services]
    found += ["backups", "logs", "secrets and keys"]
    return [Lies(data=data, region=host, country=country, note="this machine") for data in found]


def _second(wanted: AzurePlacement, region: Region) -> bool:
    return bool(wanted.storage_in(region).leaves_the_region and region.pair)


def _not_held(portal: str, catalogue: Catalogue) -> list[Lies]:
    """What a residency does not bind, since it is no client's data: it is told all the same."""
    found = []
    if portal and (lies := catalogue.find(portal)) is not None:
        place = _place(lies.name, lies.country, catalogue)
        found.append(Lies(data="portal", **place, note="public files", held=False))
    note = "no personal data"
    return [*found, Lies(data="names and tags", region="", country="", note=note, held=False)]


def _place(name: str, country: str, catalogue: Catalogue) -> _Place:
    known = catalogue.find(name)
    return {"region": name, "country": country, "geography": known.geography if known else ""}
