"""Kinds of single values: each binds a YAML node to a value, and says its own JSON Schema.

One table of fields per file format is the only source of truth: it drives the
reading, the messages, the JSON Schema and the reference page. This is a small
binder of our own and not pydantic, because importing pydantic alone costs more
than reading a workspace (``instance list`` and ``--help`` must be quick), and
because here a value's place in the file is at hand where it is checked.

Binding never stops at the first problem: what is wrong is noted in Findings,
and ``INVALID`` stands in for the value.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from tenantry.config.formats import Rule, nearest
from tenantry.config.problems import Fault, Findings, shorten
from tenantry.config.reader import BrokenNode, ListNode, MapNode, Node, ScalarKind, ScalarNode

__all__ = [
    "INVALID",
    "Choice",
    "FilePath",
    "Flag",
    "Integer",
    "Kind",
    "Number",
    "Text",
    "Version",
    "wrong_type",
]

INVALID: Final = object()


class Kind(Protocol):
    """A kind of value."""

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the value of a node, or INVALID after noting what is wrong; key is the dotted path."""
        ...

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values that bind accepts."""
        ...


def wrong_type(node: Node, key: str, findings: Findings, *, wanted: str, hint: str = "") -> Any:
    """Note that a node is of the wrong type, unless something worse was noted already."""
    if isinstance(node, BrokenNode):
        return INVALID
    if isinstance(node, ScalarNode) and node.kind is ScalarKind.NULL:
        findings.add(
            "wrong-type",
            f"{key} has no value",
            mark=node.mark,
            hint="write a value, or leave the whole line out",
        )
        return INVALID
    findings.add("wrong-type", f"{key} must be {wanted}, not {_describe(node)}", mark=node.mark, hint=hint)
    return INVALID


def _describe(node: Node) -> str:
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a block of keys"
    return node.kind if isinstance(node, ScalarNode) else "broken"


_WORDS: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}  # of YAML 1.1


def _reading(node: ScalarNode) -> str:
    """Say what a plain word is to YAML readers, when it is not text."""
    if node.kind is not ScalarKind.AMBIGUOUS:
        return node.kind
    if word := _WORDS.get(node.text.lower()):
        return word
    return "a date" if re.match(r"[0-9]{4}-[0-9]", node.text) else "a number"


@dataclass(frozen=True, kw_only=True)
class Text:
    """Text on one line, or on several where ``lines`` is set."""

    rule: Rule | None = None
    pattern: str = ""
    choices: Sequence[str] = ()  # for the schema; the rule gives the message
    excluded: Sequence[str] = ()
    least: int = 1  # characters
    most: int = 200
    examples: tuple[str, ...] = ()
    lines: bool = False
    private: bool = False  # never repeat it in a message

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the text."""
        if not isinstance(node, ScalarNode) or node.kind is ScalarKind.NULL:
            return wrong_type(node, key, findings, wanted="text")
        if node.kind is not ScalarKind.TEXT:
            return self._unquoted(node, key, findings)
        if fault := self._fault(node.text):
            findings.add_fault(fault, key, mark=node.mark)
            return INVALID
        return node.text

    def _unquoted(self, node: ScalarNode, key: str, findings: Findings) -> Any:
        shown = "the value" if self.private else shorten(node.text)
        findings.add(
            "wrong-type",
            f"{key} must be text, but YAML reads {shown} as {_reading(node)}",
            mark=node.mark,
            hint="write it in quotes" if self.private else f'write it in quotes: "{shown}"',
        )
        return INVALID

    def _fault(self, text: str) -> Fault | None:
        if not self.least <= len(text) <= self.most:
            return Fault(
                code="out-of-range",
                message=f"has {len(text)} characters; {self.least} to {self.most} are allowed",
            )
        allowed = "\n\t" if self.lines else ""
        if bad := next((c for c in text if c not in allowed and _is_control(c)), None):
            return Fault(
                code="bad-character",
                message=f"holds the character U+{ord(bad):04X}, which is not allowed",
                hint="take it out; it cannot be seen, and comes in when text is copied",
            )
        return self.rule(text) if self.rule else None

    def json_schema(self) -> dict[str, Any]:
        """Describe the text."""
        schema: dict[str, Any] = {"type": "string", "minLength": self.least, "maxLength": self.most}
        if self.pattern:
            schema["pattern"] = self.pattern
        if self.choices:
            schema = {"enum": list(self.choices)}
        if self.excluded:
            schema["not"] = {"enum": list(self.excluded)}
        if self.examples:
            schema["examples"] = list(self.examples)
        return schema


