"""What Azure says that a region offers a subscription of PostgreSQL flexible servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tenantry.adapters.azure_look import Reads
from tenantry.model.azure_types import TYPES
from tenantry.model.regions import Region
from tenantry.model.residency import AzurePlacement

__all__ = ["OLDEST_POSTGRESQL", "Capabilities", "Feature", "ask"]

OLDEST_POSTGRESQL: Final = 15  # 14 has no support any more
_SERVERS: Final = TYPES["azure-native:dbforpostgresql:Server"].version


class Feature(StrEnum):
    """A feature of servers, as Azure calls it."""

    STANDBY = "ZoneRedundantHa"  # in a second zone
    GEO_BACKUP = "GeoBackup"
    BOTH = "ZoneRedundantHaAndGeoBackup"

    @property
    def older_name(self) -> str:
        """What tells it in answers without a list of features."""
        return f"{self[0].lower()}{self[1:]}Supported"


@dataclass(frozen=True)
class Capabilities:
    """One answer, without what the subscription is restricted from."""

    told: Sequence[Mapping[str, Any]]

    @property
    def versions(self) -> Sequence[int]:
        """The major versions that have support, in order."""
        names = [
            str(version.get("name", ""))
            for one in self.told
            for version in one.get("supportedServerVersions") or []
        ]
        return sorted({int(name) for name in names if name.isdecimal() and int(name) >= OLDEST_POSTGRESQL})

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes of servers with their cores."""
        return {
            str(size.get("name")): int(size.get("vCores") or 0)
            for one in self.told
            for edition in one.get("supportedServerEditions") or []
            for size in edition.get("supportedServerSkus") or []
        }

    def lacks(self, feature: Feature) -> bool:
        """Say whether Azure says that it is not to be had; what it does not speak of may be."""
        said = {word for one in self.told if (word := _word(one, feature))}
        return bool(said) and "Enabled" not in said

    def lacks_standby(self, placement: AzurePlacement) -> bool:
        """Say whether a standby in a second zone is not to be had, beside what else is asked for."""
        beside = placement.geo_redundant_backup and self.lacks(Feature.BOTH)
        return self.lacks(Feature.STANDBY) or beside


def ask(arm: Reads, subscription: str, region: Region) -> Capabilities:
    """Ask Azure; ``subscription`` is an id as Resource Manager writes it."""
    path = f"{subscription}/providers/Microsoft.DBforPostgreSQL/locations/{region.name}/capabilities"
    listed = arm.list(path, _SERVERS)
    return Capabilities([one for one in listed if str(one.get("restricted", "Disabled")) != "Enabled"])


def _word(told: Mapping[str, Any], feature: Feature) -> str:
    """Return "Enabled", "Disabled", or "" where nothing is said of a feature."""
    for one in told.get("supportedFeatures") or []:
        if one.get("name") == feature:
            return str(one.get("status") or "")
    return str(told.get(feature.older_name) or "")
