"""Small things that every kind with real parts needs: ids, times, words."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from tenantry.sandbox.kinds import Cloud, Resource

__all__ = ["everywhere", "folder_name", "iso", "moment", "same", "segment", "subscription", "tidy"]


def tidy(resource_id: str) -> str:
    """Return an id in the form that two spellings of it share."""
    return resource_id.strip("/").lower()


def same(one: str, other: str) -> bool:
    """Say whether two ids, or two regions ("West Europe", "westeurope"), mean the same."""
    return tidy(one).replace(" ", "") == tidy(other).replace(" ", "")


def segment(resource_id: str, kind: str) -> str:
    """Return what follows a segment of an id: the name of the resource group, of the server."""
    parts = resource_id.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    if kind.lower() not in lowered[:-1]:
        return ""
    return parts[lowered.index(kind.lower()) + 1]


def subscription(resource_id: str) -> str:
    """Return the id of the subscription that an id lies in."""
    return "/subscriptions/" + segment(resource_id, "subscriptions")


def everywhere(cloud: Cloud, resource_id: str, type_: str) -> list[Resource]:
    """Return every resource of a type in the subscription of an id."""
    return cloud.children(subscription(resource_id), type_)


def folder_name(resource_id: str, now: datetime) -> str:
    """Return a folder's name: short, and another one for a later resource of the same id."""
    return hashlib.sha256(f"{tidy(resource_id)} {now.timestamp()}".encode()).hexdigest()[:12]


def iso(when: datetime) -> str:
    """Write a time as Azure does."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: Any) -> datetime:
    """Read such a time."""
    return datetime.fromisoformat(str(text))
