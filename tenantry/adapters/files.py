"""Files that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from tenantry.errors import RefusedError

__all__ = ["check_private", "open_regular", "remove_file", "sync_folder", "write_file"]

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to read, or a link to one. Raise OSError for anything else.

    Without O_NONBLOCK, a named pipe of that name would hold us for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a file")
    return os.fdopen(descriptor, "rb")


def check_private(path: Path, found: os.stat_result, *, what: str, code: str, where: str = "") -> None:
    """Raise RefusedError unless only the user of this process (or root) may read what is found at a path."""
    if found.st_mode & _OTHERS:
        raise RefusedError(
            f"other users may read {what} {path}", hint=f"run: chmod 600 {path}", where=where, code=code
        )
    if found.st_uid not in {0, os.geteuid()}:
        raise RefusedError(
            f"{what} {path} belongs to another user",
            hint=f"run: chown {os.geteuid()} {path}",
            where=where,
            code=code,
        )


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes) -> None:
    """Put a file (0600) in place of what is there, in one step, durably.

    The name of the unfinished file is fixed (``<name>.tmp``), so one that a kill
    left is overwritten by the next call; callers exclude each other by a lock.
    """
    unfinished = path.with_name(path.name + ".tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(unfinished, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    unfinished.replace(path)
    sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """Remove a file, and what an unfinished write left of it, durably; absent ones are fine."""
    for name in (path, path.with_name(path.name + ".tmp")):
        name.unlink(missing_ok=True)
    sync_folder(path.parent)
