"""What the register's contract tests share: databases, clocks, children."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy

from tenantry.model.names import new_opaque_name
from tenantry.model.spec import Client, InstanceSpec, TargetKind

CHECKOUT = Path(__file__).parents[3]
PORT_BASE = 61000  # above what the kernel and other tests use
UID_BASE = 3_000_000


class TickingClock:
    """A second passes between two looks."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database of a test's own."""

    kind: str  # "sqlite" or "postgresql"
    url: str
    folder: Path  # where the database's files lie

    def run(self, *statements: str) -> None:
        """Change it behind the register's back."""
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def tamper(self, *statements: str) -> None:
        """Change the journal as somebody would who owns the database."""
        without = ["DROP TRIGGER journal_append_only ON journal"]
        if self.kind == "sqlite":
            without = ["DROP TRIGGER journal_no_update", "DROP TRIGGER journal_no_delete"]
        self.run(*without, *statements)


def spec(name: str = "benin", *, client: str = "Ministère de la Santé") -> InstanceSpec:
    """Return a spec of that name."""
    return InstanceSpec(
        name=name,
        client=Client(name=client, country="BJ", contact="it@example.org"),
        target=TargetKind.HOST,
        profile="registrations",
        version="1.2.0",
        hostname=f"{name}.example.org",
    )


def arguments(name: str = "benin", *, ports: Sequence[str] = ("database", "web")) -> dict[str, Any]:
    """Return arguments for ``Register.add``."""
    return {
        "spec": spec(name),
        "opaque": new_opaque_name(),
        "url": f"https://{name}.example.org",
        "ports": ports,
        "with_uid": True,
    }


@contextlib.contextmanager
def child(
    *words: str, wrapper: Sequence[str] = (), env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run tests/contracts/register/child.py; it is killed at the end of the block."""
    process = subprocess.Popen(
        [*wrapper, sys.executable, "-m", "tests.contracts.register.child", *words],
        cwd=CHECKOUT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a child prints; its errors when it ended without one."""
    assert process.stdout is not None
    text = process.stdout.readline().strip()
    if not text:
        assert process.stderr is not None
        text = f"no line; errors: {process.stderr.read()}"
    return text


@contextlib.contextmanager
def scratch_cluster(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server on a Unix socket; give the URL, without the database's name."""
    programs = _postgresql_programs()
    user = pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    folder.mkdir(mode=0o700)
    os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"
    as_user: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid} if os.geteuid() == 0 else {}
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "tenantry", "-A", "trust", "-E", "UTF8", "-N", "--no-locale"],
        check=True,
        capture_output=True,
        cwd="/",
        **as_user,
    )
    options = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off"}
    switches = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *switches], stderr=log, stdout=log, cwd="/", **as_user
        )
    socket = folder / ".s.PGSQL.5432"
    try:
        _wait_until_ready(server, f"postgresql+pg8000://tenantry@/postgres?unix_sock={socket}")
        yield f"postgresql+pg8000://tenantry@/{{}}?unix_sock={socket}"
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(1)
        server.send_signal(3)  # SIGQUIT: end without waiting for clients
        server.wait(30)
        shutil.rmtree(folder)


def _postgresql_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "PostgreSQL is not installed"
    return found[-1]


def _wait_until_ready(server: subprocess.Popen[bytes], url: str) -> None:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    deadline = time.monotonic() + 60
    while True:
        try:
            with engine.connect():
                return
        except sqlalchemy.exc.DBAPIError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
