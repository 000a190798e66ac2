"""Those who meet an instance: its neighbour on the host, a person with a browser, psql."""

from __future__ import annotations

import http.client
import json
import pwd
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tenantry.adapters.vault import FileVault
from tests.support.http_answer import Answer
from tests.support.installation import Installation

__all__ = [
    "Browser",
    "as_user",
    "processes_of",
    "psql",
    "script_as_user",
    "secrets_of",
    "uid_of",
    "wait_until",
    "web_processes",
]

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that every user can execute


def uid_of(installed: Installation, name: str) -> int:
    """Return the Unix user of an instance."""
    return pwd.getpwnam(installed.opaque(name)).pw_uid


def as_user(uid: int, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as a user with nothing of ours but standard input."""
    return subprocess.run(
        argv,
        user=uid,
        group=uid,
        extra_groups=[],
        input=stdin,
        cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def script_as_user(uid: int, script: str, *, told: object) -> Any:
    """Run Python as a user; it reads JSON from standard input and answers in JSON."""
    ran = as_user(uid, SYSTEM_PYTHON, "-I", "-c", script, stdin=json.dumps(told))
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def secrets_of(installed: Installation, opaque: str) -> dict[str, str]:
    """Return every secret of an instance, straight from its vault; certificates are public."""
    vault = FileVault(
        installed.private / "vault", opaque=opaque, master_key_file=installed.folder / "master.key"
    )
    return {name: vault.get(name) for name in vault.names() if not name.endswith("certificate")}


def psql(
    database: Mapping[str, Any], *, user: str, password: str, ca_file: str = "", sql: str = "select 1"
) -> subprocess.CompletedProcess[str]:
    """Query the database that ``instance show`` tells, over TLS, as root: the host's guard lets us."""
    target = (
        f"host=localhost hostaddr=127.0.0.1 port={database['port']} dbname={database['name']} user={user}"
        f" sslmode=verify-full sslrootcert={ca_file or database['ca_file']} connect_timeout=10"
    )
    return subprocess.run(
        ["psql", "-X", "-At", "-d", target, "-c", sql],
        env={"PATH": "/usr/bin:/bin", "PGPASSWORD": password, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def processes_of(uid: int) -> list[int]:
    """Return the living processes of a user."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                mine = entry.stat().st_uid == uid
                alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
            except OSError:
                continue
            if mine and alive:
                found.append(int(entry.name))
    return sorted(found)


def web_processes(uid: int) -> list[int]:
    """Return the workload's processes of an instance of the example."""
    return [pid for pid in processes_of(uid) if "server.js" in _command(pid)]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def wait_until(condition: Callable[[], object], *, seconds: float = 45) -> None:
    """Wait for a condition; the test fails when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come within {seconds} s"
        time.sleep(0.05)


@dataclass(kw_only=True)
class Browser:
    """A person at an instance's address: HTTPS through the proxy, trusting one authority alone."""

    hostname: str
    port: int
    authority: Path
    cookie: str = field(default="", repr=False)

    @classmethod
    def at(cls, shown: Mapping[str, Any], *, authority: Path | None = None) -> Browser:
        """Open the address that ``instance show`` tells."""
        hostname, _, port = str(shown["url"]).removeprefix("https://").partition(":")
        return cls(hostname=hostname, port=int(port), authority=authority or Path(shown["ca_file"]))

    def call(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request; a dict goes as JSON."""
        sent = dict(headers or {})
        if self.cookie:
            sent["Cookie"] = self.cookie
        if isinstance(body, dict):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        connection = _Connection(self)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            found = {key.lower(): value for key, value in response.getheaders()}
            return Answer(status=response.status, headers=found, body=response.read())
        finally:
            connection.close()

    def answers(self) -> bool:
        """Say whether the workload answers that it is well."""
        try:
            return self.call("GET", "/health").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def log_in(self, password: str, *, email: str = "admin@example.org") -> int:
        """Log in as the administrator; return the status: 303 lets in, 401 does not."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        page = self.call(
            "POST", "/login", body=urlencode({"email": email, "password": password}), headers=form
        )
        if page.status == 303:
            self.cookie = page.headers["set-cookie"].split(";")[0]
        return page.status

    def certificate(self) -> bytes:
        """Return the certificate that is served, as DER."""
        connection = _Connection(self)
        connection.connect()
        try:
            found = connection.tls.getpeercert(binary_form=True)
        finally:
            connection.close()
        assert found
        return found


class _Connection(http.client.HTTPSConnection):
    """HTTPS to this machine under the instance's host name, which no resolver knows."""

    def __init__(self, browser: Browser) -> None:
        self._context = ssl.create_default_context(cafile=str(browser.authority))
        self._context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        super().__init__(browser.hostname, browser.port, context=self._context, timeout=20)

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        try:
            self.tls = self._context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
        self.sock = self.tls
