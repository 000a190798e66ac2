"""The supervisor of a host: one s6-svscan over the scan folder of its layout.

It starts, restarts and logs every long-running process of every instance.
Where systemd is PID 1 and we are root, a unit runs it; elsewhere it is started
detached, and the next command that needs it starts it again if it is gone.

When s6-svscan dies by SIGKILL, its s6-supervise children live on with their
services. They are ended first (each stops its service in order), then a new
s6-svscan starts everything afresh: so nothing is ever supervised twice. What
even that leaves behind is found by the run script of each service, see
``tenantry.providers.host.process``.

Deliberately not done: starting at boot without systemd.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tenantry.errors import UnavailableError
from tenantry.providers.host import processes
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout

__all__ = ["SUPERVISOR_PATH", "Supervisor", "listens", "locked", "wait_until"]

SUPERVISOR_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_MAX_SERVICES = 8000  # s6-svscan's own default is 500
_STOP_SECONDS = 90  # for the services to end before they are killed
_LOG_BYTES = 1_000_000


class Supervisor:
    """Runs s6-svscan for one host root."""

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Take what changes the machine, and where the scan folder lies."""
        self._executor = executor
        self._layout = layout

    @property
    def unit(self) -> Path:
        """The systemd unit's file, there only where systemd is PID 1."""
        return Path("/etc/systemd/system") / f"tenantry-{self._layout.host_id}.service"

    def running(self) -> bool:
        """Say whether an s6-svscan listens on the scan folder's control pipe."""
        return listens(self._layout.services / ".s6-svscan" / "control")

    def ensure_running(self) -> None:
        """Start the supervisor unless it runs; return when it takes commands.

        Raises:
            UnavailableError: s6 is not installed, or it does not start.
        """
        if self.running():
            return
        with locked(self._layout.runtime / ".supervisor.lock"):
            if self.running():
                return
            self._executor.folder(self._layout.services, mode=0o700)
            self._end_orphans()
            if _systemd():
                self._start_unit()
            else:
                self._start_detached()
            if not wait_until(self.running, seconds=20):
                raise UnavailableError(
                    "the supervisor s6-svscan did not start",
                    hint=f"read {self._log} and run the command again",
                    code="supervisor-down",
                )

    def rescan(self) -> None:
        """Make the supervisor look for new services and let go of removed ones."""
        self._executor.run(["s6-svscanctl", "-an", str(self._layout.services)])

    def stop(self) -> None:
        """Stop the supervisor and every service; return when all of their processes are gone."""
        with locked(self._layout.runtime / ".supervisor.lock"):
            if self.unit.exists() and _systemd():
                self._executor.run(["systemctl", "disable", "--now", self.unit.name], check=False)
            if self.running():
                self._executor.run(["s6-svscanctl", "-t", str(self._layout.services)], check=False)
                wait_until(lambda: not self.running(), seconds=10)
            wait_until(lambda: not self.processes(), seconds=_STOP_SECONDS)
            self._end_orphans()
            self._end_programs()
            if self.unit.exists():
                self._executor.remove(self.unit)
                self._executor.run(["systemctl", "daemon-reload"], check=False)

    def processes(self) -> Sequence[int]:
        """Return the pids of s6 processes of this host, orphaned or not."""
        folder = self._layout.services
        found = processes.in_folder(folder)
        return [pid for pid in found if processes.name(pid) in ("s6-svscan", "s6-supervise")]

    @property
    def _log(self) -> Path:
        return self._layout.runtime / "supervisor.log"

    def _start_detached(self) -> None:
        """Start s6-svscan in a session of its own, with nothing of ours but a log file.

        A shell lets what it starts in the background ignore SIGINT, and nohup
        SIGHUP; a workload would inherit that and never hear its stop signal.
        """
        with contextlib.suppress(FileNotFoundError):
            if self._log.stat().st_size > _LOG_BYTES:
                self._executor.remove(self._log)
        detached = ["env", "--default-signal", "setsid", "-f"]
        scan = shlex.join([*detached, "s6-svscan", "-c", str(_MAX_SERVICES), str(self._layout.services)])
        script = f"ulimit -n 65536 2>/dev/null; exec {scan} </dev/null >>{shlex.quote(str(self._log))} 2>&1"
        self._executor.run(["/bin/sh", "-c", script])

    def _start_unit(self) -> None:
        self._executor.write(self.unit, self.unit_text(), mode=0o644)
        self._executor.run(["systemctl", "daemon-reload"])
        self._executor.run(["systemctl", "enable", self.unit.name])
        self._executor.run(["systemctl", "restart", self.unit.name])

    def unit_text(self) -> str:
        """Return the text of the systemd unit.

        The scan folder lies on tmpfs, so it is made anew at each start. What a
        dead s6-svscan leaves is killed by systemd (KillMode=mixed).
        """
        services = self._layout.services
        lines = [
            "[Unit]",
            "Description=tenantry: supervisor of the instances on this host",
            "After=network.target local-fs.target",
            f"RequiresMountsFor={self._layout.root} {self._layout.runtime}",
            "[Service]",
            "Type=simple",
            f"Environment=PATH={SUPERVISOR_PATH} LC_ALL=C.UTF-8 TZ=UTC",
            f"ExecStartPre=/bin/mkdir -p -m 0711 {self._layout.runtime}",
            f"ExecStartPre=/bin/mkdir -p -m 0700 {services}",
            f"ExecStart=/usr/bin/s6-svscan -c {_MAX_SERVICES} {services}",
            f"ExecStop=/usr/bin/s6-svscanctl -t {services}",
            "KillMode=mixed",
            f"TimeoutStopSec={_STOP_SECONDS}",
            "Restart=always",
            "RestartSec=1",
            "LimitNOFILE=65536",
            "[Install]",
            "WantedBy=multi-user.target",
        ]
        return "\n".join(lines) + "\n"

    def _end_orphans(self) -> None:
        """End what an s6-svscan that was killed left behind: in order, then by force."""
        for pid in self.processes():
            self._signal(pid, signal.SIGTERM)
        # A logger's s6-supervise waits for the end of its input; with the service gone it comes.
        if not wait_until(lambda: not self.processes(), seconds=_STOP_SECONDS if self.processes() else 0):
            for pid in self.processes():
                self._signal(pid, signal.SIGKILL)
            wait_until(lambda: not self.processes(), seconds=5)

    def _end_programs(self) -> None:
        """End programs whose supervision was killed: they still hold the locks of their services."""
        locks = sorted((self._layout.runtime / ".services").glob("*.lock"))
        for last in (False, True):
            for lock in locks:
                for pid in processes.opened(lock):
                    self._signal(pid, signal.SIGKILL if last else self._stop_signal(lock.stem))
            if wait_until(lambda: not any(processes.opened(lock) for lock in locks), seconds=10):
                return

    def _stop_signal(self, service_id: str) -> signal.Signals:
        with contextlib.suppress(OSError, KeyError):
            return signal.Signals[(self._layout.services / service_id / "down-signal").read_text().strip()]
        return signal.SIGTERM

    def _signal(self, pid: int, number: signal.Signals) -> None:
        with self._executor.effect(f"signal {number.name}"), contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _systemd() -> bool:
    return os.geteuid() == 0 and Path("/run/systemd/system").is_dir()


def listens(control: Path) -> bool:
    """Say whether somebody reads from a named pipe, without waiting and without writing."""
    try:
        descriptor = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT, errno.ENOTDIR):
            return False
        raise
    os.close(descriptor)
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file while the body runs; it goes with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll a condition until it holds; return whether it did within the time."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return True
