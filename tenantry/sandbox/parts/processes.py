"""Ends processes that this server, or one before it, started: known by pid and moment of start."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

__all__ = ["end_group", "is_alive", "recorded", "running_module", "started", "write_record"]

_STATE, _GROUP, _START = 0, 2, 19  # fields 3, 5 and 22 of proc(5) stat, counted after the command's name


def started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; "" when it does nothing more."""
    fields = _stat(pid)
    return "" if not fields or fields[_STATE] in "ZX" else fields[_START]


def is_alive(pid: int, start: str) -> bool:
    """Say whether that very process still may do something."""
    return bool(start) and started(pid) == start


def write_record(file: Path, pid: int) -> None:
    """Keep in a file who a process is, for the server after this one."""
    file.write_text(f"{pid} {started(pid)}\n", encoding="ascii")


def recorded(file: Path) -> tuple[int, str] | None:
    """Return pid and start of the process that a file tells of, if it still lives."""
    try:
        number, start = file.read_text(encoding="ascii").split()
        pid = int(number)
    except (OSError, ValueError):
        return None
    return (pid, start) if is_alive(pid, start) else None


def running_module(name: str, argument: str) -> int | None:
    """Return the pid of a process of ours that leads a group and runs a Python module with an argument."""
    wanted = [b"-m", name.encode(), os.fsencode(argument), b""]
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it ended meanwhile
            if (
                entry.name.isdecimal()
                and (entry / "cmdline").read_bytes().split(b"\0")[1:] == wanted
                and entry.stat().st_uid == os.geteuid()
                and _stat(int(entry.name))[_GROUP:][:1] == [entry.name]
            ):
                return int(entry.name)
    return None


def end_group(pid: int, *, first: signal.Signals, grace_seconds: float) -> None:
    """Ask a process that leads a group to end, wait, then end the whole group."""
    _signal(pid, first)
    end = time.monotonic() + grace_seconds
    while time.monotonic() < end and _has_members(pid):
        _reap(pid)
        time.sleep(0.01)
    while _has_members(pid):
        _signal(pid, signal.SIGKILL)
        _reap(pid)
        time.sleep(0.01)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _has_members(group: int) -> bool:
    """Say whether a process of the group is alive; zombies do not count."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            fields = _stat(int(entry.name))
            if fields and fields[_GROUP] == str(group) and fields[_STATE] not in "ZX":
                return True
    return False


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
