"""Looking at the processes of this machine through /proc. Nothing is changed here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["alive", "command", "in_folder", "name", "of_uid", "opened", "using"]

_PROC = Path("/proc")


def _pids() -> Iterator[int]:
    for entry in os.listdir(_PROC):  # noqa: PTH208 - asked often, and this is the faster way
        if entry.isdigit():
            yield int(entry)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name; empty when it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def name(pid: int) -> str:
    """Return the short name of a process, or an empty text when it is gone."""
    try:
        return (_PROC / str(pid) / "comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return ""


def command(pid: int) -> list[str]:
    """Return the program and arguments of a process; empty when it is gone."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
    return [os.fsdecode(word) for word in words[:-1]]


def alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in ("Z", "X")


def of_uid(uid: int) -> Sequence[int]:
    """Return the pids of living processes that a user owns, by any of the four user ids."""
    return [pid for pid in _pids() if uid in _uids(pid) and alive(pid)]


def _uids(pid: int) -> Sequence[int]:
    try:
        status = (_PROC / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return ()
    line = next((line for line in status.splitlines() if line.startswith("Uid:")), "Uid:")
    return [int(field) for field in line.split()[1:]]


def in_folder(folder: Path) -> Sequence[int]:
    """Return the pids of living processes whose working folder is this one or below it."""
    wanted = str(folder.resolve())
    return [pid for pid in _pids() if _below(_link(pid, "cwd"), wanted) and alive(pid)]


def opened(path: Path) -> Sequence[int]:
    """Return the pids of living processes that hold a file open."""
    wanted = str(path.resolve())
    return [pid for pid in _pids() if wanted in _files(pid) and alive(pid)]


def using(folder: Path) -> Sequence[int]:
    """Return the pids of processes that keep a file system busy: working folder, root, open files."""
    wanted = str(folder)
    return [pid for pid in _pids() if any(_below(path, wanted) for path in _places(pid))]


def _places(pid: int) -> Iterator[str]:
    yield from (_link(pid, which) for which in ("cwd", "root", "exe"))
    yield from _files(pid)


def _files(pid: int) -> Iterator[str]:
    try:
        numbers = os.listdir(_PROC / str(pid) / "fd")  # noqa: PTH208 - see above
    except OSError:
        return
    for number in numbers:
        yield _link(pid, f"fd/{number}")


def _link(pid: int, which: str) -> str:
    try:
        return str((_PROC / str(pid) / which).readlink())
    except OSError:
        return ""


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")
