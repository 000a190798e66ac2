"""Rows of one workspace, in a file of its own: what is deleted leaves no bytes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tenantry.sandbox import sqlite_files
from tenantry.sandbox.parts.erasing import overwrite

__all__ = ["RowFile"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL, row TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_time ON rows (name, at);
"""


class RowFile:
    """The file of a workspace. Every method may come from any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def add(self, table: str, rows: Sequence[tuple[datetime, Mapping[str, Any]]]) -> None:
        """Keep rows with the time that each is of."""
        values = [(table, at.timestamp(), json.dumps(row)) for at, row in rows]
        with self._lock:
            opened = self._opened()
            opened.execute("BEGIN")
            opened.executemany("INSERT INTO rows (name, at, row) VALUES (?, ?, ?)", values)
            opened.execute("COMMIT")

    def read(self, table: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Return a table's rows from one moment on and before another, the oldest first."""
        with self._lock:
            if self._connection is None and not self._file.exists():
                return []
            found = (
                self._opened()
                .execute(
                    "SELECT row FROM rows WHERE name = ? AND at >= ? AND at < ? ORDER BY at, number",
                    (table, start.timestamp(), end.timestamp()),
                )
                .fetchall()
            )
        return [json.loads(one[0]) for one in found]

    def tables(self) -> list[str]:
        """Return the tables that have rows."""
        with self._lock:
            if self._connection is None and not self._file.exists():
                return []
            return [one[0] for one in self._opened().execute("SELECT DISTINCT name FROM rows").fetchall()]

    def drop_before(self, table: str, moment: datetime) -> None:
        """Erase what is older in a table."""
        with self._lock:
            self._opened().execute("DELETE FROM rows WHERE name = ? AND at < ?", (table, moment.timestamp()))

    def erase(self) -> None:
        """Erase the file."""
        with self._lock:
            self.close()
            if self._file.exists():
                overwrite(self._file)
                self._file.unlink()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.parent.chmod(0o700)
            self._connection = sqlite_files.opened(self._file, _SCHEMA)
        return self._connection
