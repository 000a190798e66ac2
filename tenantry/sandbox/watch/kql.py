"""A small part of Kusto's language: a table, and operators that narrow, sort and count its rows.

``where``, ``project``, ``take``/``limit``, ``order by``/``sort by``, ``top``, ``distinct``, ``count``
and ``summarize`` with ``count()``, ``dcount``, ``sum``, ``avg``, ``min`` and ``max`` by columns or
``bin(…)``. Everything else is refused as a syntax error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tenantry.sandbox.watch.kql_summary import summarize
from tenantry.sandbox.watch.kql_text import QueryFault, Words
from tenantry.sandbox.watch.kql_values import Row, Scope, condition, value

__all__ = ["Frame", "Query", "QueryFault", "parse"]

_Stage = Callable[["Frame", datetime], "Frame"]


@dataclass(frozen=True)
class Frame:
    """Columns with their types, and rows."""

    columns: Mapping[str, str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Query:
    """A query that was understood."""

    table: str
    stages: Sequence[_Stage]

    def run(self, frame: Frame, now: datetime) -> Frame:
        """Return what it makes of a table. QueryFault when it names a column that is not there."""
        try:
            for stage in self.stages:
                frame = stage(frame, now)
        except TypeError as error:
            raise QueryFault("SEM0064", f"An operator does not take values of these types: {error}") from None
        return frame


def parse(text: str) -> Query:
    """Read a query. QueryFault when it is not of the part that is known here."""
    words = Words(text)
    table = words.name().text
    stages = []
    while words.take("|"):
        token = words.name()
        read = _OPERATORS.get(token.text.lower())
        if read is None:
            raise QueryFault(
                "SYN0002",
                f"Query could not be parsed at '{token.text}' on line [{token.line},{token.column}]: "
                "the sandbox does not know this operator",
                at=token,
            )
        stages.append(read(words))
    if words.next.kind != "end":
        raise words.error()
    return Query(table, stages)


def _where(words: Words) -> _Stage:
    wanted = condition(words)

    def stage(frame: Frame, now: datetime) -> Frame:
        test = wanted(Scope(frame.columns, now, "where"))
        return Frame(frame.columns, [row for row in frame.rows if test(row)])

    return stage


def _project(words: Words) -> _Stage:
    pairs = []
    while True:
        name = source = words.name().text
        if words.take("="):
            source = words.name().text
        pairs.append((name, source))
        if not words.take(","):
            break

    def stage(frame: Frame, now: datetime) -> Frame:
        scope = Scope(frame.columns, now, "project")
        columns = {name: frame.columns[scope.column(source)] for name, source in pairs}
        return Frame(columns, [{name: row.get(source) for name, source in pairs} for row in frame.rows])

    return stage


def _take(words: Words) -> _Stage:
    count = int(float(words.any("number").text))
    return lambda frame, _: Frame(frame.columns, frame.rows[:count])


def _order(words: Words) -> _Stage:
    words.need("by")
    keys = [_sort_key(words)]
    while words.take(","):
        keys.append(_sort_key(words))
    return lambda frame, now: _sorted(frame, now, keys, "sort")


def _top(words: Words) -> _Stage:
    count = int(float(words.any("number").text))
    words.need("by")
    keys = [_sort_key(words)]

    def stage(frame: Frame, now: datetime) -> Frame:
        found = _sorted(frame, now, keys, "top")
        return Frame(found.columns, found.rows[:count])

    return stage


def _sort_key(words: Words) -> tuple[Any, bool]:
    expression = value(words)
    falling = words.take("asc") is None
    if falling:
        words.take("desc")
    return expression, falling


def _sorted(frame: Frame, now: datetime, keys: Sequence[tuple[Any, bool]], name: str) -> Frame:
    scope = Scope(frame.columns, now, name)
    rows = list(frame.rows)
    for expression, falling in reversed(keys):
        read = expression(scope)
        # Null comes last when the order falls, first when it rises, as in Kusto.
        rows.sort(key=lambda row: ((found := read(row)) is not None, found if found is not None else 0),
                  reverse=falling)  # fmt: skip
    return Frame(frame.columns, rows)


def _distinct(words: Words) -> _Stage:
    names = [words.name().text]
    while words.take(","):
        names.append(words.name().text)

    def stage(frame: Frame, now: datetime) -> Frame:
        scope = Scope(frame.columns, now, "distinct")
        columns = {name: frame.columns[scope.column(name)] for name in names}
        found = {_hashable(tuple(row.get(name) for name in names)): row for row in reversed(frame.rows)}
        rows = [{name: row.get(name) for name in names} for row in found.values()]
        return Frame(columns, rows[::-1])

    return stage


def _count(words: Words) -> _Stage:
    del words
    return lambda frame, _: Frame({"Count": "long"}, [{"Count": len(frame.rows)}])


def _summarize(words: Words) -> _Stage:
    summary = summarize(words)

    def stage(frame: Frame, now: datetime) -> Frame:
        return Frame(*summary(frame.columns, frame.rows, now))

    return stage


def _hashable(found: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(repr(one) if isinstance(one, dict | list) else one for one in found)


def told(found: Any) -> Any:
    """Return a value as an answer tells it."""
    if isinstance(found, datetime):
        return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(found, timedelta):
        return str(found)
    return found


_OPERATORS: Mapping[str, Callable[[Words], _Stage]] = {
    "where": _where,
    "filter": _where,
    "project": _project,
    "take": _take,
    "limit": _take,
    "order": _order,
    "sort": _order,
    "top": _top,
    "distinct": _distinct,
    "count": _count,
    "summarize": _summarize,
}
