"""The chain of the journal: pure functions, no storage.

Each line carries ``chain_n = SHA-256(canonical(line_n) || chain_(n-1))``, where
the canonical form holds the digest of the line's text and not the text. So
texts can be erased and the chain still holds, while a line that was changed,
left out, put in or moved breaks it.

What the chain does not do: it has no key, so whoever can write the whole
journal can write another one that holds. It shows accidents and partial
changes; a copy of the head kept elsewhere shows the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["GENESIS", "Line", "canonical", "digest_of", "faults_in", "link", "timestamp"]

GENESIS = "0" * 64  # the chain value before the first line


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line as it is stored."""

    seq: int  # from 1, without gaps
    at: datetime  # aware
    operation: str  # "" outside an operation
    instance: str  # opaque name
    kind: str
    digest: str  # of the text
    chain: str = ""
    text: str | None = None


def timestamp(moment: datetime) -> str:
    """Return a moment as UTC text of constant width, microseconds included.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        msg = "a moment without a time zone"
        raise ValueError(msg)
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def digest_of(text: str) -> str:
    """Return the hex SHA-256 of a text.

    A lone surrogate (a file name that is no UTF-8) is kept apart from its replacement.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def canonical(line: Line) -> bytes:
    """Return the bytes that the chain covers: a JSON array in ASCII, no spaces."""
    fields = [line.seq, timestamp(line.at), line.operation, line.instance, line.kind, line.digest]
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def link(previous: str, line: Line) -> str:
    """Return the chain value of a line after ``previous``, which may be no hash if it was tampered with."""
    return hashlib.sha256(canonical(line) + previous.encode("utf-8", "surrogatepass")).hexdigest()


def faults_in(lines: Iterable[Line], *, head: tuple[int, str]) -> Iterator[str]:
    """Yield what is wrong with a journal; nothing when it holds.

    Args:
        lines: in the order in which they are stored, oldest first.
        head: number and chain value of the newest line, kept beside the lines, so
            that lines cut off at the end are missed.
    """
    seq, chain = 0, GENESIS
    for line in lines:
        if line.seq != seq + 1:
            yield _gap(seq + 1, line.seq)
        elif link(chain, line) != line.chain:
            yield f"line {line.seq} does not follow from the line before it: it was changed or moved"
        if line.text is not None and digest_of(line.text) != line.digest:
            yield f"the text of line {line.seq} was changed"
        seq, chain = line.seq, line.chain
    if seq < head[0]:
        yield _gap(seq + 1, head[0] + 1)
    elif (seq, chain) != head:
        yield f"the newest line is {seq}, but it is not the one that was recorded last ({head[0]})"


def _gap(expected: int, found: int) -> str:
    if found < expected:
        return f"line {found} stands after line {expected - 1}"
    if found == expected + 1:
        return f"line {expected} is missing"
    return f"lines {expected} to {found - 1} are missing"
