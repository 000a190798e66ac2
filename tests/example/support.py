"""The example as its instance runs it: a real server with TLS, a user and an environment of its own."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.http_answer import Answer

__all__ = [
    "ADMIN",
    "EMAIL",
    "EXAMPLE",
    "PASSWORD",
    "Answer",
    "Database",
    "Outcome",
    "Postgres",
    "Web",
    "environment",
    "make_authority",
    "node",
    "run_task",
    "wait_until",
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "registrations"
EMAIL = "admin@example.org"
PASSWORD = "correct-horse-battery-staple-42"
SESSION_SECRET = "s" * 24 + "0123456789abcdef" * 2
NAMESPACE = "7d2f4c1e-0b9a-4a55-9d0e-8d3f8a6b1c2d"
# Basic authentication; a hash of the password is computed for every request that carries it.
ADMIN = {"Authorization": "Basic " + base64.b64encode(f"{EMAIL}:{PASSWORD}".encode()).decode()}
_START_SECONDS = 20.0


def node() -> str:
    """The Node that set-up brings, or else the machine's own."""
    for folder in (Path("/opt/tenantry/runtimes"), Path.home() / ".local/share/tenantry/runtimes"):
        candidate = folder / "node-24" / "bin" / "node"
        if candidate.exists():
            return str(candidate)
    found = shutil.which("node")
    assert found, "there is no node: run `make setup`"
    return found


