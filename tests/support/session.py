"""One run of the tests: its name, its folders, and the user ids and ports that are its own.

Several runs may share a machine. Each takes one of 16 slots, a file that it
holds locked as long as it lives, and with it a range of user ids and of ports.
Everything that a test makes carries the run's name (``tenantry-test-…``) in a
path or one of those user ids, so that what is left behind can be told from what
belongs to somebody else. A slot whose holder died says which run that was, so
the next holder removes what it left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = [
    "FIRST_UID",
    "HostFolders",
    "Session",
    "Slot",
    "new_session",
    "session_from_environment",
    "take_slot",
]

_SLOTS = 16
_UIDS_PER_SLOT = 20_000
_UIDS_PER_TEST = 100
FIRST_UID = 600_000  # the users of tests begin here, those of a machine end below
_PORTS_PER_SLOT = 1_200  # below 32768, where the kernel takes ports from for outgoing connections
_PORTS_PER_TEST = 60
_FIRST_PORT = 12_000
_NAME = "TENANTRY_TEST_SESSION"
_SLOT = "TENANTRY_TEST_SLOT"


@dataclass(frozen=True, kw_only=True)
class HostFolders:
    """A host of a test's own: folders, user ids and ports that nobody else uses."""

    root: Path  # for HostLayout.root; its parents may be entered by every user
    runtime: Path  # for HostLayout.runtime; on tmpfs, short enough for sockets
    uid_base: int  # the first of uid_count
    uid_count: int
    port_base: int  # the first of port_count, all free when the test began
    port_count: int


@dataclass(frozen=True, kw_only=True)
class Session:
    """A run of the tests, known to its controller and to its workers alike."""

    name: str  # "tenantry-test-3f9a1c"
    slot: int

    @property
    def folder(self) -> Path:
        """The run's folder on disk."""
        return Path("/tmp") / self.name

    @property
    def fast_folder(self) -> Path:
        """The run's folder on tmpfs."""
        shm = Path("/dev/shm")
        return (shm if os.access(shm, os.W_OK) else Path("/tmp")) / f"{self.name}-rt"

    @property
    def uids(self) -> range:
        """The user ids of the run."""
        first = FIRST_UID + self.slot * _UIDS_PER_SLOT
        return range(first, first + _UIDS_PER_SLOT)

    @property
    def roots(self) -> frozenset[Path]:
        """The roots of every host that a test of this run has had."""
        with contextlib.suppress(FileNotFoundError):
            return frozenset(Path(line) for line in (self.folder / "roots").read_text().splitlines())
        return frozenset()

    def make_folders(self) -> None:
        """Make the folders of the run; users of instances may pass through them."""
        for folder in (self.folder, self.fast_folder):
            folder.mkdir(mode=0o711, exist_ok=True)
            folder.chmod(0o711)

    def remove_folders(self) -> None:
        """Remove the folders of the run, as far as nothing is mounted in them."""
        for folder in (self.folder, self.fast_folder):
            shutil.rmtree(folder, ignore_errors=True)

    def export(self) -> None:
        """Hand the run to the workers, and mark with it whatever they start."""
        os.environ[_NAME] = self.name
        os.environ[_SLOT] = str(self.slot)

    @contextlib.contextmanager
    def host(self) -> Iterator[HostFolders]:
        """Lend a host to a test; its folders and ports are taken back afterwards."""
        number = self._next("hosts")
        name = f"h{number:04}"  # of one length, so that no name begins with another one
        first_uid = number * _UIDS_PER_TEST % _UIDS_PER_SLOT
        with self._ports() as port_base:
            folders = HostFolders(
                root=self.folder / name,
                runtime=self.fast_folder / name,
                uid_base=self.uids[first_uid],
                uid_count=_UIDS_PER_TEST,
                port_base=port_base,
                port_count=_PORTS_PER_TEST,
            )
            for folder in (folders.root, folders.runtime):
                folder.mkdir(mode=0o711)
                folder.chmod(0o711)
            self._note_root(folders.root)
            yield folders

    def _note_root(self, root: Path) -> None:
        with (self.folder / "roots").open("a", encoding="utf-8") as file:
            file.write(f"{root}\n")

    def _next(self, counter: str) -> int:
        path = self.folder / counter
        with path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            number = int(file.read() or "0")
            file.truncate(0)
            file.write(str(number + 1))
            return number

    @contextlib.contextmanager
    def _ports(self) -> Iterator[int]:
        blocks = _PORTS_PER_SLOT // _PORTS_PER_TEST
        for _ in range(blocks):
            number = self._next("ports") % blocks  # in turn, so that a port rests after its use
            base = _FIRST_PORT + self.slot * _PORTS_PER_SLOT + number * _PORTS_PER_TEST
            with (self.folder / f"ports{number}").open("w", encoding="utf-8") as file:
                if _locked(file) and all(_is_free(port) for port in range(base, base + _PORTS_PER_TEST)):
                    yield base
                    return
        message = f"no block of {_PORTS_PER_TEST} free ports in slot {self.slot}"
        raise RuntimeError(message)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A slot that is held as long as its file is open."""

    number: int
    file: IO[str]
    before: Session | None  # who held it last, when that run did not end properly

    def note(self, session: Session | None) -> None:
        """Write down who holds the slot; None when the run ended properly."""
        self.file.seek(0)
        self.file.truncate()
        self.file.write(session.name if session else "")
        self.file.flush()


def take_slot(folder: Path | None = None) -> Slot:
    """Take a free slot of this machine.

    Raises:
        RuntimeError: all are taken, by 16 runs at once.
    """
    folder = folder or Path(tempfile.gettempdir()) / f"tenantry-test-slots-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(_SLOTS):
        file = (folder / str(number)).open("a+", encoding="utf-8")
        if _locked(file):
            file.seek(0)
            name = file.read().strip()
            before = Session(name=name, slot=number) if name.startswith("tenantry-test-") else None
            return Slot(number=number, file=file, before=before)
        file.close()
    message = f"{_SLOTS} runs of the tests are under way on this machine"
    raise RuntimeError(message)


def new_session(slot: Slot) -> Session:
    """Begin a run on a slot."""
    session = Session(name=f"tenantry-test-{secrets.token_hex(3)}", slot=slot.number)
    slot.note(session)
    return session


def session_from_environment() -> Session:
    """Give the run that this process belongs to.

    Raises:
        KeyError: it belongs to none.
    """
    return Session(name=os.environ[_NAME], slot=int(os.environ[_SLOT]))


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
