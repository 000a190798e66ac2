"""Whether the process that an operation in the register names still runs.

Of this machine that can be proved (its start and its boot, see
``tenantry.adapters.processes``). Of another one only heartbeats tell, and two machines
may have one host name.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row

from tenantry.adapters import processes
from tenantry.ports import Operation

__all__ = ["Holder", "is_dead", "is_silent", "may_live_elsewhere", "silence"]

_SILENT_BEATS: Final = 12  # a minute: clocks of two machines may differ by less

Holder = Row[Any] | Operation  # what has host, pid, process_started and heartbeat_at


def silence(heartbeat_seconds: float) -> timedelta:
    """Return after how long without a heartbeat an operation is silent."""
    return timedelta(seconds=_SILENT_BEATS * heartbeat_seconds)


def is_dead(holder: Holder, *, host: str, now: datetime, after: timedelta) -> bool:
    """Say whether the process of an operation that did not end is dead. True is a proof.

    Args:
        holder: the operation.
        host: the name of this machine; a process of another one is never proved dead.
        now: by the clock that dates heartbeats.
        after: how long a machine is silent before a living one is not expected behind it.
    """
    return (
        holder.host == host
        and not processes.is_alive(holder.pid, holder.process_started)
        and not may_live_elsewhere(holder, now=now, after=after)
    )


def may_live_elsewhere(holder: Holder, *, now: datetime, after: timedelta) -> bool:
    """Say whether a process of another boot may be another machine's, with the host name of this one.

    It has said that it lives since this machine was started, and not long ago.
    """
    return (
        not processes.is_of_this_boot(holder.process_started)
        and holder.heartbeat_at >= processes.booted_at()
        and not is_silent(holder, now=now, after=after)
    )


def is_silent(holder: Holder, *, now: datetime, after: timedelta) -> bool:
    """Say whether an operation has not said for so long that it lives."""
    return now - holder.heartbeat_at >= after
