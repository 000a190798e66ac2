"""Speaking with the PostgreSQL server of one instance.

The administrator comes over the Unix socket and is known by the operating
system (peer): there is no superuser password to keep or to lose. The health
check comes as the application does, over TLS, and checks the server's
certificate against the instance's own authority.

Nothing here logs a statement, and no error repeats one.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tenantry import faults
from tenantry.errors import FailedError, TenantryError, UnavailableError

__all__ = [
    "ADMINISTRATOR",
    "BACKUP_ROLE",
    "MAINTENANCE",
    "Server",
    "Session",
    "Supervised",
    "exclusively",
    "identifier",
    "is_out_of_reach",
    "literal",
    "query",
    "query_over_tls",
    "session",
    "session_over_tls",
    "wait_until_ready",
]

ADMINISTRATOR = "postgres"  # the superuser; reached by peer alone
BACKUP_ROLE = "tenantry_backup"  # pgBackRest's role; reached by peer alone
MAINTENANCE = "postgres"  # the database that is always there

_LOCK = 7_305_512  # advisory lock that orders changes of roles and grants in one cluster


class Supervised(Protocol):
    """What keeps a server running: the host's supervisor, seen from the database."""

    def ensure(
        self,
        id: str,  # noqa: A002 - the word that the supervisor knows it by
        *,
        argv: Sequence[str],
        env: Mapping[str, str],
        uid: int | None,
        cwd: Path,
        stop_signal: str,
        grace_seconds: int,
        log_folder: Path | None,
        log_retention_days: int,
        opaque: str,
        ready: Callable[[], bool] | None,
    ) -> None:
        """Have exactly this process running, and return when ``ready`` says so.

        Raises:
            FailedError: it does not get ready.
        """
        ...

    def stop(self, service: str, /) -> None:
        """Stop the process and wait for its end; it stays known."""
        ...

    def status(self, service: str, /) -> tuple[bool, int | None]:
        """Say whether it is up, and its pid."""
        ...

    def logs(self, service: str, /) -> bool:
        """Say whether its output arrives where it should."""
        ...

    def remove(self, service: str, /, *, orderly: bool = True) -> None:
        """Stop the process, wait for its end, and forget it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where a PostgreSQL server of this host is reached."""

    socket_folder: Path
    port: int

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Server:
        """Take the place from a resource's inputs."""
        return cls(socket_folder=Path(inputs["socketFolder"]), port=int(inputs["port"]))

    @property
    def socket(self) -> Path:
        """The Unix socket itself."""
        return self.socket_folder / f".s.PGSQL.{self.port}"


