"""Keeps the process of one site running: a user of its own, its own /home, restarted when it ends.

As root every site has a mount namespace in which its folder lies at ``/home``, as
on App Service. Without root there is none; a setting that begins with ``/home/``
then gets the folder's real path, and the process runs as ourselves.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tenantry.sandbox.parts import processes
from tenantry.sandbox.parts.erasing import erase

__all__ = ["Launch", "SiteRunner"]

_HOME = "/home"
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_ROOT = "/home/site/wwwroot"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0  # seconds between an end and the next start
_LONG_ENOUGH = 10.0  # seconds of life after which the pause begins anew
_GRACE = 5.0  # seconds between SIGTERM and SIGKILL, as on App Service
_LARGEST_LOG = 5_000_000  # bytes; the one before it is kept beside it
_FAILED_STARTS = 3  # ends without ever listening, after which nobody waits for it any more
# A new namespace has a copy of every mount, volumes of instances on this machine too, and
# would keep them busy: so it lets go of them first.
_LET_GO = (
    "for place in $(awk '/ - [^ ]+ \\/dev\\/(loop|mapper\\/tenantry-)/ {print $5}' /proc/self/mountinfo); do "
    'case "$1/" in "$place"/*) ;; *) umount -l "$place";; esac; done; '
)
# $1 the site's home, $2 its user, $3 the command. Mounted in a namespace of its own, then all rights go.
# $4 what TLS is verified with inside: the sandbox's authority among the system's.
_ENTER = (
    _LET_GO + 'mount --bind "$1" /home && '
    '{ [ -z "$4" ] || mount --bind "$4" /etc/ssl/certs/ca-certificates.crt; } && '
    'cd /home/site/wwwroot && exec setpriv --reuid "$2" --regid "$2" '
    '--clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- /bin/sh -c "$3"'
)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What to start."""

    command: str  # for a shell
    environment: Mapping[str, str]
    runtime: Path  # the interpreter, whose folder comes first on PATH


