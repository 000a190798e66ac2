"""The public DNS as the sandbox sees it: records that people make there in the DNS owner's place.

Only what App Service looks at: CNAME and TXT, without zones and times to live.
A name whose CNAME leads to a name of the sandbox is found on this machine as
that one is, whoever it is bound to; once that one is gone, it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.sandbox.kinds import Cloud

__all__ = ["add", "aliases", "look_up", "records", "remove"]

_RECORDS = "dns/"
_MOST_STEPS = 8  # of CNAMEs that lead to CNAMEs


def add(cloud: Cloud, name: str, kind: str, value: str) -> bool:
    """Make a record, once; a CNAME replaces another. False: beside a CNAME there is nothing (RFC 1034)."""
    others = [one["type"] for one in records(cloud) if one["name"] == name and one["type"] != kind]
    if others:
        return False
    value = value.rstrip(".").lower() if kind == "CNAME" else value
    there = [] if kind == "CNAME" else look_up(cloud, name, kind)
    cloud.remember(_key(name, kind), {"name": name, "type": kind, "values": sorted({*there, value})})
    return True


def remove(cloud: Cloud, name: str, kind: str) -> None:
    """Take every record of a name and type away."""
    cloud.remember(_key(name, kind), None)


def records(cloud: Cloud) -> list[dict[str, str]]:
    """Return every record, by name."""
    return [
        {"name": str(note["name"]), "type": str(note["type"]), "value": value}
        for _, note in sorted(cloud.recall(_RECORDS).items())
        for value in note["values"]
    ]


def look_up(cloud: Cloud, name: str, kind: str) -> list[str]:
    """Return the values of a name's records of a type."""
    note: dict[str, Any] = cloud.recall(_key(name, kind)).get(_key(name, kind), {})
    return list(note.get("values", ()))


def aliases(cloud: Cloud, names: Mapping[str, str]) -> dict[str, str]:
    """Return the address of every name that leads to one of some names, which have addresses."""
    leads = {one["name"]: one["value"] for one in records(cloud) if one["type"] == "CNAME"}
    found = {}
    for alias in leads:
        at = alias
        for _ in range(_MOST_STEPS):
            at = leads.get(at, at)
        if alias not in names and at in names:
            found[alias] = names[at]
    return found


def _key(name: str, kind: str) -> str:
    return f"{_RECORDS}{name}/{kind}"
