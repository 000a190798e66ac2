"""A scratch instance on a scratch host: its user, its supervisor, its cluster's inputs."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import itertools
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tenantry import faults
from tenantry.errors import TenantryError
from tenantry.providers.host.account import Account
from tenantry.providers.host.cluster import Cluster
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.postgres import BACKUP_ROLE, Server, session
from tenantry.providers.host.role import Role
from tenantry.providers.host.stanza import Stanza
from tenantry.providers.host.supervised import Supervised
from tenantry.providers.host.supervisor import Supervisor
from tests.support.session import HostFolders

__all__ = [
    "BIN",
    "PASSPHRASE",
    "PASSWORD",
    "Rig",
    "killed_after",
    "lend",
    "make_certificates",
    "run_and_kill_everywhere",
    "sql",
    "wait_for",
]

BIN = "/usr/lib/postgresql/15/bin"
PASSWORD = "correct-horse-battery-staple-1"
PASSPHRASE = "a-passphrase-of-the-repository-1"
DEADLINE = 20.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Rig:
    """One instance on a host of its own."""

    layout: HostLayout
    executor: Executor
    opaque: str
    uid: int
    port: int

    @property
    def server(self) -> Server:
        return Server(socket_folder=self.layout.sockets(self.opaque), port=self.port)

    @property
    def path(self) -> Path:
        return self.layout.cluster(self.opaque, 1)

    @property
    def supervised(self) -> Supervised:
        return Supervised(self.executor, self.layout)

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.executor, self.layout, supervised=self.supervised)

    @property
    def stanza(self) -> Stanza:
        return Stanza(self.executor, self.layout)

    def cluster_inputs(self, **changes: Any) -> dict[str, Any]:
        secrets = self.layout.secrets(self.opaque)
        files = {"certificateFile": "server.crt", "keyFile": "server.key", "caFile": "ca.crt"}
        return {
            "opaque": self.opaque,
            "path": str(self.path),
            "binDir": BIN,
            "socketFolder": str(self.layout.sockets(self.opaque)),
            "port": self.port,
            "listen": "127.0.0.1",
            "uid": self.uid,
            "settings": {"max_connections": 20, "shared_buffers": "16MB"},
            "tls": {key: str(secrets / name) for key, name in files.items()},
            "generation": 1,
            "archiveTimeoutSeconds": 60,
            "logFolder": str(self.layout.logs(self.opaque, "database")),
            "logRetentionDays": 90,
            **changes,
        }

    def database_inputs(self, **changes: Any) -> dict[str, Any]:
        return {
            "socketFolder": str(self.layout.sockets(self.opaque)),
            "port": self.port,
            "name": self.opaque,
            "owner": "owner",
            "application": "application",
            "support": "support",
            "schemas": ["registrations"],
            "extensions": [],
            "changesSchema": False,
            "connectionLimit": 10,
            **changes,
        }

    def role_inputs(self, **changes: Any) -> dict[str, Any]:
        return {
            "socketFolder": str(self.layout.sockets(self.opaque)),
            "port": self.port,
            "name": "app",
            "memberOf": ["application"],
            "login": True,
            "password": PASSWORD,
            "connectionLimit": 5,
            "database": self.opaque,
            **changes,
        }

    def stanza_inputs(self, **changes: Any) -> dict[str, Any]:
        private = self.layout.private(self.opaque)
        return {
            "stanza": "main",
            "configFile": str(self.layout.secrets(self.opaque) / "pgbackrest.conf"),
            "repoPath": str(self.layout.database_backups(self.opaque)),
            "cipherPass": PASSPHRASE,
            "pgPath": str(self.path),
            "socketFolder": str(self.layout.sockets(self.opaque)),
            "port": self.port,
            "lockPath": str(private / "pgbackrest" / "lock"),
            "logPath": str(private / "pgbackrest" / "log"),
            "spoolPath": str(private / "pgbackrest" / "spool"),
            "uid": self.uid,
            "retentionFull": 2,
            "archiveTimeout": 30,
            **changes,
        }

    def make_backup_role(self) -> None:
        inputs = self.role_inputs(name=BACKUP_ROLE, memberOf=[], password="", database="", backup=True)
        Role(self.executor, self.layout).create(inputs)

    def sql(self, *statements: str, database: str = "postgres") -> Any:
        """Change something by hand; return the first value of the last statement."""
        return sql(self.server, *statements, database=database)

    def kill_server(self) -> int:
        """SIGKILL the server, whatever the supervisor then does; return the old pid."""
        pid = int((self.path / "postmaster.pid").read_text().split("\n")[0])
        os.kill(pid, 9)
        return pid

    def wait_until_running(self, *, not_pid: int = 0) -> None:
        def runs() -> bool:
            with contextlib.suppress(TenantryError, OSError):
                self.sql("select 1")
                return int((self.path / "postmaster.pid").read_text().split("\n")[0]) != not_pid
            return False

        wait_for(runs)


def sql(server: Server, *statements: str, database: str = "postgres") -> Any:
    value = None
    with session(server, database=database, timeout=20) as opened:
        for statement in statements:
            value = opened.one(statement)
    return value


def wait_for(condition: Callable[[], bool], *, seconds: float = DEADLINE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


@contextlib.contextmanager
def lend(host: HostFolders, *, number: int = 0) -> Iterator[Rig]:
    """Make user, folders and certificates of an instance; remove everything afterwards."""
    layout = HostLayout(root=host.root, runtime=host.runtime)
    uid, executor = host.uid_base + number, Executor()
    rig = Rig(layout=layout, executor=executor, opaque=f"tn{uid}", uid=uid, port=host.port_base + number)
    account = Account(executor, layout)
    account_inputs = {"name": rig.opaque, "uid": uid, "home": str(layout.home(rig.opaque))}
    account.create(account_inputs)
    try:
        for folder in (layout.home(rig.opaque), layout.private(rig.opaque), layout.secrets(rig.opaque)):
            executor.folder(folder, mode=0o700, uid=uid)
        make_certificates(layout.secrets(rig.opaque), uid)
        yield rig
    finally:
        Supervisor(executor, layout).stop()
        account.delete(rig.opaque, account_inputs)


def make_certificates(folder: Path, uid: int) -> None:
    """An authority, and a certificate of it for 127.0.0.1 and localhost."""
    authority, certificate = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of a test")])
    own = _certificate(name, authority, name, authority, authority=True)
    host = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    served = _certificate(host, certificate, name, authority, authority=False)
    pem = serialization.Encoding.PEM
    key = certificate.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    executor = Executor()
    for file, data in (
        ("ca.crt", own.public_bytes(pem)),
        ("server.crt", served.public_bytes(pem)),
        ("server.key", key),
    ):
        executor.write(folder / file, data, mode=0o400, uid=uid)


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = dt.datetime.now(tz=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(by, hashes.SHA256())


def run_and_kill_everywhere(
    create: Callable[[], object], *, between: Callable[[], object] = lambda: None, limit: int = 80
) -> int:
    """Create in children that are killed at the 1st, 2nd, … point.

    Each goes on where the last one was, or from where ``between`` leads back to.

    Returns:
        How many were killed before one came to its end.
    """
    for point in range(1, limit):
        pid = fork(create, kill_at=point)
        _, status = os.waitpid(pid, 0)
        if status == 0:
            return point - 1
        assert os.WIFSIGNALED(status), "the child failed"
        assert os.WTERMSIG(status) == signal.SIGKILL
        between()
    return limit


def fork(create: Callable[[], object], *, kill_at: int = 0, log: Path | None = None) -> int:
    """Create in a child that has its own count of points; return its pid.

    A fork, since a new interpreter for each of some dozen kills takes a minute.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        faults._KILL, faults._LOG, faults._counter = kill_at, str(log or ""), itertools.count(1)
        create()
        code = 0
    except BaseException:  # noqa: BLE001 - a child must never go on as a second pytest
        traceback.print_exc()
    finally:
        os._exit(code)


@contextlib.contextmanager
def killed_after(rig: Rig, create: Callable[[], object], *, point: str) -> Iterator[None]:
    """Create in a child that has passed a point in the body, and is killed at the body's end."""
    log = rig.layout.root / "points"
    log.touch()
    pid = fork(create, log=log)
    try:
        wait_for(lambda: point in log.read_text())
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
