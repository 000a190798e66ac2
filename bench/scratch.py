"""A host of the bench's own on this machine: folders, user ids, ports; all of it goes again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.timing import seconds_of

__all__ = ["COMMAND", "EXAMPLES", "FLEET", "Scratch", "scratch"]

COMMAND = Path(sys.executable).with_name("tenantry")
EXAMPLES = Path(__file__).parents[1] / "examples"
FLEET = EXAMPLES / "fleet.csv"
_FAST = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_FIRST_PORT = 31_300  # above those of the tests, below those that the kernel gives out
_LAST_PORT = 32_700
_PORTS = 200
_FIRST_UID = 120_000
_UIDS = 1_000  # per block of ports
_OF_BASELINES = 900  # user ids from here on, and ports from 150 on, are for the baselines
_PORTS_OF_BASELINES = 150


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """Folders and numbers of one run, and the installed command line on them."""

    folder: Path
    fast: Path  # on tmpfs
    port_base: int
    uid_base: int

    @property
    def workspace(self) -> Path:
        """The workspace of the instances."""
        return self.folder / "workspace"

    @property
    def https_port(self) -> int:
        """The proxy's port."""
        return self.port_base + _PORTS - 1

    def baseline_ports(self, number: int) -> tuple[int, int]:
        """Return the ports of a baseline's database and workload."""
        first = self.port_base + _PORTS_OF_BASELINES + 2 * number
        return first, first + 1

    def baseline_uid(self, number: int) -> int:
        """Return the user id of a baseline."""
        return self.uid_base + _OF_BASELINES + number

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which the command line runs."""
        return {**os.environ, "TENANTRY_WORKSPACE": str(self.workspace)}

    def time(self, *arguments: str) -> float:
        """Return how long a command takes; it has to succeed."""
        return seconds_of([str(COMMAND), *arguments], env=self.environment)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Return the data that a command answers."""
        argv = [str(COMMAND), *arguments, "--output", "json"]
        ran = subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise RuntimeError(f"{' '.join(argv[1:4])} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
        data = json.loads(ran.stdout)["data"]
        assert isinstance(data, dict)
        return data

    def write_spec(self, name: str, *, country: str = "BJ") -> None:
        """Write the spec of an instance of the example workload."""
        (self.workspace / "instances" / f"{name}.yaml").write_text(
            f"tenantry: 1\nname: {name}\n"
            f'client:\n  name: Red Cross of {name}\n  country: "{country}"\n'
            f"  contact: it@{name}.example.org\n"
            f"target: host\nprofile: registrations\nhostname: {name}.example.org\n"
        )

    def deploy(self, names: Sequence[str]) -> float:
        """Deploy instances, up to four at once; return the seconds."""
        return self.time("instance", "deploy", *names, *(["--jobs", "4"] if len(names) > 1 else []))

    def erase(self, name: str) -> float:
        """Erase an instance; return the seconds."""
        return self.time("erase", "run", name, "--confirm", name)

    def set_up(self) -> None:
        """Make the workspace."""
        self.workspace.mkdir(mode=0o700)
        (self.workspace / "tenantry.yaml").write_text(
            "tenantry: 1\n"
            "organisation:\n  name: Example Red Cross\n  contact: it@example.org\n"
            "host:\n  name: bench\n"
            f"  root: {self.folder}/host\n"
            f"  runtime: {self.fast}/r\n"
            f"  https_port: {self.https_port}\n"
            f"  http_port: {self.https_port - 1}\n"
            f"  uid_base: {self.uid_base}\n"
            f"  port_base: {self.port_base}\n"
            f"master_key_file: {self.workspace}/master.key\n"
            f"profiles: [{EXAMPLES}]\n"
            "settings:\n  ADMIN_EMAIL: admin@example.org\n"
        )
        self.time("init")

    def tear_down(self) -> None:
        """Erase what lives and stop the host's services."""
        if not (self.workspace / ".tenantry" / "register.db").exists():
            return
        for row in self.ask("instance", "list")["instances"]:
            with contextlib.suppress(RuntimeError):
                self.erase(row["name"])
        self.time("host", "stop")


@contextlib.contextmanager
def scratch(*, instances: bool = True) -> Iterator[Scratch]:
    """Lend a host of our own; whatever happens, it is taken away again.

    Args:
        instances: are made on it. Without, its register may hold what is nowhere.
    """
    block = _free_block()
    folder = Path(tempfile.mkdtemp(prefix="tenantry-bench-"))
    fast = Path(tempfile.mkdtemp(prefix="tenantry-bench-", dir=_FAST if os.access(_FAST, os.W_OK) else None))
    for made in (folder, fast):
        made.chmod(0o711)  # users of instances pass through
    number = (block - _FIRST_PORT) // _PORTS
    lent = Scratch(folder=folder, fast=fast, port_base=block, uid_base=_FIRST_UID + number * _UIDS)
    try:
        lent.set_up()
        yield lent
    finally:
        try:
            if instances:
                lent.tear_down()
        finally:
            _remove(folder)
            _remove(fast)


def _remove(folder: Path) -> None:
    """Remove a folder unless something is still mounted in it."""
    mounted = any(str(folder) in line for line in Path("/proc/self/mounts").read_text().splitlines())
    if mounted:
        sys.stderr.write(f"bench: something is still mounted in {folder}; it is left as it is\n")
        return
    shutil.rmtree(folder, ignore_errors=True)


def _free_block() -> int:
    for base in range(_FIRST_PORT, _LAST_PORT - _PORTS + 1, _PORTS):
        if all(_is_free(port) for port in range(base, base + _PORTS)):
            return base
    raise RuntimeError(f"there are no {_PORTS} free ports between {_FIRST_PORT} and {_LAST_PORT}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
