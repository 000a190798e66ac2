"""Root at work on an instance without tenantry: what tests of drift and of health change by hand."""

from __future__ import annotations

import contextlib
import pwd
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tenantry.providers.host.layout import HostLayout
from tests.support.installation import Answer, Installation
from tests.support.people import wait_until

__all__ = ["Hands", "run"]


def run(
    *argv: str | Path, uid: int | None = None, env: Mapping[str, str] | None = None, stdin: str = ""
) -> str:
    """Run a program as root, or as a user; return what it said. A failure fails the test."""
    given = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})}
    words = [str(word) for word in argv]
    ran = subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        text=True,
        cwd="/",
        env=given,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, f"{words[0]} ended with {ran.returncode}: {ran.stderr[-500:]}"
    return str(ran.stdout)


@dataclass(frozen=True, kw_only=True)
class Hands:
    """One instance, and where its parts lie."""

    installed: Installation
    name: str
    opaque: str
    uid: int
    port: int  # of the database

    @classmethod
    def on(cls, installed: Installation, name: str) -> Hands:
        """Ask where an instance lies. It must be deployed, as root."""
        database = installed.show(name)["database"]
        opaque = str(database["name"])
        return cls(
            installed=installed,
            name=name,
            opaque=opaque,
            uid=pwd.getpwnam(opaque).pw_uid,
            port=int(database["port"]),
        )

    @property
    def layout(self) -> HostLayout:
        """The folders of the host."""
        return HostLayout(self.installed.host.root / "host", self.installed.host.runtime / "r")

    @property
    def home(self) -> Path:
        """The home of the instance."""
        return self.layout.home(self.opaque)

    @property
    def web(self) -> Path:
        """The folder of the workload's service."""
        return self.layout.services / f"{self.opaque}-web"

    @property
    def server(self) -> Path:
        """The folder of the database's service."""
        return self.layout.services / f"{self.opaque}-database"

    @property
    def package(self) -> Path:
        """The workload's files."""
        (folder,) = self.layout.packages.glob(f"*.refs/{self.opaque}")
        return self.layout.packages / folder.parent.name.removesuffix(".refs")

    @property
    def stack(self) -> Path:
        """The engine's record of the instance."""
        (path,) = (self.installed.private / "engine/state/.pulumi/stacks").rglob(f"{self.opaque}.json")
        return path

    @property
    def proxy_control(self) -> Path:
        """The folder of the proxy's service."""
        return self.layout.services / "proxy"

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Have the superuser do something; each statement is a transaction of its own."""
        sockets = self.layout.sockets(self.opaque)
        where = ("-h", sockets, "-p", str(self.port), "-U", "postgres", "-d", database)
        orders = [part for one in statements for part in ("-c", one)]
        return run("psql", "-X", "-At", "-q", "-v", "ON_ERROR_STOP=1", *where, *orders).strip()

    def svc(self, *letters: str, folder: Path | None = None) -> None:
        """Tell the supervisor something of the workload's service, and wait until it is done."""
        run("s6-svc", *letters, folder or self.web)

    def deploy(self) -> Answer:
        """Deploy it again as its spec says."""
        return self.installed.run("instance", "deploy", self.name)

    def drift(self) -> Answer:
        """Look for what was changed by hand."""
        return self.installed.run("instance", "drift", self.name)

    def conditions(self) -> dict[str, tuple[str, str]]:
        """Look at its health; return status and reason by type. The exit code must say the same."""
        answer = self.installed.run("instance", "health", self.name)
        found = answer.data["instances"][0]["conditions"]
        well = all(one["status"] == "True" for one in found)
        assert answer.code == (0 if well else 1), answer.err
        return {one["type"]: (one["status"], one["reason"]) for one in found}

    def bad(self) -> dict[str, tuple[str, str]]:
        """Return only the conditions that are not True."""
        return {kind: seen for kind, seen in self.conditions().items() if seen[0] != "True"}

    def settle(self) -> None:
        """Wait until all is well again."""
        wait_until(lambda: not self.bad(), seconds=90)

    @contextlib.contextmanager
    def away(self, path: Path) -> Iterator[None]:
        """Have a file or folder moved away."""
        aside = path.with_name(f"{path.name}.away")
        path.rename(aside)
        try:
            yield
        finally:
            aside.rename(path)
