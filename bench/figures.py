"""What was measured, and whether it is within its limit. Pure arithmetic."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Figure", "as_json", "table", "within_limits"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table: a ratio to a baseline where there is one, else a quantity."""

    name: str
    ours: tuple[float, ...]
    baseline: tuple[float, ...] = ()
    limit: float | None = None  # of ``value``, itself permitted
    unit: str = "s"  # of the samples
    least: float | None = None  # instead of a limit: what ``value`` must reach

    def __post_init__(self) -> None:
        if not self.ours:
            raise ValueError(f"{self.name}: nothing was measured")

    @property
    def value(self) -> float:
        """The ratio of the medians, or the median."""
        ours = statistics.median(self.ours)
        return ours / statistics.median(self.baseline) if self.baseline else ours

    @property
    def is_within(self) -> bool:
        """Say whether the limits hold; without one it does."""
        if self.least is not None:
            return self.value >= self.least
        return self.limit is None or self.value <= self.limit


def within_limits(figures: Sequence[Figure]) -> bool:
    """Say whether every figure is within its limit."""
    return all(figure.is_within for figure in figures)


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as text, one a line."""
    rows: list[tuple[str, ...]] = [("FIGURE", "VALUE", "LIMIT", "OURS", "BASELINE", "N", "")]
    rows += [_row(figure) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _row(figure: Figure) -> tuple[str, ...]:
    unit = "x" if figure.baseline else figure.unit
    return (
        figure.name,
        f"{figure.value:.2f} {unit}",
        _limit(figure, unit),
        f"{statistics.median(figure.ours):.2f} {figure.unit}",
        f"{statistics.median(figure.baseline):.2f} {figure.unit}" if figure.baseline else "",
        str(len(figure.ours)),
        "" if figure.is_within else "OVER" if figure.least is None else "UNDER",
    )


def _limit(figure: Figure, unit: str) -> str:
    if figure.least is not None:
        return f">= {figure.least:g} {unit}"
    return "" if figure.limit is None else f"{figure.limit:g} {unit}"


def as_json(figures: Sequence[Figure], *, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures with every sample, and what machine they are of."""
    return {
        "machine": dict(machine),
        "within_limits": within_limits(figures),
        "figures": [
            {
                "name": figure.name,
                "value": round(figure.value, 4),
                "unit": "ratio" if figure.baseline else figure.unit,
                "limit": figure.limit,
                "least": figure.least,
                "within": figure.is_within,
                "ours": list(figure.ours),
                "baseline": list(figure.baseline),
            }
            for figure in figures
        ],
    }
