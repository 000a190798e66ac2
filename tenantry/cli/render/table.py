"""Plain tables and lists that fit the terminal. No colour: the words say it.

Nothing is shortened: the next command wants an id or a URL whole. A text goes on in the next line, but not
where nobody looks: in a pipe or a file, unless COLUMNS says how wide that is.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

__all__ = ["REHEARSAL", "cell", "details", "table"]

REHEARSAL = "REHEARSAL: on this machine, in no real cloud"

_GAP = 2
_STDOUT = 1  # the file's number; Python has no object for one that is closed
_NARROWEST = 8  # characters that a column with texts keeps at least; the last one:
_NARROWEST_LAST = 24


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
    """Return rows as aligned columns; texts are broken into lines to fit the terminal."""
    if not rows:
        return empty
    grid = [[column.replace("_", " ").upper() for column in columns]]
    grid += [[cell(row.get(column)) for column in columns] for row in rows]
    widths = _fit(grid)
    return "\n".join(line for cells in grid for line in _lines(cells, widths))


def details(pairs: Sequence[tuple[str, Any]]) -> str:
    """Return name and value per line, aligned."""
    width = max(len(name) for name, _ in pairs) + _GAP
    return "\n".join(f"{name:<{width}}{cell(value)}" for name, value in pairs)


def _room() -> int:
    """Return how many characters fit into a line."""
    if os.environ.get("COLUMNS", "").isdecimal() or os.isatty(_STDOUT):
        return shutil.get_terminal_size().columns
    return sys.maxsize


def _fit(grid: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns' widths: the widest of those with texts gives way, as far as it can."""
    columns = list(zip(*grid, strict=True))
    widths = [max(map(len, column)) for column in columns]
    texts = [i for i, (_, *cells) in enumerate(columns) if any(" " in one for one in cells)]
    least = {i: max(_NARROWEST, *(len(word) for one in columns[i] for word in one.split())) for i in texts}
    last = len(widths) - 1
    if last in least and widths[last] > _NARROWEST_LAST:
        least[last] = _NARROWEST_LAST  # nothing stands beside it: a longer word may stick out
    over = sum(widths) + _GAP * (len(widths) - 1) - _room()
    while over > 0 and (giving := [i for i in texts if widths[i] > least[i]]):
        widths[max(giving, key=lambda i: widths[i])] -= 1
        over -= 1
    return widths


def _lines(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = [_broken(text, width) for text, width in zip(cells, widths, strict=True)]
    return [
        "".join(f"{part:<{width + _GAP}}" for part, width in zip(line, widths, strict=True)).rstrip()
        for line in zip_longest(*parts, fillvalue="")
    ]


def _broken(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
