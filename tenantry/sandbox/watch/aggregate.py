"""Series put together: by dimensions that somebody asks for, by intervals of time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tenantry.sandbox.watch.samples import Bucket, Series

__all__ = ["Wanted", "merged", "read_filter"]

_CLAUSE = re.compile(r"^\s*(?P<name>[\w/ .-]+?)\s+(?P<how>eq|ne|sw)\s+'(?P<value>[^']*)'\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """What is asked of one dimension: one of these values, or none of them."""

    name: str
    values: Sequence[str]  # "*" is every one
    how: str = "eq"  # eq, ne, sw (starts with)

    def admits(self, value: str) -> bool:
        """Say whether a value is meant; letters' case makes no difference."""
        value, wanted = value.lower(), [one.lower() for one in self.values]
        match self.how:
            case "ne":
                return value not in wanted
            case "sw":
                return any(value.startswith(one) for one in wanted)
        return "*" in wanted or value in wanted


def read_filter(text: str) -> list[Wanted] | None:
    """Read ``$filter`` of a metric query; None when it is none.

    Clauses of one dimension that are joined by "or" are alternatives.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for part in re.split(r"\s+(?:and|or)\s+", text.replace("(", " ").replace(")", " "), flags=re.IGNORECASE):
        clause = _CLAUSE.match(part)
        if clause is None:
            return None
        found.setdefault((clause["name"], clause["how"].lower()), []).append(clause["value"])
    return [Wanted(name, values, how) for (name, how), values in found.items()]


def merged(series: Iterable[Series], wanted: Sequence[Wanted]) -> list[Series]:
    """Return the series that are meant, joined where they differ in other dimensions only."""
    found: dict[tuple[str, ...], Series] = {}
    for one in series:
        its = {name.lower(): value for name, value in one.dimensions.items()}
        if not all(want.admits(its.get(want.name.lower(), "")) for want in wanted):
            continue
        values = {want.name: its.get(want.name.lower(), "") for want in wanted}
        into = found.setdefault(tuple(values.values()), Series(values))
        _join(into.minutes, one.minutes)
    if not found and not wanted:
        found[()] = Series({})
    return list(found.values())


def _join(into: dict[int, Bucket], minutes: Mapping[int, Bucket]) -> None:
    for minute, bucket in minutes.items():
        into.setdefault(minute, Bucket()).join(bucket)
