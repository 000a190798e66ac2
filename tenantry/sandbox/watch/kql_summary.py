"""``summarize``: rows counted and added up, by columns or by bins of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tenantry.sandbox.watch.kql_text import Words
from tenantry.sandbox.watch.kql_values import Row, Scope, span_of

__all__ = ["summarize"]

_Summary = Callable[[Mapping[str, str], Sequence[Row], datetime], tuple[dict[str, str], list[dict[str, Any]]]]
_BEGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Figure:
    name: str
    how: str
    column: str

    def type(self, columns: Mapping[str, str]) -> str:
        """Return the type of what is worked out."""
        return {"count": "long", "dcount": "long", "avg": "real"}.get(self.how) or columns[self.column]

    def of(self, rows: Sequence[Row]) -> Any:
        """Work it out."""
        if self.how == "count":
            return len(rows)
        values = [row[self.column] for row in rows if row.get(self.column) is not None]
        if self.how == "dcount":
            return len({str(one) for one in values})
        if not values:
            return None
        return {
            "sum": lambda: sum(values),
            "avg": lambda: sum(values) / len(values),
            "min": lambda: min(values),
            "max": lambda: max(values),
        }[self.how]()


@dataclass(frozen=True)
class _Key:
    name: str
    column: str
    bin: timedelta | float | None

    def of(self, row: Row) -> Any:
        """Return what a row is sorted under."""
        found = row.get(self.column)
        if self.bin is None or found is None:
            return found
        if isinstance(self.bin, timedelta):
            return _BEGIN + (found - _BEGIN) // self.bin * self.bin
        return found // self.bin * self.bin


def summarize(words: Words) -> _Summary:
    """Read what stands after ``summarize``."""
    figures: list[_Figure] = []
    if words.next.text.lower() != "by":
        figures.append(_figure(words))
        while words.take(","):
            figures.append(_figure(words))
    keys: list[_Key] = []
    if words.take("by"):
        keys.append(_key(words))
        while words.take(","):
            keys.append(_key(words))

    def work(
        columns: Mapping[str, str], rows: Sequence[Row], now: datetime
    ) -> tuple[dict[str, str], list[dict[str, Any]]]:
        scope = Scope(columns, now, "summarize")
        for name in [one.column for one in keys] + [one.column for one in figures]:
            if name:  # count() has none
                scope.column(name)
        groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
        for row in rows:
            groups.setdefault(tuple(one.of(row) for one in keys), []).append(row)
        made = {one.name: columns[one.column] for one in keys} | {
            one.name: one.type(columns) for one in figures
        }
        return made, [
            {
                **{one.name: value for one, value in zip(keys, values, strict=True)},
                **{one.name: one.of(members) for one in figures},
            }
            for values, members in groups.items()
        ]

    return work


def _figure(words: Words) -> _Figure:
    name = words.name().text
    given = ""
    if words.take("="):
        given, name = name, words.name().text
    how = name.lower()
    if how not in {"count", "dcount", "sum", "avg", "min", "max"}:
        raise words.error(f"The sandbox does not know the aggregation '{name}'")
    words.need("(")
    column = "" if how == "count" else words.name().text
    words.need(")")
    return _Figure(given or f"{how}_{column}", how, column)


def _key(words: Words) -> _Key:
    name = words.name().text
    given = ""
    if words.take("="):
        given, name = name, words.name().text
    if name.lower() != "bin":
        return _Key(given or name, name, None)
    words.need("(")
    column = words.name().text
    words.need(",")
    step = words.any("span", "number")
    words.need(")")
    return _Key(given or column, column, span_of(step.text) if step.kind == "span" else float(step.text))
