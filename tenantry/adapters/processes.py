"""Who a process is, beyond a number that the kernel gives out again.

A pid alone proves nothing: the next process may have it. The pid together with
the boot and the moment of its start names one process for ever. This holds
within one pid namespace; what runs in another, or on another machine, must carry
another host name: its boot would be taken for an earlier one of this machine.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["booted_at", "dying_with_us", "identity", "is_alive", "is_of_this_boot"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STATE, _START = 0, 19  # fields 3 and 22 of proc(5) stat, counted after the command's name
_DEAD_STATES = frozenset("ZX")  # a zombie does nothing more, whoever has yet to reap it


def identity(pid: int) -> str:
    """Return ``<boot id>:<start in clock ticks since boot>`` of a living process.

    Raises:
        ProcessLookupError: there is no such process.
    """
    fields = _stat(pid)
    if fields is None:
        msg = f"no process {pid}"
        raise ProcessLookupError(msg)
    return f"{_boot_id()}:{fields[_START]}"


def is_alive(pid: int, identity: str) -> bool:
    """Say whether the process of that pid and identity may still do something.

    False is a proof. Where it cannot be proved (the process belongs to another
    user and /proc hides it) the answer is True.
    """
    if not is_of_this_boot(identity):
        return False
    start = identity.partition(":")[2]
    fields = _stat(pid)
    if fields is None:
        return _is_hidden(pid)
    return fields[_START] == start and fields[_STATE] not in _DEAD_STATES


def is_of_this_boot(identity: str) -> bool:
    """Say whether a process was started since this machine was."""
    return identity.partition(":")[0] == _boot_id()


def dying_with_us() -> list[str]:
    """Return the prefix of a command that has the kernel kill it when we die; its own children live on."""
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def booted_at() -> datetime:
    """Return when this machine was started, in UTC and whole seconds.

    Raises:
        FileNotFoundError: the kernel does not say.
    """
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return datetime.fromtimestamp(float(line.split()[1]), UTC)
    raise FileNotFoundError


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()


def _stat(pid: int) -> list[str] | None:
    """Return the fields after the command's name, which may itself hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _is_hidden(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # It can be signalled but has no /proc entry: it went away in between, or came just now.
    return Path(f"/proc/{pid}").exists()