class SiteRunner:
    """One site's process. Every method may come from any thread."""

    def __init__(self, folder: Path, *, uid: int | None, authority: Path | None = None) -> None:
        """Run from ``folder``; ``uid`` None means ourselves, without a namespace.

        ``authority`` is trusted inside beside the system's own authorities.
        """
        self.folder = folder
        self._authority = authority
        self._bundle = folder / "ca-certificates.crt"
        self.home = folder / "home"
        self.root = self.home / "site" / "wwwroot"
        self.log = folder / "site.log"
        self.port = 0
        self._uid = uid
        self._record = folder / "process"
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self._failed = 0  # ends since it was started or last listened

    @property
    def running(self) -> bool:
        """Whether the process is up at this moment."""
        process = self._process
        return process is not None and process.poll() is None

    @property
    def wanted(self) -> bool:
        """Whether it should be up: started and not stopped since."""
        return self._thread is not None

    def prepare(self) -> None:
        """Make the folders and give them to the site's user."""
        for folder in (self.root, self.home / "data", self.home / "LogFiles"):
            folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        self.home.chmod(0o700)
        if self._authority is not None:
            system = _SYSTEM_BUNDLE.read_bytes() if _SYSTEM_BUNDLE.exists() else b""
            self._bundle.write_bytes(system + self._authority.read_bytes())
            self._bundle.chmod(0o644)
        self.own(self.home)

    def own(self, folder: Path) -> None:
        """Give a folder and all below it to the site's user."""
        if self._uid is None:
            return
        os.chown(folder, self._uid, self._uid)
        for top, folders, files in os.walk(folder):
            for name in (*folders, *files):
                with contextlib.suppress(FileNotFoundError):  # the site may be at work
                    os.chown(Path(top) / name, self._uid, self._uid, follow_symlinks=False)

    def replace_files(self, draft: Path) -> None:
        """Put a folder in the place of the site's files."""
        with self._lock:
            self.stop()
            erase(self.root)
            draft.rename(self.root)
            self.own(self.root)

    def take_over(self, other: SiteRunner) -> None:
        """Copy everything that another site had."""
        with self._lock:
            self.stop()
            erase(self.home)
            shutil.copytree(other.home, self.home, symlinks=True)
            self.prepare()

    def start(self, launch: Launch) -> None:
        """Start the process and keep it running; the one before is stopped first."""
        with self._lock:
            self.stop()
            self.port = _free_port()
            self._failed = 0
            self._ending = threading.Event()
            self._thread = threading.Thread(
                target=self._keep_up,
                args=(launch, self._ending),
                name=f"site {self.folder.name}",
                daemon=True,
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop it and wait for its end; also one that a server before us left running."""
        with self._lock:
            self._ending.set()
            if self._thread is not None:
                self._thread.join()
                self._thread = None
            if left := processes.recorded(self._record):
                processes.end_group(left[0], first=signal.SIGTERM, grace_seconds=_GRACE)
            self._record.unlink(missing_ok=True)

    def erase(self) -> None:
        """Stop it and erase everything that it had."""
        with self._lock:
            self.stop()
            erase(self.folder)

    def wait_until_it_listens(self, seconds: float) -> bool:
        """Wait for the process to take connections on its port.

        False when it does not in time, or has ended again and again before it did.
        """
        end = time.monotonic() + seconds
        while self.wanted:
            if self.running and _listens(self.port):
                self._failed = 0
                return True
            if time.monotonic() > end or self._failed >= _FAILED_STARTS:
                break
            time.sleep(0.05)
        return False

    def say(self, text: str) -> None:
        """Write a line of ours into the site's log."""
        if self.log.exists() and self.log.stat().st_size > _LARGEST_LOG:
            shutil.move(self.log, self.log.with_suffix(".log.1"))
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{now} [sandbox] {text}\n")

    def _outside(self, value: str) -> str:
        """Return a path as it is without a namespace."""
        if value == str(_SYSTEM_BUNDLE) and self._bundle.exists():
            return str(self._bundle)
        inside = f"{value}/".startswith(f"{_HOME}/")
        return str(self.home) + value.removeprefix(_HOME) if inside else value

    def _keep_up(self, launch: Launch, ending: threading.Event) -> None:
        pause = _FIRST_PAUSE
        while not ending.is_set():
            began = time.monotonic()
            code = self._run_once(launch, ending)
            if ending.is_set():
                return
            if time.monotonic() - began > _LONG_ENOUGH:
                pause, self._failed = _FIRST_PAUSE, 0
            self._failed += 1
            self.say(f"the process ended with {code}; it is started again in {pause:.1f} s")
            ending.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _run_once(self, launch: Launch, ending: threading.Event) -> int | str:
        self.say(f"starting: {launch.command}")
        try:
            process = self._launch(launch)
        except OSError as error:
            return str(error)
        self._process = process
        self.starts += 1
        processes.write_record(self._record, process.pid)
        while not ending.wait(0.05):
            if process.poll() is not None:
                break
        processes.end_group(process.pid, first=signal.SIGTERM, grace_seconds=_GRACE)
        return process.wait()

    def _launch(self, launch: Launch) -> subprocess.Popen[bytes]:
        environment = {
            "NODE_EXTRA_CA_CERTS": str(_SYSTEM_BUNDLE),  # Node has authorities of its own
            **launch.environment,
            "PATH": f"{launch.runtime.parent}:/usr/local/bin:/usr/bin:/bin",
            "PORT": str(self.port),
            "HOME": _HOME,
        }
        bundle = str(self._bundle) if self._bundle.exists() else ""
        if self._uid is None:
            environment = {name: self._outside(value) for name, value in environment.items()}
            argv = [
                "/bin/sh",
                "-c",
                launch.command.replace(_ROOT, str(self.root)).replace(f"{_HOME}/", f"{self.home}/"),
            ]
        else:
            enter = ("/bin/sh", "-c", _ENTER, "sh", str(self.home), str(self._uid), launch.command, bundle)
            argv = ["unshare", "--mount", "--propagation", "slave", "--", *enter]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
                env=environment,
                start_new_session=True,
                umask=0o077,
            )


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
