"""The SQLite files of the sandbox, all opened in one way: what is deleted in them leaves no bytes."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

__all__ = ["SqliteFile", "opened"]

# secure_delete: what is forgotten must not be found in the file's free pages, nor in a journal that stays.
_PRAGMAS = ("journal_mode=DELETE", "secure_delete=ON", "synchronous=OFF", "temp_store=MEMORY")


def opened(file: Path, schema: str) -> sqlite3.Connection:
    """Open a file that only we may read, with its tables; the caller sees to it that threads take turns.

    Every statement is a transaction of its own, unless the caller begins one.
    """
    file.touch(mode=0o600)
    connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.executescript(schema)
    return connection


class SqliteFile:
    """A file that is open from its making on, safe to use from every thread."""

    def __init__(self, file: Path, schema: str) -> None:
        self._lock = threading.RLock()
        self._connection = opened(file, schema)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _all(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, arguments).fetchall()

    def _do(self, query: str, *arguments: object) -> None:
        with self._lock:
            self._connection.execute(query, arguments)