def make_authority(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Make an authority and a certificate for 127.0.0.1 alone: its file, the certificate, the key."""
    authority, key, certificate = (folder / f"{name}{end}" for end in ("-ca.crt", ".key", ".crt"))
    authority_key, request = folder / f"{name}-ca.key", folder / f"{name}.csr"
    extensions = folder / f"{name}.ext"
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    _quiet("openssl", "req", "-x509", *curve, "-subj", f"/CN={name} authority", "-keyout", authority_key,
           "-out", authority)  # fmt: skip
    _quiet("openssl", "req", *curve[:-2], "-subj", "/CN=database", "-keyout", key, "-out", request)
    _quiet("openssl", "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key,
           "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate)  # fmt: skip
    return authority, certificate, key


def _quiet(*argv: str | Path, **more: Any) -> None:
    done = subprocess.run([str(item) for item in argv], capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{argv[0]}: {done.stderr or done.stdout}"


def _postgres_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "there is no PostgreSQL: run `make setup`"
    return found[-1]


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database of a test's own, with the roles that an instance has."""

    name: str
    server: Postgres

    def query(self, sql: str, *, role: str = "") -> str:
        """Answer as psql prints it without decoration."""
        before = f"set role {self.name}_{role};" if role else ""
        return self.server.psql(self.name, before + sql)


@dataclass(kw_only=True)
class Postgres:
    """A scratch server that takes TLS and SCRAM on loopback alone."""

    folder: Path
    sockets: Path
    port: int
    authority: Path
    certificate: Path
    key: Path
    _made: int = field(default=0)

    def _as_user(self) -> dict[str, Any]:
        # initdb refuses root, and wants a user with a name.
        return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}

    def initialise(self) -> None:
        """Make the cluster and start it."""
        for folder in (self.folder, self.sockets):
            folder.mkdir(mode=0o700)
        tls = {self.certificate: self.folder.parent / "db.crt", self.key: self.folder.parent / "db.key"}
        for source, copy in tls.items():
            shutil.copyfile(source, copy)
            copy.chmod(0o600)
        if os.geteuid() == 0:
            for path in (self.folder, self.sockets, *tls.values()):
                shutil.chown(path, "postgres", "postgres")
        _quiet(_postgres_bin() / "initdb", "-D", self.folder, "-U", "postgres", "--no-sync", "-E", "UTF8",
               "--locale=C.UTF-8", "-A", "trust", cwd="/", **self._as_user())  # fmt: skip
        (self.folder / "pg_hba.conf").write_text(
            "local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        )
        certificate, key = tls.values()
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = "
                f"'{self.sockets}'\nssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n"
                "fsync = off\nshared_buffers = 16MB\nmax_connections = 40\n"
            )
        self.start()

    def start(self) -> None:
        """Start and wait until it answers."""
        self._control("-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop as a machine that loses its power would."""
        self._control("-m", "immediate", "stop")

    def _control(self, *command: str) -> None:
        _quiet(_postgres_bin() / "pg_ctl", "-D", self.folder, "-w", *command, cwd="/", **self._as_user())

    def psql_argv(self, database: str) -> list[str]:
        """The command that runs SQL from its standard input as superuser."""
        options = ["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"]
        return [str(_postgres_bin() / "psql"), *options, "-h", str(self.sockets), "-p", str(self.port),
                "-U", "postgres", "-d", database]  # fmt: skip

    def psql(self, database: str, sql: str) -> str:
        """Run SQL as superuser.

        Raises:
            RuntimeError: with what the server said.
        """
        done = subprocess.run(
            self.psql_argv(database), input=sql, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def new_database(self) -> Database:
        """Make a database with an owner, an application, a support and a task role of its own."""
        self._made += 1
        name = f"reg{self._made}"
        self.psql(
            "postgres",
            f"create role {name}_owner; create role {name}_readonly;"
            f"create role {name}_app login password '{PASSWORD}';"
            f"create role {name}_task login password '{PASSWORD}' in role {name}_owner;",
        )
        self.psql("postgres", f"create database {name} owner {name}_owner")
        self.psql(
            name,
            f"revoke all on database {name} from public; revoke all on schema public from public;"
            f"grant connect on database {name} to {name}_app, {name}_task, {name}_readonly;"
            f"create schema registrations authorization {name}_owner;"
            f"grant usage on schema registrations to {name}_app, {name}_readonly;"
            f"alter default privileges for role {name}_owner in schema registrations"
            f" grant select, insert, update, delete on tables to {name}_app;"
            f"alter default privileges for role {name}_owner in schema registrations"
            f" grant select on tables to {name}_readonly;",
        )
        return Database(name=name, server=self)


def environment(database: Database, *, role: str, **more: str) -> dict[str, str]:
    """All that a process of the instance finds in its environment."""
    return {
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": str(database.server.port),
        "DATABASE_NAME": database.name,
        "DATABASE_USER": f"{database.name}_{role}",
        "DATABASE_PASSWORD": PASSWORD,
        "DATABASE_CA_FILE": str(database.server.authority),
        "SESSION_SECRET": SESSION_SECRET,
        "ADMIN_EMAIL": EMAIL,
        "ADMIN_PASSWORD": PASSWORD,
        "INSTANCE_NAME": "benin",
        "NAMESPACE_UUID": NAMESPACE,
        **more,
    }


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a one-off program ended."""

    code: int
    output: str


def run_task(app: Path, program: str, env: Mapping[str, str]) -> Outcome:
    """Run migrate.js or bootstrap.js."""
    done = subprocess.run(
        [node(), program], cwd=app, env=dict(env), capture_output=True, text=True, timeout=60, check=False
    )
    return Outcome(code=done.returncode, output=done.stdout + done.stderr)


@dataclass(kw_only=True)
class Web:
    """The running web process."""

    app: Path
    port: int
    uploads: Path
    log_file: Path
    uid: int
    process: subprocess.Popen[bytes] | None = None
    session: str = ""  # the administrator's cookie, once there is one

    def start(self, env: Mapping[str, str]) -> None:
        """Start it as the instance's user and wait until it listens."""
        wanted = {**env, "PORT": str(self.port), "UPLOADS_FOLDER": str(self.uploads)}
        wanted.setdefault("PUBLIC_URL", f"http://127.0.0.1:{self.port}")
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = {"user": self.uid, "group": self.uid, "extra_groups": []}
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [node(), "server.js"], cwd=self.app, env=wanted, stdout=log, stderr=log, **user
            )
        wait_until(lambda: "ready" in self.log or self._ended())

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self.log_file.read_text()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal."""
        assert self.process
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code."""
        assert self.process
        return self.process.wait(timeout=20)

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def connection(self) -> http.client.HTTPConnection:
        """A connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def call(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request; a dict goes as JSON."""
        sent = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=found, body=response.read())
        finally:
            connection.close()

    def admin(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request in a session of the administrator's."""
        if not self.session:
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            body_of_login = urlencode({"email": EMAIL, "password": PASSWORD})
            answer = self.call("POST", "/login", body=body_of_login, headers=form)
            assert answer.status == 303, answer.text
            self.session = answer.headers["set-cookie"].split(";")[0]
        return self.call(method, path, body=body, headers={"Cookie": self.session, **(headers or {})})


def wait_until(condition: Any, *, seconds: float = _START_SECONDS) -> None:
    """Wait for a condition; the test fails when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come within {seconds} s"
        time.sleep(0.03)
