"""What a database's error means to a person.

Only codes are looked at. The statement, its values and the database's own
detail are never repeated: they may hold the name of a client.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tenantry.errors import BusyError, DefectError, TenantryError, UnavailableError

__all__ = ["locked", "told"]

_SQLITE = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_PERM: "read-only",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "io",
    sqlite3.SQLITE_CANTOPEN: "io",
}
_POSTGRESQL = {  # SQLSTATE, or its class of two characters
    "55P03": "busy",
    "25006": "read-only",
    "42501": "read-only",
    "53100": "full",
    "XX001": "corrupt",
    "XX002": "corrupt",
    "08": "unreachable",
    "28": "denied",
    "3D": "unreachable",
    "53": "unreachable",
    "57": "unreachable",
    "58": "io",
}
_MEANINGS = {
    "read-only": ("is read-only", "let the user who runs tenantry write it"),
    "corrupt": (
        "is damaged and cannot be read",
        "keep the file as it is, and put back the newest copy of it",
    ),
    "full": ("cannot be written: the disk is full", "make room, then run the same command again"),
    "io": ("cannot be read or written", "look at the disk and at the system's log"),
    "unreachable": ("cannot be reached", "look whether its server runs, and at the workspace's register URL"),
    "denied": ("refused the login", "look at the user and the password in the workspace's register URL"),
}


@contextmanager
def told(label: str) -> Iterator[None]:
    """Turn the database's errors into ours; ``label`` names the register."""
    try:
        yield
    except TenantryError:
        raise
    except PoolTimeoutError as error:
        raise locked(label) from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _error(_meaning(error), label) from error


def locked(label: str) -> BusyError:
    """Return the error for a register that somebody else keeps locked."""
    return BusyError(
        f"the register {label} is locked by another process",
        hint="run the same command again; if it stays so, look who has the file open (fuser)",
        code="register-locked",
    )


def _error(meaning: str, label: str) -> TenantryError:
    if meaning == "busy":
        return locked(label)
    if meaning in _MEANINGS:
        what, hint = _MEANINGS[meaning]
        return UnavailableError(f"the register {label} {what}", hint=hint, code=f"register-{meaning}")
    return DefectError(f"the register {label} refused a statement", hint="please report this with the log")


def _meaning(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        return _SQLITE.get(code & 0xFF, "") if code is not None else ""
    if isinstance(error, InterfaceError) or isinstance(cause, OSError):
        return "unreachable"
    state = _sqlstate(cause)
    return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2], "")


def _sqlstate(cause: BaseException | None) -> str:
    """Return the five characters that pg8000 puts under C in its error's only argument."""
    first = cause.args[0] if cause is not None and cause.args else None
    return str(first.get("C", "")) if isinstance(first, dict) else ""
