"""Plain tables and lists that fit the terminal. No colour: the words say it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

__all__ = ["REHEARSAL", "cell", "details", "table"]

REHEARSAL = "REHEARSAL: on this machine, in no real cloud"

_GAP = 2
_NARROWEST = 8  # characters that a column keeps at least


def cell(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, list | tuple):
        return ", ".join(cell(one) for one in value) or "-"
    return str(value)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str = "nothing") -> str:
    """Return rows as aligned columns, the widest shortened until the terminal holds them."""
    if not rows:
        return empty
    grid = [[column.replace("_", " ").upper() for column in columns]]
    grid += [[cell(row.get(column)) for column in columns] for row in rows]
    widths = _fit([max(len(line[i]) for line in grid) for i in range(len(columns))])
    return "\n".join(_line(line, widths) for line in grid)


def details(pairs: Sequence[tuple[str, Any]]) -> str:
    """Return name and value per line, aligned."""
    width = max(len(name) for name, _ in pairs) + _GAP
    return "\n".join(f"{name:<{width}}{cell(value)}" for name, value in pairs)


def _fit(widths: list[int]) -> list[int]:
    room = shutil.get_terminal_size((100, 24)).columns
    while sum(widths) + _GAP * (len(widths) - 1) > room and max(widths) > _NARROWEST:
        widest = widths.index(max(widths))
        widths[widest] -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    shortened = [
        text if len(text) <= width else text[: width - 1] + "…"
        for text, width in zip(cells, widths, strict=True)
    ]
    padded = (f"{text:<{width}}" for text, width in zip(shortened, widths, strict=True))
    return (" " * _GAP).join(padded).rstrip()