class Session:
    """An open connection, every statement its own transaction unless begun otherwise."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, sql: str, **parameters: object) -> list[list[Any]]:
        """Look: return the rows of one statement; ``:name`` stands for a parameter.

        Raises:
            FailedError: the server refused the statement. The text is its main
                message alone, since the detail may quote data.
            UnavailableError: the connection was lost.
        """
        from pg8000.exceptions import DatabaseError, InterfaceError

        try:
            return list(self._connection.run(sql, **parameters) or [])
        except DatabaseError as error:
            raise FailedError(f"the database refused: {_main_message(error)}", code="sql-failed") from None
        except InterfaceError as error:
            raise UnavailableError(
                f"the connection to the database was lost ({error})", code="database-unreachable"
            ) from None

    def one(self, sql: str, **parameters: object) -> Any:
        """Look: return the first value of the first row, or None."""
        rows = self.rows(sql, **parameters)
        return rows[0][0] if rows and rows[0] else None

    def prepared(self, sql: str) -> list[list[Any]]:
        """Run exactly one statement: a second one behind a semicolon is refused."""
        from pg8000.exceptions import DatabaseError

        try:
            return list(self._connection.prepare(sql).run() or [])
        except DatabaseError as error:
            raise FailedError(f"the database refused: {_main_message(error)}", code="sql-failed") from None

    def change(self, name: str, *statements: str) -> Any:
        """Change something, with a point before and after; all statements or none.

        ``name`` says what, for tests of kills. One statement goes alone, since
        some (CREATE DATABASE) cannot be part of a transaction; its first value
        is returned.
        """
        value = None
        faults.point(f"before sql {name}")
        if len(statements) == 1:
            value = self.one(statements[0])
        else:
            self.rows("begin")
            for statement in statements:
                self.rows(statement)
            self.rows("commit")
        faults.point(f"after sql {name}")
        return value


@contextmanager
def session(
    server: Server, *, database: str = MAINTENANCE, user: str = ADMINISTRATOR, timeout: float = 60
) -> Iterator[Session]:
    """Connect over the Unix socket, known by the operating system.

    Raises:
        UnavailableError: no server answers there, or it is still starting.
        FailedError: it answers and refuses, with its code (``no-such-database``).
    """
    # Ours to close: the driver leaves its own open when the server goes away before it has written.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout)
        try:
            line.connect(str(server.socket))
        except OSError as error:
            raise _no_answer(str(server.socket), error) from None
        arguments = {"sock": line, "ssl_context": False}  # else it loads all authorities
        with _connected(user, where=str(server.socket), database=database, **arguments) as opened:
            yield opened


def query(
    server: Server,
    sql: str,
    *,
    database: str = MAINTENANCE,
    user: str = ADMINISTRATOR,
    timeout: float = 60,
    **parameters: object,
) -> list[list[Any]]:
    """Look once: connect, run one statement, return its rows. Raises as ``session`` does."""
    with session(server, database=database, user=user, timeout=timeout) as opened:
        return opened.rows(sql, **parameters)


def query_over_tls(
    sql: str,
    *,
    host: str,
    port: int,
    database: str,
    user: str,
    password: str,
    ca_file: Path,
    timeout: float = 5,
) -> list[list[Any]]:
    """Look as the application does; see ``session_over_tls`` for what is raised."""
    with session_over_tls(
        host=host,
        port=port,
        database=database,
        user=user,
        password=password,
        ca_file=ca_file,
        timeout=timeout,
    ) as opened:
        return opened.rows(sql)


@contextmanager
def session_over_tls(
    *, host: str, port: int, database: str, user: str, password: str, ca_file: Path, timeout: float
) -> Iterator[Session]:
    """Connect over TCP and TLS 1.2 or newer, the certificate verified for ``host``.

    Raises:
        UnavailableError: no connection, or the certificate is not the instance's.
        FailedError: the server refuses role, password or statement.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise UnavailableError(
            f"the authority's certificate {ca_file} cannot be read", code="certificate-unreadable"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with _connected(
        user,
        where=f"{host}:{port}",
        database=database,
        host=host,
        port=port,
        password=password,
        ssl_context=context,
        timeout=timeout,
    ) as opened:
        yield opened


@contextmanager
def exclusively(server: Server) -> Iterator[None]:
    """Order changes of roles and grants: two at once end in "tuple concurrently updated"."""
    with session(server, timeout=300) as lock:
        lock.rows("select pg_advisory_lock(:key)", key=_LOCK)
        yield


def is_out_of_reach(error: TenantryError) -> bool:
    """Say whether an error means that nobody gets in: no server, or one that refuses us.

    That is the Cluster's to report and to mend; what lies inside cannot be looked at meanwhile.
    """
    return error.code in ("database-unreachable", "access-refused")


def wait_until_ready(server: Server, *, seconds: float = 30) -> None:
    """Wait until the server answers a query.

    Raises:
        UnavailableError: it does not in time.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            query(server, "select 1", timeout=5)
        except UnavailableError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    from pg8000.native import literal as quoted

    return str(quoted(text))


@contextmanager
def _connected(user: str, *, where: str, **arguments: Any) -> Iterator[Session]:
    from pg8000.exceptions import DatabaseError, InterfaceError
    from pg8000.native import Connection

    try:
        connection = Connection(user, application_name="tenantry", **arguments)
    except DatabaseError as error:
        raise _refusal(error) from None
    except (InterfaceError, OSError) as error:
        raise _no_answer(where, error) from None
    try:
        yield Session(connection)
    finally:
        _close(connection)


def _no_answer(where: str, error: Exception) -> UnavailableError:
    return UnavailableError(
        f"no database answers at {where} ({error.__cause__ or error})",
        hint="is the instance's database process up? see: tenantry instance health",
        code="database-unreachable",
    )


def _close(connection: Any) -> None:
    from pg8000.exceptions import InterfaceError

    try:
        connection.close()
    except (InterfaceError, OSError):  # it was lost already; whoever used it has been told
        return


def _refusal(error: Exception) -> FailedError | UnavailableError:
    code = _field(error, "C")
    message = _main_message(error)
    if code.startswith("57P"):  # starting up, shutting down
        return UnavailableError(f"the database is not ready: {message}", code="database-unreachable")
    names = {"3D000": "no-such-database", "28P01": "wrong-password", "28000": "access-refused"}
    return FailedError(f"the database refused: {message}", code=names.get(code, "access-refused"))


def _main_message(error: Exception) -> str:
    return _field(error, "M") or "no reason given"


def _field(error: Exception, key: str) -> str:
    details = error.args[0] if error.args else {}
    return str(details.get(key, "")) if isinstance(details, Mapping) else ""
