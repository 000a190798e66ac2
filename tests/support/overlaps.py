"""How many instances were worked on at once, from what the sandbox kept of each write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tenantry.cli.sandboxing import spans

__all__ = ["most_at_once", "worked_on"]

_GROUP = re.compile(r"^/subscriptions/[^/]+/resourcegroups/[^/]+", re.IGNORECASE)
_WRITES = frozenset({"PUT", "PATCH"})

Times = tuple[float, float]  # the first and the last moment, in seconds since 1970


def worked_on(workspace: Path) -> dict[str, Times]:
    """Return when each resource group's first write began and its last one ended; ids in lower case."""
    found: dict[str, Times] = {}
    for one in spans(workspace):
        group = _GROUP.match(str(one["id"]))
        if group is not None and one["method"] in _WRITES:
            name, (first, last) = group[0].lower(), (float(one["start"]), float(one["end"]))
            before = found.get(name, (first, last))
            found[name] = (min(first, before[0]), max(last, before[1]))
    return found


def most_at_once(times: Mapping[str, Times], groups: Iterable[str]) -> int:
    """Return how many of these groups were worked on at the same moment, at the most."""
    ours = [times[one.lower()] for one in groups]
    return max((sum(first <= moment < last for first, last in ours) for moment, _ in ours), default=0)
