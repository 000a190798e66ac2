"""The register's database: opening it, its transactions, and what can go wrong with them.

Every write takes the database's one write lock first (``BEGIN IMMEDIATE`` on
SQLite, an advisory lock on PostgreSQL), so a transaction that reads and then
writes is alone in doing so, and the journal's chain is built in one row.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tenantry import faults
from tenantry.adapters.register_tables import SCHEMA_VERSION
from tenantry.adapters.store_errors import locked, told
from tenantry.adapters.store_files import prepare_file
from tenantry.errors import SpecError, UnavailableError

__all__ = ["Store", "open_store"]

_WRITE_LOCK = 0x74656E616E747279  # "tenantry" in ASCII: the advisory lock's number
_MIGRATIONS = Path(__file__).parent / "migrations"
_CURRENT = "SELECT version_num FROM alembic_version"


class Store:
    """An open database of the right schema. Threads may share it; forked processes may not."""

    def __init__(self, engine: Engine, *, label: str) -> None:
        """Take an engine made by ``open_store``; ``label`` names the database, without a password."""
        self._engine = engine
        self._label = label
        self.is_sqlite = engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one moment.

        Raises:
            BusyError: the database stayed locked.
            UnavailableError: it cannot be read.
        """
        with told(self._label), self._engine.connect() as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield connection

    @contextmanager
    def writing(self, effect: str = "") -> Iterator[Connection]:
        """Give the only connection that writes; what was written is durable afterwards.

        Args:
            effect: names the points of ``tenantry.faults`` on both sides; "" for none.

        Raises:
            BusyError: the database stayed locked.
            UnavailableError: it cannot be written.
        """
        if effect:
            faults.point(f"before {effect}")
        options = {"immediate": True}
        with (
            told(self._label),
            self._engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            if not self.is_sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(_WRITE_LOCK)))
            yield connection
        if effect:
            faults.point(f"after {effect}")

    def scrub(self, table: str) -> None:
        """Take what was deleted out of the files too.

        SQLite overwrites it in the database (secure_delete) but its write-ahead log
        keeps the old pages until it is cut. PostgreSQL rewrites the table; its own
        write-ahead log and its backups are the operator's and are not reached.

        Raises:
            BusyError: others read for longer than the busy time.
        """
        if self.is_sqlite:
            self._cut_log()
            return
        with told(self._label), self._engine.connect() as connection:
            bare = connection.execution_options(isolation_level="AUTOCOMMIT")
            bare.exec_driver_sql(f"VACUUM FULL {table}")

    def _cut_log(self) -> None:
        with told(self._label), contextlib.closing(self._engine.raw_connection()) as connection:
            busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise locked(self._label)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def open_store(url: str, *, busy_seconds: float) -> Store:
    """Open a database by URL, make it when it is new, and bring it to the schema of this version.

    Args:
        url: ``sqlite:////absolute/path`` or ``postgresql://user@host/name``.
        busy_seconds: how long to wait for somebody else's lock.

    Raises:
        SpecError: the URL is no such URL.
        UnavailableError: it cannot be reached, read or written, or a newer version made it.
        BusyError: it stayed locked.
    """
    parsed = _parse(url)
    label = parsed.database or "" if parsed.drivername == "sqlite" else parsed.render_as_string()
    if parsed.drivername == "sqlite":
        prepare_file(Path(label))
    with told(label):
        engine = _engine(parsed, busy_seconds=busy_seconds)
    store = Store(engine, label=label)
    try:
        _bring_up(store, label)
    except BaseException:
        store.close()
        raise
    return store


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("none")
    if parsed.drivername == "sqlite" and Path(parsed.database or "").is_absolute():
        return parsed
    if parsed.get_backend_name() == "postgresql" and parsed.drivername in {"postgresql", "postgresql+pg8000"}:
        return parsed.set(drivername="postgresql+pg8000")
    raise SpecError(
        "the register's URL is neither SQLite nor PostgreSQL",
        hint="write sqlite:////absolute/path/register.db or postgresql://user@host/database",
        code="register-url",
    )


def _engine(url: URL, *, busy_seconds: float) -> Engine:
    """Make the engine; hide_parameters keeps values out of every error's text."""
    engine = create_engine(url, hide_parameters=True, pool_timeout=max(busy_seconds, 1.0))
    milliseconds = int(busy_seconds * 1000)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _(connection: sqlite3.Connection, _record: object) -> None:
            _set_up_sqlite(connection, busy_seconds=busy_seconds)

        @event.listens_for(engine, "begin")
        def _(connection: Connection) -> None:
            immediate = connection.get_execution_options().get("immediate", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    else:

        @event.listens_for(engine, "connect")
        def _(connection: Any, _record: object) -> None:
            cursor = connection.cursor()
            cursor.execute(f"SET lock_timeout = {milliseconds}")
            cursor.execute("SET synchronous_commit = on")
            connection.commit()

    return engine


def _set_up_sqlite(connection: sqlite3.Connection, *, busy_seconds: float) -> None:
    connection.isolation_level = None  # the listener above begins transactions, not the driver
    connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _enter_wal(connection, busy_seconds=busy_seconds)


def _enter_wal(connection: sqlite3.Connection, *, busy_seconds: float) -> None:
    """Switch a new file to WAL. SQLite does not apply its busy timeout to this step."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _bring_up(store: Store, label: str) -> None:
    """Migrate unless the schema is current. Alembic costs 0.2 s, so it stays away otherwise."""
    with store.reading() as connection:
        found = _version(connection, label)
    if found == SCHEMA_VERSION:
        return
    with store.writing() as connection:
        found = _version(connection, label)  # another process may have been faster
        if found < SCHEMA_VERSION:
            _migrate(connection)
    if found > SCHEMA_VERSION:
        raise UnavailableError(
            f"the register {label} was made by a newer tenantry (schema {found}, "
            f"this version knows {SCHEMA_VERSION})",
            hint="use the tenantry that made it, or a newer one; nothing was changed",
            code="register-newer",
        )


def _version(connection: Connection, label: str) -> str:
    """Return the schema's version, "" for an empty database."""
    dialect = connection.dialect
    if dialect.has_table(connection, "alembic_version"):
        found = connection.exec_driver_sql(_CURRENT).scalar()
        if found is not None and len(found) == len(SCHEMA_VERSION) and found.isdigit():
            return str(found)
    elif not dialect.get_table_names(connection):
        return ""
    raise UnavailableError(
        f"{label} is a database, but not a register of tenantry's",
        hint="name another file or database as the workspace's register",
        code="register-foreign",
    )


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
