"""Finding and ending processes that a killed run of ours left behind.

Programs outlive the SIGKILL of whoever started them (pgbackrest and initdb
do). They are known by a path of the instance's own in their arguments, their
environment or as their working folder; never by a name alone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tenantry import faults
from tenantry.errors import BusyError, FailedError

__all__ = ["Found", "end", "end_processes", "processes_using", "wait_for"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A living process."""

    pid: int
    argv: tuple[str, ...]


def processes_using(
    text: str, *, program: str = "", uid: int | None = None, environment: bool = False
) -> list[Found]:
    """Return living processes with this text as an argument, an option's value or working folder.

    Args:
        text: a path, or a marker that only we give out.
        program: look at processes of this program only ("pgbackrest"), so that
            a person's shell or editor in the same folder is none of them.
        uid: look at processes of this user only, since anybody can give a
            process any name and any arguments.
        environment: look at the values in their environment, too (needs root
            or the same user).
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended while we looked, or belongs to somebody else
            if uid is not None and entry.stat().st_uid != uid:
                continue
            if program and (entry / "comm").read_text().strip() != program:
                continue
            argv = _strings(entry / "cmdline")
            if _uses(entry, argv, text, environment=environment) and not _is_dead(entry):
                found.append(Found(pid=int(entry.name), argv=argv))
    return found


def wait_for(text: str, *, program: str, uid: int, seconds: float) -> None:
    """Wait until no process of the program uses ``text``.

    Raises:
        BusyError: one still does after that time; it is left alone.
    """
    deadline = time.monotonic() + seconds
    while found := processes_using(text, program=program, uid=uid):
        if time.monotonic() > deadline:
            raise BusyError(
                f"{program} of an interrupted run still runs as process {found[0].pid}",
                hint="wait for its end, or end that process, and run the same command again",
                code="still-running",
            )
        time.sleep(0.1)


def end(
    text: str, *, uid: int, program: str = "", grace_seconds: float = 10, environment: bool = False
) -> int:
    """End every process that uses ``text``: SIGTERM first, after the grace SIGKILL.

    Takes what ``processes_using`` takes.

    Returns:
        How many there were.

    Raises:
        FailedError: one is still there, or new ones keep coming.
    """
    ended = 0
    for _round in range(5):  # a process may have started a child while we looked
        found = processes_using(text, program=program, uid=uid, environment=environment)
        if not found:
            return ended
        ended += len(found)
        end_processes([one.pid for one in found], grace_seconds=grace_seconds)
    raise FailedError(
        "processes of an interrupted run keep coming back",
        hint="look who starts them: tenantry operation list",
        code="leftovers",
    )


def end_processes(
    pids: Sequence[int], *, grace_seconds: float, first: signal.Signals = signal.SIGTERM
) -> None:
    """Send ``first``, wait for the end of all, after the grace send SIGKILL."""
    faults.point("before ending processes")
    handles = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))  # a handle cannot come to mean another process
    try:
        for sent, seconds in ((first, grace_seconds), (signal.SIGKILL, 10.0)):
            for handle in handles:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, sent)
            if _all_ended(handles, seconds):
                break
    finally:
        for handle in handles:
            os.close(handle)
    faults.point("after ending processes")


def _all_ended(handles: Sequence[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    left = len(handles)
    while left:
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            return False
        for handle, _event in ready:
            poll.unregister(handle)
        left -= len(ready)
    return True


def _uses(entry: Path, argv: Sequence[str], text: str, *, environment: bool) -> bool:
    if any(argument == text or argument.endswith(f"={text}") for argument in argv):
        return True
    if environment and any(value.endswith(f"={text}") for value in _strings(entry / "environ")):
        return True
    return str((entry / "cwd").readlink()) == text


def _is_dead(entry: Path) -> bool:
    """Say whether it is only a zombie, which no signal can reach and which holds nothing."""
    stat = (entry / "stat").read_text()
    return stat.rpartition(")")[2].split()[0] in "ZX"


def _strings(path: Path) -> tuple[str, ...]:
    return tuple(path.read_bytes().decode(errors="replace").rstrip("\0").split("\0"))
