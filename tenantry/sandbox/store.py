"""What the sandbox remembers: one SQLite file, safe to use from every thread."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenantry.sandbox.ids import key
from tenantry.sandbox.kinds import Resource
from tenantry.sandbox.sqlite_files import SqliteFile

__all__ = ["Store"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL,
    location TEXT NOT NULL, body TEXT NOT NULL, made INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_type ON resources (type COLLATE NOCASE);
CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS activity (number INTEGER PRIMARY KEY, at TEXT NOT NULL, event TEXT NOT NULL);
"""


class Store(SqliteFile):
    """Resources, notes and the activity log in a file."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, _SCHEMA)

    # --- resources ---

    def find(self, resource_id: str) -> Resource | None:
        """Return a resource."""
        rows = self._all("SELECT * FROM resources WHERE key = ?", key(resource_id))
        return _resource(rows[0]) if rows else None

    def below(self, resource_id: str, type_: str = "") -> list[Resource]:
        """Return what lies below an id, in the order in which it was made."""
        start = key(resource_id) + "/" if resource_id.strip("/") else "/"
        query = "SELECT * FROM resources WHERE key >= ? AND key < ?"
        arguments = [start, start[:-1] + "0"]  # "0" is the character after "/"
        if type_:
            query += " AND type = ? COLLATE NOCASE"
            arguments.append(type_)
        return [_resource(row) for row in self._all(query + " ORDER BY made", *arguments)]

    def save(self, resource: Resource) -> None:
        """Keep a resource; one of the same id is replaced."""
        values = (resource.id, resource.type, resource.name, resource.location, json.dumps(resource.body))
        self._do(
            "INSERT INTO resources (key, id, type, name, location, body, made) "
            "VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(made), 0) + 1 FROM resources)) "
            "ON CONFLICT (key) DO UPDATE SET id = excluded.id, type = excluded.type, name = excluded.name, "
            "location = excluded.location, body = excluded.body",
            key(resource.id),
            *values,
        )

    def drop(self, resource_id: str) -> None:
        """Forget a resource, not what lies below it."""
        self._do("DELETE FROM resources WHERE key = ?", key(resource_id))

    def counts(self) -> Mapping[str, int]:
        """Return how many there are of each type."""
        rows = self._all("SELECT type, count(*) FROM resources GROUP BY type COLLATE NOCASE ORDER BY type")
        return {str(type_): int(count) for type_, count in rows}

    # --- notes ---

    def remember(self, name: str, value: dict[str, Any] | None) -> None:
        """Keep a note; None forgets it."""
        if value is None:
            self._do("DELETE FROM notes WHERE key = ?", name)
        else:
            self._do("INSERT OR REPLACE INTO notes VALUES (?, ?)", name, json.dumps(value))

    def recall(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the notes whose names begin so."""
        # A range, which the index answers; no name has the last character that there is.
        rows = self._all(
            "SELECT key, value FROM notes WHERE key >= ? AND key < ?", prefix, prefix + chr(sys.maxunicode)
        )
        return {str(name): json.loads(value) for name, value in rows}

    # --- activity ---

    def note_event(self, at: str, event: Mapping[str, Any]) -> None:
        """Add to the activity log."""
        self._do("INSERT INTO activity (at, event) VALUES (?, ?)", at, json.dumps(event))

    def events(self) -> list[dict[str, Any]]:
        """Return the activity log, newest first."""
        return [json.loads(row[0]) for row in self._all("SELECT event FROM activity ORDER BY number DESC")]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do several things at once, or none of them."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _resource(row: tuple[Any, ...]) -> Resource:
    _, id_, type_, name, location, body, _ = row
    return Resource(id=id_, type=type_, name=name, location=location, body=json.loads(body))
