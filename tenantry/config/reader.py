"""Reads a YAML file into nodes that know their place in it.

Only a strict subset of YAML is accepted, the part that people write by hand:
one document, no anchors and aliases, no tags beyond the core ones, no key
twice. Plain words mean the same under YAML 1.1 and 1.2, or they have no
meaning here at all and must be quoted (``no``, ``0x10``, ``12:30``, dates).

Built on the parser's events and not on its node composer, so that a limit on
depth or size stops the reading where it is passed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml

from tenantry.config.problems import NOWHERE, Findings, Mark, shorten
from tenantry.errors import SpecError

__all__ = [
    "MOST_BYTES",
    "MOST_DEPTH",
    "MOST_NODES",
    "BrokenNode",
    "Entry",
    "ListNode",
    "MapNode",
    "Node",
    "ScalarKind",
    "ScalarNode",
    "parse_document",
    "read_bytes",
    "read_document",
]

MOST_BYTES: Final = 1024 * 1024
MOST_DEPTH: Final = 20  # lists and mappings inside each other
MOST_NODES: Final = 20_000


class ScalarKind(StrEnum):
    """What YAML takes a value for; the text names it in messages."""

    TEXT = "text"
    INTEGER = "a whole number"
    DECIMAL = "a number"
    BOOLEAN = "true or false"
    NULL = "nothing"
    AMBIGUOUS = "a word that YAML readers disagree on"


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A single value, as it is written."""

    text: str
    kind: ScalarKind
    mark: Mark


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    items: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Entry:
    """A key, where it stands, and its value."""

    key: str
    mark: Mark
    value: Node


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping without duplicate keys, in the order of the file."""

    entries: tuple[Entry, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class BrokenNode:
    """A value about which a problem has been noted already."""

    mark: Mark


Node = ScalarNode | ListNode | MapNode | BrokenNode


def read_document(path: Path, *, shown: str) -> tuple[MapNode, Findings]:
    """Read a file that holds one mapping.

    Args:
        path: the file; at most MOST_BYTES.
        shown: the path as messages show it.

    Returns:
        The mapping, and what was found wrong so far (duplicate keys, say).

    Raises:
        SpecError: the file cannot be read as YAML at all.
    """
    return parse_document(read_bytes(path, shown=shown), shown=shown, base=path.parent)


def parse_document(data: bytes, *, shown: str, base: Path) -> tuple[MapNode, Findings]:
    """Read bytes as ``read_document`` reads a file; relative paths in it start at base."""
    findings = Findings(file=shown, base=base)
    text = _decode(data, findings)
    try:
        root = _Composer(text, findings).document()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, findings) from None
    except yaml.YAMLError as error:
        raise _stop(findings, "broken-yaml", f"this is not YAML: {shorten(str(error))}") from None
    if not isinstance(root, MapNode):
        if not findings.found:
            findings.add("wrong-type", "the file must hold keys with values", mark=root.mark)
        raise findings.error()
    return root, findings


def read_bytes(path: Path, *, shown: str) -> bytes:
    """Return a regular file's content. Raise SpecError if there is none, or more than MOST_BYTES."""
    try:
        # Without O_NONBLOCK, a named pipe of that name would hold us for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(error, shown) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        hint = "move away what is there: a file is read, and no folder, pipe or device"
        raise SpecError(f"{shown} is not a file", hint=hint, where=shown, code="unreadable")
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise _unreadable(error, shown) from None
    if len(data) > MOST_BYTES:
        raise SpecError(
            f"{shown} is larger than {MOST_BYTES // 1024} KiB",
            hint="a file of this kind has a few kilobytes; is it the right one?",
            where=shown,
            code="too-large",
        )
    return data


def _unreadable(error: OSError | ValueError, shown: str) -> SpecError:
    if isinstance(error, OSError) and error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return SpecError(f"there is no file {shown}", where=shown, code="no-file")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return SpecError(f"{shown} cannot be read: {reason}", where=shown, code="unreadable")


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _decode(data: bytes, findings: Findings) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise _stop(
            findings,
            "not-utf-8",
            f"the file is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}",
            mark=Mark(line, column),
            hint="save the file as UTF-8",
        ) from None
    if bad := _UNPRINTABLE.search(text):
        before = text[: bad.start()]
        raise _stop(
            findings,
            "broken-yaml",
            f"the character U+{ord(bad.group()):04X} may not stand in YAML",
            mark=Mark(before.count("\n") + 1, bad.start() - before.rfind("\n")),
            hint="take it out; it cannot be seen, and comes in when text is copied",
        )
    return text


def _stop(findings: Findings, code: str, message: str, *, mark: Mark = NOWHERE, hint: str = "") -> SpecError:
    findings.add(code, message, mark=mark, hint=hint)
    return findings.error()