_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _is_control(character: str) -> bool:
    """Say whether a character cannot be seen and changes what is: controls, surrogates, text direction."""
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character in _DIRECTIONS


_LONG = re.compile(r"[-+]?[1-9][0-9]{18,}")
_UNIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ%]+)")
_FACTORS: Mapping[str, Mapping[str, float]] = {
    "MiB": {"mib": 1, "gib": 1024, "tib": 1024 * 1024, "kib": 1 / 1024},
    "GiB": {"gib": 1, "tib": 1024, "mib": 1 / 1024},
    "days": {"d": 1, "day": 1, "days": 1, "w": 7, "week": 7, "weeks": 7, "year": 365, "years": 365},
    "hours": {"h": 1, "hour": 1, "hours": 1, "d": 24, "day": 24, "days": 24},
    "minutes": {"m": 1, "min": 1, "minute": 1, "minutes": 1, "h": 60, "hour": 60, "hours": 60},
    "seconds": {"s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60},
    "percent": {"%": 1, "percent": 1},
}


_ROUND = 1000  # for an example
_WRITTEN = re.compile(r"([0-9]{1,12})(?:\.0+)?(?:[eE]\+?([0-9]))?(?: ?(?:[A-Z]{3}|[€$£]))?")


def _plain_number(text: str) -> int | None:
    """Return the whole number that 1e3, 1_000, 7.0 and "500 EUR" mean; None where several could be meant."""
    if re.fullmatch(r"[0-9]{1,3}(?:[_ ][0-9]{3})+", text):
        text = re.sub("[_ ]", "", text)
    match = _WRITTEN.fullmatch(text)
    if match is None or (len(match[1]) > 1 and match[1].startswith("0")):
        return None
    return int(match[1] + "0" * int(match[2] or 0))


@dataclass(frozen=True, kw_only=True)
class Integer:
    """A whole number within limits; the key's name carries its unit."""

    least: int
    most: int
    unit: str = ""  # "MiB"
    example: int | None = None  # for a hint; one within the limits when left out

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the number."""
        if isinstance(node, ScalarNode) and _LONG.fullmatch(node.text):  # the reader takes none so long
            allowed = f"{self.least} to {self.most} are allowed"
            fault = Fault(code="out-of-range", message=f"has {len(node.text)} digits; {allowed}")
            findings.add_fault(fault, key, mark=node.mark)
            return INVALID
        if not isinstance(node, ScalarNode) or node.kind is not ScalarKind.INTEGER:
            return wrong_type(node, key, findings, wanted=self._wanted, hint=self._hint(node))
        value = int(node.text)
        if not self.least <= value <= self.most:
            fault = Fault(code="out-of-range", message=f"is {value}; {self.least} to {self.most} are allowed")
            findings.add_fault(fault, key, mark=node.mark)
            return INVALID
        return value

    @property
    def _wanted(self) -> str:
        return f"a whole number of {self.unit}" if self.unit else "a whole number"

    def _hint(self, node: Node) -> str:
        if not isinstance(node, ScalarNode) or node.kind is ScalarKind.BOOLEAN:
            return ""
        text = node.text.strip()
        if re.fullmatch(r"[0-9]{1,18}", text) and node.kind is ScalarKind.TEXT:
            return f"write {text} without quotes"
        if (match := _UNIT.fullmatch(text)) and self.unit:
            return self._in_unit(float(match[1]), match[2].lower())
        meant = _plain_number(text)
        if meant is not None and self.least <= meant <= self.most:
            return f"digits alone: write {meant}"
        example = min(max(self.least, _ROUND), self.most) if self.example is None else self.example
        return f"digits alone, such as {example}"

    def _in_unit(self, number: float, unit: str) -> str:
        value = number * _FACTORS.get(self.unit, {}).get(unit, 0)
        if value and value == int(value):
            return f"the key counts {self.unit}: write {int(value)}"
        return f"the key counts {self.unit}: write the number alone"

    def json_schema(self) -> dict[str, Any]:
        """Describe the number."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number with or without decimals."""

    least: float
    most: float
    unit: str = ""

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the number."""
        if not isinstance(node, ScalarNode) or node.kind not in {ScalarKind.INTEGER, ScalarKind.DECIMAL}:
            wanted = f"a number of {self.unit}" if self.unit else "a number"
            hint = "digits and a point alone, such as 0.5" if isinstance(node, ScalarNode) else ""
            return wrong_type(node, key, findings, wanted=wanted, hint=hint)
        value = float(node.text)
        if not self.least <= value <= self.most:
            fault = Fault(
                code="out-of-range", message=f"is {value:g}; {self.least:g} to {self.most:g} are allowed"
            )
            findings.add_fault(fault, key, mark=node.mark)
            return INVALID
        return value

    def json_schema(self) -> dict[str, Any]:
        """Describe the number."""
        return {"type": "number", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Flag:
    """true or false, and no other word for it."""

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the truth value."""
        if not isinstance(node, ScalarNode) or node.kind is not ScalarKind.BOOLEAN:
            return wrong_type(
                node, key, findings, wanted="true or false", hint="write true or false, without quotes"
            )
        return node.text.lower() == "true"

    def json_schema(self) -> dict[str, Any]:
        """Describe the truth value."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice:
    """One of the values of an enumeration."""

    options: type[StrEnum]
    private: bool = False  # never repeat what stands there in a message

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the member."""
        words = [option.value for option in self.options]
        if not isinstance(node, ScalarNode) or node.kind is ScalarKind.NULL:
            return wrong_type(node, key, findings, wanted=f"one of: {', '.join(words)}")
        if node.text not in words:
            wanted = f"must be one of: {', '.join(words)}"
            message = wanted if self.private else f"is {shorten(node.text)}; it {wanted}"
            near = nearest(node.text, words)
            hint = f"did you mean {near}?" if near else ""
            findings.add_fault(Fault(code="unknown-value", message=message, hint=hint), key, mark=node.mark)
            return INVALID
        return self.options(node.text)

    def json_schema(self) -> dict[str, Any]:
        """List the values."""
        return {"enum": [option.value for option in self.options]}


@dataclass(frozen=True)
class Version:
    """The version of a file format: exactly one is read."""

    number: int

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the version."""
        value = Integer(least=0, most=10**6, example=self.number).bind(node, key, findings)
        if value is not INVALID and value != self.number:
            fault = Fault(
                code="unknown-version",
                message=f"is {value}; this tenantry reads version {self.number} of this file",
                hint="use the tenantry that wrote the file, or a newer one",
            )
            findings.add_fault(fault, key, mark=node.mark)
            return INVALID
        return value

    def json_schema(self) -> dict[str, Any]:
        """Fix the version."""
        return {"const": self.number}


@dataclass(frozen=True)
class FilePath:
    """A path; a relative one starts at the folder of the file that holds it. Not looked at here."""

    private: bool = False  # people may write there what the file should hold: never repeat it in a message

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the absolute path."""
        text = Text(most=1000, private=self.private).bind(node, key, findings)
        if text is INVALID:
            return INVALID
        path = Path(text).expanduser() if text == "~" or text.startswith("~/") else Path(text)
        return Path(os.path.abspath(findings.base / path))  # noqa: PTH100 - resolve() would follow links

    def json_schema(self) -> dict[str, Any]:
        """Describe the path."""
        return {"type": "string", "minLength": 1, "maxLength": 1000}
