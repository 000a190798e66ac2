"""Opens the SQLite files of the sandbox, all in one way: what is deleted in them leaves no bytes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

__all__ = ["opened"]

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
