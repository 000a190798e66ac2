"""Values and conditions of queries: what stands after ``where``."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tenantry.sandbox.watch.kql_text import QueryFault, Words

__all__ = ["Expression", "Row", "Scope", "condition", "span_of", "value"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Scope:
    """What an expression is read in: columns with their types, the time, the operator's name."""

    columns: Mapping[str, str]
    now: datetime
    operator: str

    def column(self, name: str) -> str:
        """Return a column's name when there is one. QueryFault when there is none."""
        if name not in self.columns:
            raise QueryFault(
                "SEM0100",
                f"'{self.operator}' operator: Failed to resolve column or scalar expression named '{name}'",
            )
        return name


Expression = Callable[[Scope], Callable[[Row], Any]]
_SPANS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "=~": lambda one, other: one == other,
    "!~": lambda one, other: one != other,
    "contains": lambda one, other: other in one,
    "startswith": lambda one, other: one.startswith(other),
    "endswith": lambda one, other: one.endswith(other),
    "has": lambda one, other: re.search(_term(other), one) is not None,
}
_TESTS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "isempty": lambda one: one in (None, ""),
    "isnotempty": lambda one: one not in (None, ""),
    "isnull": lambda one: one is None,
    "isnotnull": lambda one: one is not None,
}


def condition(words: Words) -> Expression:
    """Read conditions that are joined by ``or`` and ``and``."""
    return _joined(words, "or", any, lambda: _joined(words, "and", all, lambda: _single(words)))


def value(words: Words) -> Expression:
    """Read a value: a column, a literal, ``ago(1h)``, ``now()``, ``datetime(…)``."""
    if words.take("-"):
        return _constant(-_number(words.any("number").text))
    token = words.any("name", "string", "number", "span", "moment")
    if token.kind != "name":
        return _constant(_LITERALS[token.kind](token.text))
    name = token.text
    if name.lower() in {"true", "false"}:
        return _constant(name.lower() == "true")
    if words.take("("):
        return _called(words, name.lower())
    return lambda scope: _reader(scope.column(name))


def _called(words: Words, name: str) -> Expression:
    if name not in {"ago", "now"}:
        raise words.error(f"The sandbox does not know the function {name}")
    span = span_of(words.any("span").text) if name == "ago" else timedelta()
    words.need(")")
    return lambda scope: _same(scope.now - span)


def span_of(text: str) -> timedelta:
    """Read ``5m``."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text.lower()).groups()  # type: ignore[union-attr]
    return timedelta(**{_SPANS[unit]: float(number)})


def _joined(words: Words, by: str, join: Callable[[Any], bool], read: Callable[[], Expression]) -> Expression:
    parts = [read()]
    while words.take(by):
        parts.append(read())
    if len(parts) == 1:
        return parts[0]

    def bind(scope: Scope) -> Callable[[Row], bool]:
        bound = [one(scope) for one in parts]
        return lambda row: join(one(row) for one in bound)

    return bind


def _single(words: Words) -> Expression:
    if words.take("not"):
        words.need("(")
        inner = condition(words)
        words.need(")")
        return _after(inner, operator.not_)
    if words.take("("):
        inner = condition(words)
        words.need(")")
        return inner
    if words.next.text.lower() in _TESTS:
        test = _TESTS[words.name().text.lower()]
        words.need("(")
        inner = value(words)
        words.need(")")
        return _after(inner, test)
    return _comparison(words, value(words))


def _comparison(words: Words, left: Expression) -> Expression:
    negated = words.take("!") is not None
    token = words.any("sign", "name")
    sign = token.text.lower()
    if sign in {"==", "!="} and not negated:
        return _both(left, value(words), operator.eq if sign == "==" else operator.ne)
    if sign in _COMPARE and not negated:
        return _both(left, value(words), _ordered(_COMPARE[sign]))
    if sign in _WORDS:
        test = _WORDS[sign]
        return _both(left, value(words), lambda one, other: test(_small(one), _small(other)) is not negated)
    if sign in {"between", "in"}:
        found = _between(words, left) if sign == "between" else _among(words, left)
        return _after(found, operator.not_) if negated else found
    raise QueryFault("SYN0002", f"Query could not be parsed at '{token.text}' "
                     f"on line [{token.line},{token.column}]", at=token)  # fmt: skip


def _between(words: Words, left: Expression) -> Expression:
    words.need("(")
    low = value(words)
    words.need("..")
    high = value(words)
    words.need(")")
    least, most = _both(left, low, _ordered(operator.ge)), _both(left, high, _ordered(operator.le))

    def bind(scope: Scope) -> Callable[[Row], bool]:
        first, second = least(scope), most(scope)
        return lambda row: bool(first(row) and second(row))

    return bind


def _among(words: Words, left: Expression) -> Expression:
    words.need("(")
    choices = [value(words)]
    while words.take(","):
        choices.append(value(words))
    words.need(")")

    def bind(scope: Scope) -> Callable[[Row], bool]:
        one, others = left(scope), [choice(scope) for choice in choices]
        return lambda row: any(one(row) == other(row) for other in others)

    return bind


def _both(left: Expression, right: Expression, test: Callable[[Any, Any], bool]) -> Expression:
    def bind(scope: Scope) -> Callable[[Row], bool]:
        one, other = left(scope), right(scope)
        return lambda row: test(one(row), other(row))

    return bind


def _after(inner: Expression, test: Callable[[Any], bool]) -> Expression:
    def bind(scope: Scope) -> Callable[[Row], bool]:
        one = inner(scope)
        return lambda row: test(one(row))

    return bind


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Compare what can be compared: null is neither less nor more."""

    def safe(one: Any, other: Any) -> bool:
        try:
            return one is not None and other is not None and test(one, other)
        except TypeError:
            raise QueryFault(
                "SEM0064", f"Cannot compare values of types {type(one).__name__} and {type(other).__name__}."
            ) from None

    return safe


def _constant(found: Any) -> Expression:
    return lambda _: _same(found)


def _same(found: Any) -> Callable[[Row], Any]:
    return lambda _: found


def _reader(name: str) -> Callable[[Row], Any]:
    return lambda row: row.get(name)


def _small(found: Any) -> str:
    if isinstance(found, dict | list):
        found = json.dumps(found)
    return "" if found is None else str(found).lower()


def _term(text: str) -> str:
    return rf"(?<![a-z0-9]){re.escape(text)}(?![a-z0-9])"


def _text_of(literal: str) -> str:
    if literal.startswith("@"):
        return literal[2:-1]
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), literal[1:-1])


def _number(text: str) -> float | int:
    return float(text) if "." in text else int(text)


def _moment(literal: str) -> datetime:
    text = literal.partition("(")[2].rstrip(")").strip().strip("\"'")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise QueryFault("SYN0002", f"Query could not be parsed: '{text}' is no datetime") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_LITERALS: Final[Mapping[str, Callable[[str], Any]]] = {
    "string": _text_of,
    "number": _number,
    "span": span_of,
    "moment": _moment,
}
