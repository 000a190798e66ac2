"""Files in folders that belong to an instance's user, changed as that user.

The user (or whoever took over the workload) may put a link in place of a file
or folder of theirs. Were root to write through it, they would choose what root
writes where. So below a folder of theirs everything is done with their rights,
and files are read without following links.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tenantry.providers.host.executor import Executor

__all__ = ["make_folder", "read", "remove", "write"]

_WRITE = 'cat > "$1.new" && chmod "$2" "$1.new" && sync "$1.new" && mv -fT "$1.new" "$1"'
_LIMIT = 1_000_000  # bytes; none of our files comes near


def write(executor: Executor, path: Path, text: str, *, mode: int, uid: int) -> None:
    """Write a file whole or not at all; the text goes over standard input and may be secret."""
    argv = ["/bin/sh", "-c", _WRITE, f"write {path.name}", str(path), f"{mode:04o}"]
    with executor.effect(f"write {path.name}"):
        executor.run(argv, uid=uid, stdin=text, effect=False)


def make_folder(executor: Executor, path: Path, *, uid: int) -> None:
    """Make a folder (0700) and those above that are missing; the first existing one must be theirs."""
    if not path.is_dir():
        with executor.effect(f"mkdir {path.name}"):
            executor.run(["mkdir", "-p", "-m", "0700", str(path)], uid=uid, effect=False)


def remove(executor: Executor, path: Path, *, uid: int) -> None:
    """Remove a file or a folder; what is gone is fine."""
    if os.path.lexists(path):
        with executor.effect(f"remove {path.name}"):
            executor.run(["rm", "-rf", "--", str(path)], uid=uid, check=False, effect=False)
    if os.path.lexists(path):  # something in it is not theirs, or the folder above is not
        executor.remove(path)


def read(path: Path) -> str | None:
    """Return the text of a regular file, or None: no such file, a link, not a text."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe must not hold us
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        try:
            return file.read(_LIMIT).decode()
        except UnicodeDecodeError:
            return None
