"""The keys of an instance's spec."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from tenantry.config.azure import ID
from tenantry.config.blocks import Field, ListOf, Record, TableOf
from tenantry.config.countries import COUNTRIES
from tenantry.config.formats import (
    EMAIL_PATTERN,
    HOSTNAME_PATTERN,
    LANGUAGE_PATTERN,
    NAME_PATTERN,
    RECIPIENT_PATTERN,
    VARIABLE_PATTERN,
    country_fault,
    did_you_mean,
    email_fault,
    language_fault,
    name_fault,
    pattern_rule,
    recipient_fault,
    variable_fault,
)
from tenantry.config.hosts import hostname_fault
from tenantry.config.kinds import Choice, FilePath, Flag, Integer, Text, Version
from tenantry.config.problems import Fault, shorten
from tenantry.config.regions import all_regions
from tenantry.model.names import RESERVED_NAMES
from tenantry.model.residency import (
    COUNTRY_GROUPS,
    AzurePlacement,
    Residency,
    StorageRedundancy,
    ZoneRedundancy,
)
from tenantry.model.spec import SIZES, Backups, Client, InstanceSpec, Size, TargetKind, Tls, TlsMode

__all__ = ["PROFILE_NAME_PATTERN", "SPEC_RECORD"]

PROFILE_NAME_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){0,39}$"
_PLACES: Final = [*COUNTRY_GROUPS, *sorted(COUNTRIES)]
_REGIONS: Final = [region.name for region in all_regions()]


def _place_fault(text: str) -> Fault | None:
    return None if text in COUNTRY_GROUPS else country_fault(text)


def _region_fault(text: str) -> Fault | None:
    if text in _REGIONS:
        return None
    hint = did_you_mean(text, _REGIONS) or "tenantry region list --all"
    return Fault(code="unknown-region", message=f"is {shorten(text)}, which is no region of Azure", hint=hint)


_CLIENT = Record(
    fields=(
        Field("name", Text(), "Name of the organisation that is served.", required=True),
        Field(
            "country",
            Text(rule=country_fault, choices=sorted(COUNTRIES)),
            "Country whose law applies, as ISO 3166-1 alpha-2.",
            required=True,
        ),
        Field(
            "contact",
            Text(rule=email_fault, pattern=EMAIL_PATTERN, examples=("data@example.org",)),
            "E-mail address of the client that is read.",
            required=True,
        ),
        Field("agreement", Text(), "Reference of the data processing agreement."),
        Field(
            "languages",
            ListOf(
                kind=Text(rule=language_fault, pattern=LANGUAGE_PATTERN, most=35, examples=("fr", "pt-BR")),
                least=1,
                most=50,
                unique=True,
                example="en",
            ),
            "Languages of the people in it, as BCP 47, the main one first.",
        ),
        Field(
            "recipient_key",
            Text(rule=recipient_fault, pattern=RECIPIENT_PATTERN, private=True),
            "The client's age recipient, which exports are encrypted to.",
        ),
    ),
    build=Client,
    model=Client,
)
_LIMITS = Record(
    fields=(
        Field("memory_mib", Integer(least=128, most=1024 * 1024, unit="MiB"), "Memory in MiB."),
        Field("cpu_percent", Integer(least=5, most=100 * 256, unit="percent"), "Percent of one CPU core."),
        Field("disk_gib", Integer(least=1, most=64 * 1024, unit="GiB"), "Disk in GiB."),
        Field("connections", Integer(least=10, most=5000), "Connections to the database."),
    )
)
_TLS = Record(
    fields=(
        Field("mode", Choice(TlsMode), "Where the certificate of the host name comes from."),
        Field("certificate_file", FilePath(), "Of mode files: the certificate with its chain, PEM."),
        Field("key_file", FilePath(), "Of mode files: its private key, PEM."),
    ),
    build=Tls,
    model=Tls,
)
_BACKUPS = Record(
    fields=(
        Field(
            "keep_full",
            Integer(least=1, most=365),
            "Of target host: how many full backups of the database are kept.",
        ),
        Field(
            "keep_snapshots",
            Integer(least=1, most=3650),
            "Of target host: how many snapshots of the folders are kept.",
        ),
        Field(
            "max_age_hours",
            Integer(least=1, most=24 * 31, unit="hours"),
            "Age in hours from which the last backup is too old.",
        ),
        Field(
            "archive_timeout_seconds",
            Integer(least=10, most=3600, unit="seconds"),
            "Of target host: the most that can be lost, in seconds.",
        ),
    ),
    build=Backups,
    model=Backups,
)
_RESIDENCY = Record(
    fields=(
        Field(
            "countries",
            ListOf(
                kind=Text(rule=_place_fault, choices=_PLACES),
                least=1,
                most=len(_PLACES),
                unique=True,
                example="NL",
            ),
            "Where data may lie: countries as ISO 3166-1 alpha-2, EU, EEA or EU-DATA-BOUNDARY.",
        ),
        Field(
            "exclude_regions",
            ListOf(kind=Text(rule=_region_fault, choices=_REGIONS), most=100, unique=True),
            "Regions of Azure in which nothing may lie all the same.",
        ),
    ),
    build=Residency,
    model=Residency,
)
_AZURE = Record(
    fields=(
        Field("region", Text(rule=_region_fault, choices=_REGIONS), "Region of the instance."),
        Field(
            "subscription",
            ID,
            "Id of the subscription of the instance, in the workspace's directory; the workspace's when left "
            "out. It is there already, and an instance that is made stays in its own.",
        ),
        Field(
            "zone_redundancy", Choice(ZoneRedundancy), "Whether the database has a standby in a second zone."
        ),
        Field(
            "backup_retention_days",
            Integer(least=7, most=35, unit="days"),
            "How long backups of the database are kept, in days.",
        ),
        Field("geo_redundant_backup", Flag(), "Whether backups are copied to the paired region."),
        Field(
            "storage_redundancy",
            Choice(StorageRedundancy),
            "Where copies of files lie; ZRS where the region has zones, else LRS, when left out.",
        ),
    ),
    build=AzurePlacement,
    model=AzurePlacement,
)


def _build(**values: Any) -> InstanceSpec:
    del values["tenantry"]
    limits = SIZES[values.get("size", Size.SMALL)]
    if values["target"] is TargetKind.AZURE:
        values.setdefault("azure", AzurePlacement())
    values["limits"] = dataclasses.replace(limits, **values.get("limits", {}))
    if "retention_days" in (logs := values.pop("logs", {})):
        values["log_retention_days"] = logs["retention_days"]
    return InstanceSpec(**values)


SPEC_RECORD: Final = Record(
    title="Spec of an instance",
    doc="instances/<name>.yaml in a workspace: one instance that is wanted.",
    build=_build,
    model=InstanceSpec,
    fields=(
        Field("tenantry", Version(1), "Version of this file's format.", required=True),
        Field(
            "name",
            Text(rule=name_fault, pattern=NAME_PATTERN, excluded=sorted(RESERVED_NAMES), least=2, most=40),
            "Name of the instance; the file is called <name>.yaml.",
            required=True,
        ),
        Field("client", _CLIENT, "The organisation served.", required=True),
        Field("target", Choice(TargetKind), "Where the instance lives.", required=True),
        Field(
            "profile",
            Text(
                rule=pattern_rule(
                    PROFILE_NAME_PATTERN, "must be the name of a profile", hint="tenantry profile list"
                ),
                pattern=PROFILE_NAME_PATTERN,
                most=40,
            ),
            "Workload profile: what runs in it.",
            required=True,
        ),
        Field("version", Text(most=64), "Version of the workload; the profile's when left out."),
        Field(
            "hostname",
            Text(rule=hostname_fault, pattern=HOSTNAME_PATTERN, most=253, examples=("benin.example.org",)),
            "Host name at which people reach it. On Azure it may be left out: "
            "then the name that App Service gives is the only one.",
        ),
        Field("size", Choice(Size), "A set of limits."),
        Field("limits", _LIMITS, "Of target host: limits that differ from the size's."),
        Field("tls", _TLS, "Of target host: HTTPS at the host name."),
        Field("backups", _BACKUPS, "How backups are kept."),
        Field(
            "logs",
            Record(
                fields=(
                    Field(
                        "retention_days",
                        Integer(least=1, most=3650, unit="days"),
                        "How long logs are kept, in days; 90 when left out, on Azure 30 to 730.",
                        attribute="retention_days",
                    ),
                )
            ),
            "How logs are kept.",
        ),
        Field(
            "settings",
            TableOf(
                key_rule=variable_fault,
                key_pattern=VARIABLE_PATTERN,
                kind=Text(least=0, most=10_000, lines=True, private=True),
            ),
            "Values of the profile's variables of class client. No secrets.",
        ),
        Field(
            "encryption_required",
            Flag(),
            "Refuse a host that cannot encrypt the data folder. On Azure all is encrypted as it is.",
        ),
        Field("residency", _RESIDENCY, "Where data may lie; what would leave it is refused."),
        Field("azure", _AZURE, "Of target azure: where the instance lives."),
    ),
)
