"""Azure's regions: where they are and what they offer, as of the catalogue's date.

What a subscription may use is known to Azure alone; a region here is a region
that exists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Access", "Catalogue", "CloudName", "Offered", "Place", "Region", "kilometres"]

_EARTH_KM = 6371.0  # mean radius


class CloudName(StrEnum):
    """Which Azure: each has end points, a login, host names and regions of its own."""

    PUBLIC = "public"
    GOVERNMENT = "government"  # of the United States
    CHINA = "china"
    SANDBOX = "sandbox"  # on this machine, to rehearse; it has the regions of the public one


class Access(StrEnum):
    """Who may use a region."""

    OPEN = "open"
    RESTRICTED = "restricted"  # Microsoft lets a subscription in on request
    PARTNER_ONLY = "partner-only"


class Offered(StrEnum):
    """Whether something is to be had in a region."""

    YES = "yes"
    NO = "no"
    BLOCKED = "blocked"  # it exists, and new ones are refused for the time being
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A point on the earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region of one of Azure's clouds."""

    name: str  # as Resource Manager writes it: "westeurope"
    display_name: str
    country: str  # ISO 3166-1 alpha-2
    geography: str
    location: str  # the place that Microsoft names; "": it names none
    place: Place | None  # None: not published
    zones: int  # availability zones; 0: none
    pair: str  # name of the paired region; "": none
    pair_country: str  # "": no pair
    access: Access
    postgresql: Offered  # flexible server
    zone_redundancy: Offered  # of flexible servers
    geo_backup: Offered  # of flexible servers, to the pair
    cloud: CloudName = CloudName.PUBLIC

    @property
    def usable(self) -> bool:
        """Say whether an instance can be had there without asking Microsoft first."""
        return self.access is Access.OPEN and self.postgresql is Offered.YES


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The regions of a cloud that are known, by name."""

    as_of: str  # the date of the data, ISO 8601
    cloud: CloudName
    regions: Sequence[Region]

    def __iter__(self) -> Iterator[Region]:
        return iter(self.regions)

    def find(self, name: str) -> Region | None:
        """Return the region of that name."""
        return next((region for region in self.regions if region.name == name), None)


def kilometres(one: Place, other: Place) -> int:
    """Return the great-circle distance. It says nothing about latency."""
    lat1, lat2 = math.radians(one.latitude), math.radians(other.latitude)
    half_lat = (lat2 - lat1) / 2
    half_lon = math.radians(other.longitude - one.longitude) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return round(2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(chord))))
