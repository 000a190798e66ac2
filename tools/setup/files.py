"""Files that survive a kill: locks, stamps, archives unpacked under another name first."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.setup.report import Report, SetupError

__all__ = [
    "digest",
    "is_stamped",
    "locked",
    "make_folder",
    "stamp",
    "take_place",
    "temporary_folder",
    "unzip",
]

_TICK_SECONDS = 10.0
_LOOK_SECONDS = 0.2


def digest(paths: Sequence[Path], *, also: str = "") -> str:
    """Return a SHA-256 over the contents of files that are there, and over a text."""
    total = hashlib.sha256(also.encode())
    for path in paths:
        total.update(path.read_bytes() if path.exists() else b"-")
    return total.hexdigest()


def is_stamped(path: Path, text: str) -> bool:
    """Say whether a stamp holds this text."""
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8") == text
    return False


def stamp(path: Path, text: str) -> None:
    """Write a stamp, whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


@contextlib.contextmanager
def locked(path: Path, report: Report, *, what: str) -> Iterator[int]:
    """Hold a lock; wait for another set-up that holds it, saying so. Yields the file descriptor."""
    make_folder(path.parent)
    with path.open("w", encoding="utf-8") as file:
        since = said = time.monotonic()
        while not _try_lock(file.fileno()):
            if time.monotonic() - said >= _TICK_SECONDS or said == since:
                report.waiting(f"another set-up is {what}; waiting for it", since)
                said = time.monotonic()
            time.sleep(_LOOK_SECONDS)
        yield file.fileno()


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        SetupError: that is not permitted here.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{path} cannot be made: {error.strerror}") from error


@contextlib.contextmanager
def temporary_folder(beside: Path) -> Iterator[Path]:
    """Lend a folder on the same file system; what killed runs left of the kind is removed first."""
    make_folder(beside.parent)
    for old in beside.parent.glob(f".{beside.name}.*.new"):
        shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{beside.name}.", suffix=".new", dir=beside.parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def take_place(new: Path, place: Path) -> None:
    """Rename a finished folder to its place; an older one goes first. Hold a lock meanwhile."""
    if place.exists():
        old = new.with_name(f"{new.name}-old")
        place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.rename(place)


def unzip(archive: Path, folder: Path, *, below: str) -> None:
    """Unpack what lies below a folder of a zip file, with the permissions that it was packed with."""
    with zipfile.ZipFile(archive) as packed:
        for item in packed.infolist():
            if item.filename.startswith(f"{below}/"):
                path = Path(packed.extract(item, folder))
                if not item.is_dir() and (mode := item.external_attr >> 16 & 0o777):
                    path.chmod(mode)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