def _syntax_error(error: yaml.MarkedYAMLError, text: str, findings: Findings) -> SpecError:
    mark = error.problem_mark or error.context_mark
    place = Mark(mark.line + 1, mark.column + 1) if mark else NOWHERE
    problem = re.sub(r"(tag handle) .*", r"\1", error.problem or "")  # its name may be part of a value
    reason = ", ".join(part for part in (error.context, problem) if part)
    message = f"the YAML is broken: {shorten(reason, limit=160)}"
    return _stop(findings, "broken-yaml", message, mark=place, hint=_syntax_hint(error, text, place))


def _syntax_hint(error: yaml.MarkedYAMLError, text: str, place: Mark) -> str:
    lines = text.split("\n")
    if place.line <= len(lines) and "\t" in lines[place.line - 1][: place.column]:
        return "indent with spaces, not tabs"
    begun = error.context_mark
    if begun and begun.line + 1 < place.line:
        return f"what is not closed here began at {begun.line + 1}:{begun.column + 1}"
    return ""


_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_BOOLEAN = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_NUMBER_LIKE = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|0o[0-7]+")
_CORE = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset(_CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))


def _kind_of(text: str) -> ScalarKind:
    if text in _NULL:
        return ScalarKind.NULL
    if text in _BOOLEAN:
        return ScalarKind.BOOLEAN
    if _INTEGER.fullmatch(text):
        return ScalarKind.INTEGER
    if _DECIMAL.fullmatch(text):
        return ScalarKind.DECIMAL
    if _NUMBER_LIKE.fullmatch(text) or _other_in_yaml_1_1(text):
        return ScalarKind.AMBIGUOUS
    return ScalarKind.TEXT


def _other_in_yaml_1_1(text: str) -> bool:
    """Say whether a YAML 1.1 reader would not take a plain word for text."""
    resolvers: Any = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], ())
    return any(pattern.match(text) for _, pattern in resolvers)


class _Composer:
    """Builds nodes from the parser's events."""

    def __init__(self, text: str, findings: Findings) -> None:
        # The C parser is about eight times as fast; not every build of PyYAML has it.
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=loader))
        self._findings = findings
        self._nodes = 0

    def document(self) -> Node:
        """Return the only document's root."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self._stop("several-documents", "a file holds one document, not several", event)
                root = self._node(next(self._events), 0)
        if root is None:
            hint = "remove it; tenantry init writes a new tenantry.yaml, tenantry instance new a new spec"
            raise _stop(self._findings, "empty-file", "the file is empty", hint=hint)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        self._check_limits(event, depth)
        mark = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            self._add_mark("alias", "an alias (*) is not read", mark, hint="write the value out")
            return BrokenNode(mark)
        if event.anchor:
            self._add_mark("alias", "an anchor (&) is not read", mark, hint="write each value out")
        if event.tag and event.tag != "!" and event.tag not in _CORE_TAGS:
            self._add_mark("unknown-tag", "the tag (!) is not known", mark, hint="take it out")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(mark, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(mark, depth)
        return _scalar(event, mark)

    def _add_mark(self, code: str, message: str, mark: Mark, *, hint: str) -> None:
        """Note one of YAML's marks without its name, which may be a value: a secret that begins so."""
        self._findings.add(code, message, mark=mark, hint=f"{hint}; text that begins so stands in quotes")

    def _check_limits(self, event: Any, depth: int) -> None:
        self._nodes += 1
        if depth > MOST_DEPTH:
            raise self._stop("too-deep", f"lists and mappings are nested deeper than {MOST_DEPTH}", event)
        if self._nodes > MOST_NODES:
            raise self._stop("too-large", f"the file has more than {MOST_NODES} values", event)

    def _list(self, mark: Mark, depth: int) -> ListNode:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return ListNode(tuple(items), mark)

    def _mapping(self, mark: Mark, depth: int) -> MapNode:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(key, ScalarNode):
                self._enter(entries, Entry(key.text, key.mark, value))
            elif not isinstance(key, BrokenNode):
                self._findings.add("wrong-type", "a key must be a plain word", mark=key.mark)
        return MapNode(tuple(entries.values()), mark)

    def _enter(self, entries: dict[str, Entry], entry: Entry) -> None:
        if first := entries.get(entry.key):
            self._findings.add(
                "duplicate-key",
                f"{shorten(entry.key)} stands here a second time",
                mark=entry.mark,
                hint=f"it stands in line {first.mark.line} already; keep one of them",
            )
            return
        entries[entry.key] = entry

    def _stop(self, code: str, message: str, event: Any) -> SpecError:
        return _stop(self._findings, code, message, mark=_mark(event))


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(event: Any, mark: Mark) -> ScalarNode:
    plain = event.implicit[0] or event.tag in _CORE_TAGS - {_CORE + "str"}
    return ScalarNode(event.value, _kind_of(event.value) if plain else ScalarKind.TEXT, mark)
