"""Kinds that hold other kinds: lists, tables of free keys, and blocks of known keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tenantry.config.formats import Rule, did_you_mean, nearest
from tenantry.config.kinds import INVALID, Kind, wrong_type
from tenantry.config.problems import Fault, Findings, Mark, shorten
from tenantry.config.reader import Entry, ListNode, MapNode, Node

__all__ = ["Field", "ListOf", "Record", "TableOf"]


@dataclass(frozen=True, kw_only=True)
class ListOf:
    """A list of one kind, bound to a tuple."""

    kind: Kind
    least: int = 0
    most: int = 100
    unique: bool = False
    example: str = ""

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the tuple; INVALID if any item is."""
        if not isinstance(node, ListNode):
            hint = f"write: [{self.example}]" if self.example else ""
            return wrong_type(node, key, findings, wanted="a list", hint=hint)
        if not self.least <= len(node.items) <= self.most:
            fault = Fault(
                code="out-of-range",
                message=f"has {len(node.items)} items; {self.least} to {self.most} are allowed",
            )
            findings.add_fault(fault, key, mark=node.mark)
            return INVALID
        values = [self._item(item, f"{key}[{index}]", findings) for index, item in enumerate(node.items)]
        if any(value is INVALID for value in values):
            return INVALID
        return self._without_repeats(node, values, key, findings)

    def _item(self, node: Node, key: str, findings: Findings) -> Any:
        findings.places[key] = node.mark
        return self.kind.bind(node, key, findings)

    def _without_repeats(self, node: ListNode, values: list[Any], key: str, findings: Findings) -> Any:
        if self.unique:
            for index, value in enumerate(values):
                if value in values[:index]:
                    fault = Fault(
                        code="repeated-value", message="stands in the list already", hint="remove it"
                    )
                    findings.add_fault(fault, f"{key}[{index}]", mark=node.items[index].mark)
                    return INVALID
        return tuple(values)

    def json_schema(self) -> dict[str, Any]:
        """Describe the list."""
        schema: dict[str, Any] = {"type": "array", "items": self.kind.json_schema(), "maxItems": self.most}
        if self.least:
            schema["minItems"] = self.least
        if self.unique:
            schema["uniqueItems"] = True
        return schema


@dataclass(frozen=True, kw_only=True)
class TableOf:
    """Free keys, all with values of one kind, bound to a dict in the order of the file."""

    key_rule: Rule
    key_pattern: str
    kind: Kind
    most: int = 500

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return the dict; INVALID if any entry is."""
        if not isinstance(node, MapNode):
            return wrong_type(node, key, findings, wanted="a block of keys with values")
        if len(node.entries) > self.most:
            fault = Fault(
                code="out-of-range", message=f"has {len(node.entries)} keys; {self.most} are allowed"
            )
            findings.add_fault(fault, key, mark=node.mark)
            return INVALID
        values = {entry.key: self._entry(entry, key, findings) for entry in node.entries}
        return INVALID if any(value is INVALID for value in values.values()) else values

    def _entry(self, entry: Entry, key: str, findings: Findings) -> Any:
        path = f"{key}.{shorten(entry.key, limit=130)}"
        findings.places[path] = entry.mark
        if fault := self.key_rule(entry.key):
            findings.add_fault(fault, path, mark=entry.mark)
            return INVALID
        return self.kind.bind(entry.value, path, findings)

    def json_schema(self) -> dict[str, Any]:
        """Describe the table."""
        return {
            "type": "object",
            "propertyNames": {"pattern": self.key_pattern},
            "additionalProperties": self.kind.json_schema(),
            "maxProperties": self.most,
        }


@dataclass(frozen=True)
class Field:
    """One key of a Record."""

    key: str
    kind: Kind
    doc: str  # one sentence, for editors and the reference page
    _: dataclasses.KW_ONLY
    required: bool = False
    attribute: str = ""  # of the model, where it differs from the key


@dataclass(frozen=True, kw_only=True)
class Record:
    """A block of known keys, bound to what ``build`` makes of them.

    Keys that are left out are not passed, so the defaults are the model's own.
    """

    fields: tuple[Field, ...]
    build: Callable[..., Any] = dict
    model: type | None = None  # the dataclass whose defaults the schema tells
    title: str = ""
    doc: str = ""  # what the file is, for editors and the reference page

    def bind(self, node: Node, key: str, findings: Findings) -> Any:
        """Return what build makes of the values; INVALID if anything was wrong in here."""
        if not isinstance(node, MapNode):
            return wrong_type(node, key, findings, wanted="a block of keys with values")
        known = {item.key: item for item in self.fields}
        values: dict[str, Any] = {}
        present: set[str] = set()
        sound = True
        for entry in node.entries:
            if item := known.get(entry.key):
                values[item.attribute or item.key] = self._value(item, entry, key, findings)
                present.add(item.key)
            else:
                # A misspelt key is not told a second time as missing.
                present.add(self._unknown(entry, key, findings))
                sound = False
        sound &= self._nothing_missing(node.mark, present, key, findings)
        if not sound or any(value is INVALID for value in values.values()):
            return INVALID
        return self.build(**values)

    def _value(self, item: Field, entry: Entry, key: str, findings: Findings) -> Any:
        path = _join(key, item.key)
        findings.places[path] = entry.value.mark
        return item.kind.bind(entry.value, path, findings)

    def _unknown(self, entry: Entry, key: str, findings: Findings) -> str:
        """Note an unknown key; return the known one that was probably meant, or nothing."""
        # The search for the nearest key is the slow part; a file of nothing but unknown keys is told in part.
        names = [] if findings.full else [item.key for item in self.fields]
        inside = f" in {key}" if key else ""
        hint = did_you_mean(entry.key, names)
        findings.add("unknown-key", f"{shorten(entry.key)} is not known{inside}", mark=entry.mark, hint=hint)
        return nearest(entry.key, names)

    def _nothing_missing(self, mark: Mark, present: set[str], key: str, findings: Findings) -> bool:
        missing = [item for item in self.fields if item.required and item.key not in present]
        for item in missing:
            findings.add("missing-key", f"{_join(key, item.key)} is missing", mark=mark, hint=item.doc)
        return not missing

    def json_schema(self) -> dict[str, Any]:
        """Describe the block with all its keys."""
        schema: dict[str, Any] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {item.key: self._property(item) for item in self.fields},
        }
        if self.title:
            schema = {"title": self.title, "description": self.doc, **schema}
        if required := [item.key for item in self.fields if item.required]:
            schema["required"] = required
        return schema

    def _property(self, item: Field) -> dict[str, Any]:
        schema = {"description": item.doc, **item.kind.json_schema()}
        default = self._default(item)
        return schema if default is None else {**schema, "default": default}

    def _default(self, item: Field) -> Any:
        if self.model is None or item.required:
            return None
        defaults = {f.name: f.default for f in dataclasses.fields(self.model)}
        value: Any = defaults.get(item.attribute or item.key)
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, tuple):
            return list(value) if all(isinstance(part, str | int) for part in value) else None
        return value if isinstance(value, bool | int | float) or (isinstance(value, str) and value) else None


def _join(key: str, child: str) -> str:
    return f"{key}.{child}" if key else child
