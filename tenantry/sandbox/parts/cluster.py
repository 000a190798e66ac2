"""One flexible server's PostgreSQL: a cluster of its own, reached over a Unix socket alone.

The socket lies in the data folder, so nothing is left elsewhere and nobody but
its owner and root gets to it. The superuser is known by the operating system;
everybody else has a password and comes through the forwarder, which ends TLS:
PostgreSQL itself speaks no TLS on a Unix socket.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenantry.errors import FailedError, UnavailableError
from tenantry.providers.host.postgres import Server, Session, identifier, literal, session
from tenantry.sandbox.parts import processes
from tenantry.sandbox.parts.erasing import erase

__all__ = ["MAINTENANCE", "PORT", "SUPERUSER", "SYSTEM_DATABASES", "Cluster"]

PORT = 5432
SUPERUSER = "azuresu"  # as on Azure, where nobody but Azure has it
MAINTENANCE = "azure_maintenance"
SYSTEM_DATABASES = (MAINTENANCE, "azure_sys", "postgres")
_GROUP = "azure_pg_admin"

_ACCESS = f"""\
local all         {SUPERUSER} peer map=sandbox
local replication {SUPERUSER} peer map=sandbox
local all         all         scram-sha-256
"""
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_directories": ".",  # relative to the data folder: a socket's path may have 107 bytes only
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "max_connections": "50",
    "shared_buffers": "16MB",
    "fsync": "off",  # a killed process loses nothing by it, only a machine that loses power
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",  # a failed statement may carry data or a password
    "logging_collector": "off",
    "cluster_name": "sandbox",
}


class Cluster:
    """A cluster in a folder: data, backups and log. Every method may come from any thread."""

    def __init__(self, folder: Path, *, programs: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "postgresql.log"
        self._programs = programs
        self._owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()

    @property
    def exists(self) -> bool:
        """Whether there is a whole cluster."""
        return (self.data / "PG_VERSION").exists()

    @property
    def running(self) -> bool:
        """Whether a server runs on the data, started by us or by a server before us."""
        return self._pid() is not None

    @property
    def pid(self) -> int | None:
        """The process of the server that runs on the data, None without one."""
        return self._pid()

    def make(self, *, login: str, verifier: str) -> None:
        """Make the cluster with its administrator and start it; half a one is made anew."""
        with self._lock:
            if self.exists:
                self.start()
                return
            draft = self.folder / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            self._own(self.folder)
            self._run(
                *("initdb", "-D", str(draft), "-U", SUPERUSER, "--auth=reject", "-E", "UTF8"),
                *("--locale=C.UTF-8", "--no-sync", "--no-instructions"),
            )
            (draft / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
            names = {self._owner, pwd.getpwuid(os.geteuid()).pw_name}
            (draft / "pg_ident.conf").write_text(
                "".join(f"sandbox {name} {SUPERUSER}\n" for name in sorted(names)), encoding="ascii"
            )
            with (draft / "postgresql.conf").open("a", encoding="ascii") as file:
                file.writelines(f"{name} = {literal(value)}\n" for name, value in _SETTINGS.items())
            draft.rename(self.data)
            self.start()
            self._furnish(login, verifier)

    def start(self) -> None:
        """Start the server if it does not run, and return when it answers.

        Raises:
            FailedError: it does not start; its log tells why.
        """
        with self._lock:
            if not self.running:
                self._launch()
            deadline = time.monotonic() + 30
            while True:
                try:
                    with self.administer(timeout=5) as opened:
                        opened.one("select 1")
                except UnavailableError:
                    if time.monotonic() > deadline or not self.running:
                        raise FailedError(f"PostgreSQL does not start, see {self.log}") from None
                    time.sleep(0.02)
                else:
                    return

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        with self._lock:
            pid = self._pid()
            if pid is not None:
                processes.end_group(pid, first=signal.SIGINT, grace_seconds=20)
            if self._process is not None:
                self._process.wait()
                self._process = None

    def erase(self) -> None:
        """Stop the server and erase everything in the folder, backups too."""
        with self._lock:
            self.stop()
            erase(self.folder)

    @contextmanager
    def administer(self, database: str = "postgres", *, timeout: float = 60) -> Iterator[Session]:
        """Connect as the superuser. Raises as ``session`` does."""
        with (
            self.door() as socket_folder,
            session(
                Server(socket_folder=socket_folder, port=PORT),
                database=database,
                user=SUPERUSER,
                timeout=timeout,
            ) as opened,
        ):
            yield opened

    @contextmanager
    def door(self) -> Iterator[Path]:
        """Lend a short path of the socket's folder."""
        try:
            handle = os.open(self.data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            raise UnavailableError("there is no cluster", code="database-unreachable") from None
        try:
            yield Path(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)

    def set_password(self, login: str, verifier: str) -> None:
        """Give the administrator another password."""
        with self.administer() as opened:
            opened.rows(f"alter role {identifier(login)} password {literal(verifier)}")

    def databases(self) -> dict[str, dict[str, Any]]:
        """Return the databases with their encoding and collation."""
        with self.administer() as opened:
            rows = opened.rows(
                "select datname, pg_encoding_to_char(encoding), datcollate from pg_database "
                "where not datistemplate"
            )
        return {name: {"charset": charset, "collation": collation} for name, charset, collation in rows}

    def create_database(self, name: str, *, owner: str) -> None:
        """Make a database that belongs to the administrator; one that is there stays."""
        with self.administer() as opened:
            if not opened.one("select 1 from pg_database where datname = :name", name=name):
                opened.rows(f"create database {identifier(name)} owner {identifier(owner)}")

    def drop_database(self, name: str) -> None:
        """Drop a database and end its sessions."""
        with self.administer() as opened:
            opened.rows(f"drop database if exists {identifier(name)} with (force)")

    def back_up(self, name: str) -> None:
        """Take a physical copy of the running cluster into ``backups/<name>``, with its WAL."""
        target = self.folder / "backups" / name
        draft = target.with_name(f"{name}.new")
        erase(draft)
        self._own(target.parent)
        with self.door() as socket_folder:
            handle = int(socket_folder.name)
            self._run(
                *("pg_basebackup", "-h", str(socket_folder), "-p", str(PORT), "-U", SUPERUSER, "-w"),
                *("-D", str(draft), "-X", "stream", "-c", "fast", "--no-sync"),
                keep=(handle,),
            )
        draft.rename(target)

    def remove_backup(self, name: str) -> None:
        """Erase a copy."""
        erase(self.folder / "backups" / name)

    def _furnish(self, login: str, verifier: str) -> None:
        name = identifier(login)
        with self.administer() as opened:
            for statement in (
                f"create role {_GROUP} createdb createrole",
                f"grant pg_monitor, pg_signal_backend, pg_read_all_settings to {_GROUP} with admin option",
                f"create role {name} login createdb createrole password {literal(verifier)}",
                f"grant {_GROUP} to {name} with admin option",
                f"create database {MAINTENANCE}",
                "create database azure_sys",
                f"alter database postgres owner to {_GROUP}",
                f"revoke all on database {MAINTENANCE}, azure_sys from public",
            ):
                opened.rows(statement)

    def _launch(self) -> None:
        # Of a server that was killed; PostgreSQL would believe in a pid that someone else has by now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env={"PATH": str(self._programs), "LC_ALL": "C.UTF-8"},
                start_new_session=True,  # an interrupt at the terminal is not for it
                **self._rights(),
            )

    def _pid(self) -> int | None:
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            return None
        return pid if os.fsencode(self.data) in command and processes.started(pid) else None

    def _run(self, program: str, *arguments: str, keep: tuple[int, ...] = ()) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env={"PATH": str(self._programs), "LC_ALL": "C.UTF-8"},
            pass_fds=keep,
            **self._rights(),
        )
        if done.returncode != 0:
            raise FailedError(f"{program} failed: {done.stderr.strip()[-300:]}")

    def _own(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.parent.chmod(0o711)  # whatever the umask: the cluster's user passes through
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(folder, self._owner, pwd.getpwnam(self._owner).pw_gid)
        folder.chmod(0o700)

    def _rights(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(self._owner)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
