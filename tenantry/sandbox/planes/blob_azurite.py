"""The Azurite of one storage account: a process that is started by the first request and ended when idle."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts import processes
from tenantry.sandbox.parts.programs import MissingProgram, find_azurite, find_runtime

__all__ = ["Azurite", "Gate", "check_installed"]

_NODE = "NODE|24"
_STARTER = Path(__file__).with_name("azurite.js")
_START_SECONDS, _GRACE_SECONDS = 30.0, 10.0
_ATTEMPTS = 3  # a port that was free a moment ago can be taken


def check_installed() -> None:
    """Refuse where Azurite is not installed: ArmFault that says how it is."""
    try:
        find_azurite()
        find_runtime(_NODE)
    except MissingProgram as error:
        raise ArmFault(
            409, "MissingProgram", f"The sandbox cannot make storage accounts without {error}."
        ) from None


class Azurite:
    """One process and its folder. The caller sees to it that nobody starts and stops at once."""

    def __init__(self, folder: Path, account: str) -> None:
        self.data = folder / "azurite"
        self.port = 0
        self._account = account
        self._compiled = folder.parent / "compiled"
        self._log = folder / "azurite.log"
        self._record = folder / "process"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it is up."""
        return self._process is not None and self._process.poll() is None

    def start(self, keys: Sequence[str]) -> None:
        """Start it, unless it runs, with the account's keys. ArmFault 503 when it does not come up."""
        if self.running:
            return
        self.stop()
        self.data.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            self.port = _free_port()
            self._process = self._launch(keys)
            processes.write_record(self._record, self._process.pid)
            if self._comes_up():
                return
            self.stop()
        raise ArmFault(503, "ServerBusy", "Azurite does not start; see azurite.log in the account's folder.")

    def stop(self) -> None:
        """End it, also one that a server before us left running; it writes its index first."""
        if left := processes.recorded(self._record):
            processes.end_group(left[0], first=signal.SIGTERM, grace_seconds=_GRACE_SECONDS)
        if self._process is not None:
            self._process.wait()
            self._process = None
        self._record.unlink(missing_ok=True)

    def _launch(self, keys: Sequence[str]) -> subprocess.Popen[bytes]:
        argv = [str(find_runtime(_NODE)), str(_STARTER), str(find_azurite()), str(self.port), str(self.data)]
        # The keys go by the environment: everybody can read the arguments of a process.
        environment = {
            "AZURITE_ACCOUNTS": ":".join((self._account, *keys)),
            "HOME": str(self.data),
            "NODE_ENV": "production",
            "NODE_COMPILE_CACHE": str(self._compiled),  # a third less time to start
        }
        with self._log.open("wb") as log:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=environment,
                start_new_session=True,
                umask=0o077,
            )

    def _comes_up(self) -> bool:
        end = time.monotonic() + _START_SECONDS
        while self.running and time.monotonic() < end:
            with socket.socket() as client:
                client.settimeout(1)
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
            time.sleep(0.02)
        return False


class Gate:
    """Lets many in at a time, or one who needs everybody else out."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._shut = False

    def enter(self) -> None:
        """Go in; wait while it is shut."""
        with self._changed:
            self._changed.wait_for(lambda: not self._shut)
            self._inside += 1

    def leave(self) -> None:
        """Go out."""
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def shut(self, seconds: float) -> bool:
        """Let nobody in any more and wait until all are out; False when they are not in time."""
        end = time.monotonic() + seconds
        with self._changed:
            if not self._changed.wait_for(lambda: not self._shut, seconds):
                return False
            self._shut = True
            if self._changed.wait_for(lambda: self._inside == 0, max(0.0, end - time.monotonic())):
                return True
            self._shut = False
            self._changed.notify_all()
            return False

    def open(self) -> None:
        """Let everybody in again."""
        with self._changed:
            self._shut = False
            self._changed.notify_all()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
