"""The journal's tables: append, read, verify, erase texts.

All functions work inside a transaction of ``tenantry.adapters.store``; appends
and erasures inside a writing one, which makes them one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Row, Select, delete, func, select, update

from tenantry.adapters.register_tables import erasures, heads, lines, texts
from tenantry.model.journal import Line, digest_of, faults_in, link
from tenantry.ports import JournalEntry

__all__ = ["append", "erase_texts", "read", "verify"]

_HEAD = 1


def append(
    connection: Connection, *, at: datetime, operation: str, instance: str, kind: str, text: str
) -> JournalEntry:
    """Append one line; durable once the transaction is."""
    head = connection.execute(select(heads.c.seq, heads.c.chain)).one()
    line = Line(
        seq=head.seq + 1, at=at, operation=operation, instance=instance, kind=kind, digest=digest_of(text)
    )
    line = replace(line, chain=link(head.chain, line), text=text)
    connection.execute(
        lines.insert().values(
            seq=line.seq,
            at=at,
            operation=operation,
            instance=instance,
            kind=kind,
            digest=line.digest,
            chain=line.chain,
        )
    )
    connection.execute(texts.insert().values(seq=line.seq, text=text))
    connection.execute(update(heads).where(heads.c.id == _HEAD).values(seq=line.seq, chain=line.chain))
    return _entry(line)


def read(connection: Connection, *, instance: str | None = None) -> list[JournalEntry]:
    """Return the lines, oldest first; of one instance by its opaque name, or all."""
    wanted = _lines()
    if instance is not None:
        wanted = wanted.where(lines.c.instance == instance)
    return [_entry(_line(row)) for row in connection.execute(wanted)]


def verify(connection: Connection) -> list[str]:
    """Return what is wrong with the journal; empty when it holds."""
    head = connection.execute(select(heads.c.seq, heads.c.chain)).one()
    stored = [_line(row) for row in connection.execute(_lines())]
    wrong = list(faults_in(stored, head=(head.seq, head.chain)))
    return wrong + list(_lost_texts(connection, stored))


def erase_texts(connection: Connection, *, instance: str, at: datetime) -> None:
    """Delete the texts of an instance's lines, and record up to which line that was done."""
    own = select(lines.c.seq).where(lines.c.instance == instance)
    last = connection.scalar(select(func.max(lines.c.seq)).where(lines.c.instance == instance))
    if last is None:
        return
    connection.execute(delete(texts).where(texts.c.seq.in_(own)))
    connection.execute(delete(erasures).where(erasures.c.instance == instance))
    connection.execute(erasures.insert().values(instance=instance, up_to=last, at=at))


def _lost_texts(connection: Connection, stored: list[Line]) -> Iterator[str]:
    erased = {row.instance: row.up_to for row in connection.execute(select(erasures))}
    for line in stored:
        if line.text is None and line.seq > erased.get(line.instance, 0):
            yield f"the text of line {line.seq} is missing, and no erasure is recorded"


def _lines() -> Select[tuple[object, ...]]:
    return select(lines, texts.c.text).outerjoin(texts, texts.c.seq == lines.c.seq).order_by(lines.c.seq)


def _line(row: Row[tuple[object, ...]]) -> Line:
    return Line(**row._asdict())


def _entry(line: Line) -> JournalEntry:
    return JournalEntry(
        seq=line.seq,
        at=line.at,
        operation=line.operation,
        instance=line.instance,
        kind=line.kind,
        digest=line.digest,
        chain=line.chain,
        text=line.text,
    )
