"""Figures that were observed, summed up by minute, in memory.

They are lost at a restart: what was counted before it is then not known, and
nothing is made up for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tenantry.sandbox.ids import key

__all__ = ["Bucket", "Samples", "Series", "minute_of"]

_MOST_MINUTES = 1_500  # of one series: a day and a little, the oldest go first
_MINUTE = 60


@dataclass(slots=True)
class Bucket:
    """What was observed within some time."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        """Take one figure in."""
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def join(self, other: Bucket) -> None:
        """Take another one's figures in."""
        self.count += other.count
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)

    def value(self, aggregation: str) -> float | None:
        """Return one of Azure's aggregations, None where nothing was observed to tell it by."""
        if not self.count:
            return 0.0 if aggregation in {"total", "count"} else None
        return {
            "average": self.total / self.count,
            "total": self.total,
            "count": float(self.count),
            "minimum": self.least,
            "maximum": self.most,
        }[aggregation]


@dataclass
class Series:
    """One metric of one resource with certain dimensions: what was observed in each minute."""

    dimensions: Mapping[str, str]
    minutes: dict[int, Bucket] = field(default_factory=dict)

    def over(self, start: int, end: int) -> Bucket:
        """Return what was observed from one minute on and before another."""
        found = Bucket()
        for minute, bucket in self.minutes.items():
            if start <= minute < end:
                found.join(bucket)
        return found


class Samples:
    """Every series. Every method may come from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[tuple[str, str], dict[tuple[tuple[str, str], ...], Series]] = {}
        self.since = datetime.now(UTC)  # by this machine's clock

    def add(
        self, resource_id: str, metric: str, value: float, *, at: datetime, dimensions: Mapping[str, str]
    ) -> None:
        """Keep a figure."""
        minute = minute_of(at)
        with self._lock:
            found = self._series.setdefault((key(resource_id), metric.lower()), {})
            sorted_ = tuple(sorted(dimensions.items()))
            series = found.setdefault(sorted_, Series(dict(dimensions)))
            if minute not in series.minutes:
                while len(series.minutes) >= _MOST_MINUTES:
                    del series.minutes[min(series.minutes)]
                series.minutes[minute] = Bucket()
            series.minutes[minute].add(value)

    def read(self, resource_id: str, metric: str) -> list[Series]:
        """Return copies of all series of a metric of a resource."""
        with self._lock:
            found = self._series.get((key(resource_id), metric.lower()), {})
            return [Series(one.dimensions, dict(one.minutes)) for one in found.values()]

    def resources(self) -> Iterator[str]:
        """Return the ids, in small letters, of which something is kept."""
        with self._lock:
            return iter({resource for resource, _ in self._series})

    def forget(self, resource_id: str) -> None:
        """Forget a resource's figures."""
        with self._lock:
            for one in [one for one in self._series if one[0] == key(resource_id)]:
                del self._series[one]


def minute_of(when: datetime) -> int:
    """Return the number of a minute since 1970."""
    return int(when.timestamp() // _MINUTE)
