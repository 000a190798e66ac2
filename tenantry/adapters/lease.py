"""Leases: one living operation per instance.

A lease belongs to an operation of one process. Another operation gets it only
with proof that this process is dead (see ``tenantry.adapters.holders``); an old
heartbeat proves nothing. A young one speaks against another boot's death: two
machines may have one host name. Each lease carries a token that grows, and
everything that a holder writes is written only while its token is still the newest.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Update, select, update

from tenantry.adapters import holders, journal, processes
from tenantry.adapters.register_tables import leases, operations
from tenantry.adapters.store import Store
from tenantry.errors import (
    BusyError,
    FailedError,
    RefusedError,
    StoppedError,
    TenantryError,
    UnavailableError,
)
from tenantry.model.names import new_operation_id
from tenantry.ports import Clock, Instance, Lease, Operation

__all__ = ["held", "refuse_other_host"]

_STOPPED = frozenset({"cancelled", "interrupted"})  # codes of errors that end a run on request


def refuse_other_host(instance: Instance, *, host: str) -> None:
    """Raise UnavailableError, which names the host, for an instance that lives on another one than this."""
    if instance.host != host:
        raise UnavailableError(
            f"{instance.name} lives on the host {instance.host}; this one is {host}",
            hint=f"run the command on {instance.host}",
            code="other-host",
        )


@contextmanager
def held(
    store: Store,
    instance: Instance,
    *,
    host: str,
    kind: str,
    person: str,
    reason: str,
    clock: Clock,
    heartbeat_seconds: float,
) -> Iterator[Lease]:
    """Hold the lease of an instance for a new operation.

    An exception ends the operation as failed, an interrupt as cancelled, the end of
    the block as done, unless ``finish`` was called before.

    Raises:
        BusyError: another operation holds the instance, or may do so.
        UnavailableError: the instance lives on another host.
        FailedError: the register does not know the instance.
    """
    refuse_other_host(instance, host=host)
    wanted = _operation(instance, host=host, kind=kind, person=person, reason=reason, at=clock.now())
    with store.writing("lease") as connection:
        operation = _acquire(connection, instance, wanted, silence=holders.silence(heartbeat_seconds))
    lease = _HeldLease(store, instance, operation=operation, clock=clock)
    try:
        with _beating(lease, heartbeat_seconds):
            yield lease
    except BaseException as error:
        lease.finish_after(error)
        raise
    lease.finish("done")


class _HeldLease:
    """The Lease of ``held``; threads of its process may share it."""

    def __init__(self, store: Store, instance: Instance, *, operation: Operation, clock: Clock) -> None:
        self.operation = operation
        self._store = store
        self._instance = instance
        self._clock = clock
        self._ended = False

    def check(self) -> None:
        """Raise BusyError if the lease was lost, RefusedError if a cancel was asked for."""
        with self._store.reading() as connection:
            self._hold(connection)
            cancelled = connection.scalar(
                select(operations.c.cancel_requested).where(operations.c.id == self.operation.id)
            )
        if cancelled:
            raise RefusedError(
                f"{self.operation.kind} of {self._instance.name} was cancelled on request",
                hint="what was done so far stays; run the same command again to go on",
                code="cancelled",
            )

    def intent(self, text: str) -> None:
        """Record what will be done; if this raises, nothing may be done."""
        self._append("intent", text)

    def evidence(self, text: str) -> None:
        """Record what was observed after an effect."""
        self._append("evidence", text)

    def finish(self, outcome: str, detail: str = "") -> None:
        """End the operation and give the lease back; a second call does nothing.

        Raises:
            BusyError: the lease was lost meanwhile.
        """
        if self._ended:
            return
        with self._store.writing("finish") as connection:
            self._hold(connection)
            _end(connection, self.operation.id, outcome=outcome, detail=detail, at=self._clock.now())
            connection.execute(_of(self._instance).values(operation=None))
            self._tell(connection, "operation", f"{self.operation.kind} ended: {_joined(outcome, detail)}")
        self._ended = True

    def finish_after(self, error: BaseException) -> None:
        """End the operation because of an exception, which goes on its way whatever happens here."""
        try:
            self.finish(*_outcome_of(error))
        except TenantryError as second:
            error.add_note(f"the operation's end could not be recorded: {second.message}")

    def beat(self) -> None:
        """Record that the holder lives."""
        mine = (operations.c.id == self.operation.id) & operations.c.ended_at.is_(None)
        with self._store.writing() as connection:
            connection.execute(update(operations).where(mine).values(heartbeat_at=self._clock.now()))

    def _append(self, kind: str, text: str) -> None:
        with self._store.writing(kind) as connection:
            self._hold(connection)
            self._tell(connection, kind, text)

    def _tell(self, connection: Connection, kind: str, text: str) -> None:
        journal.append(
            connection,
            at=self._clock.now(),
            operation=self.operation.id,
            instance=self._instance.opaque,
            kind=kind,
            text=text,
        )

    def _hold(self, connection: Connection) -> None:
        row = connection.execute(select(leases).where(leases.c.opaque == self._instance.opaque)).one()
        if (row.operation, row.token) != (self.operation.id, self.operation.token):
            raise BusyError(
                f"{self.operation.id} no longer holds {self._instance.name}"
                + (f": {row.operation} does" if row.operation else ""),
                hint="look at it with: tenantry operation list",
                code="lease-lost",
            )


@contextmanager
def _beating(lease: _HeldLease, seconds: float) -> Iterator[None]:
    """Record a heartbeat every so many seconds; one that fails is left out, the next may work."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(seconds):
            with contextlib.suppress(TenantryError):
                lease.beat()

    thread = threading.Thread(target=beat, name=f"heartbeat {lease.operation.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=1)


def _operation(
    instance: Instance, *, host: str, kind: str, person: str, reason: str, at: datetime
) -> dict[str, Any]:
    """Return a row of ``operations`` for this process, but for its token."""
    return {
        "id": new_operation_id(),
        "opaque": instance.opaque,
        "kind": kind,
        "person": person,
        "reason": reason,
        "host": host,
        "pid": os.getpid(),
        "process_started": processes.identity(os.getpid()),
        "started_at": at,
        "heartbeat_at": at,
        "ended_at": None,
        "outcome": "",
        "detail": "",
        "cancel_requested": False,
    }


def _acquire(
    connection: Connection, instance: Instance, wanted: dict[str, Any], *, silence: timedelta
) -> Operation:
    """Start the operation and give it the lease."""
    found = connection.execute(select(leases).where(leases.c.opaque == instance.opaque)).one_or_none()
    if found is None:
        raise FailedError(f"the register does not know {instance.name}", code="no-instance")
    if found.operation is not None:
        _take_over(connection, instance, holder=found.operation, wanted=wanted, silence=silence)
    row = {**wanted, "token": found.token + 1}
    connection.execute(operations.insert().values(**row))
    connection.execute(_of(instance).values(operation=row["id"], token=row["token"]))
    text = f"{row['kind']} started by {_joined(row['person'], row['reason'])}"
    _tell(connection, instance, wanted, operation=row["id"], text=text)
    del row["opaque"]
    return Operation(**row, instance=instance.name)


def _take_over(
    connection: Connection, instance: Instance, *, holder: str, wanted: dict[str, Any], silence: timedelta
) -> None:
    """End the operation of a holder that is proved dead; raise BusyError for every other."""
    row = connection.execute(select(operations).where(operations.c.id == holder)).one()
    now = wanted["started_at"]
    if not holders.is_dead(row, host=wanted["host"], now=now, after=silence):
        raise _busy(instance, row, hint=_elsewhere(row, here=wanted["host"], now=now, silence=silence))
    _end(connection, row.id, outcome="died", detail=f"process {row.pid} is dead", at=now)
    text = f"{row.kind} died: process {row.pid} is dead; {wanted['id']} takes over"
    _tell(connection, instance, wanted, operation=row.id, text=text)


def _elsewhere(row: Row[Any], *, here: str, now: datetime, silence: timedelta) -> str:
    """Return a hint if a holder with the name of this host may be another machine's, else nothing."""
    if row.host != here or not holders.may_live_elsewhere(row, now=now, after=silence):
        return ""
    return (
        f"that process said a moment ago that it lives, and is none of this machine: another one "
        f"has the host name {row.host} too; if it is gone, run the same command again in "
        f"{silence.total_seconds():.0f} s"
    )


def _busy(instance: Instance, row: Row[Any], *, hint: str) -> BusyError:
    started = row.started_at.isoformat(timespec="seconds")
    return BusyError(
        f"{instance.name} is held by {row.id} ({row.kind}), "
        f"started {started} as process {row.pid} on {row.host}",
        hint=hint
        or f"follow it with: tenantry operation attach {row.id}; "
        f"stop it with: tenantry operation cancel {row.id}",
    )


def _tell(
    connection: Connection, instance: Instance, wanted: dict[str, Any], *, operation: str, text: str
) -> None:
    journal.append(
        connection,
        at=wanted["started_at"],
        operation=operation,
        instance=instance.opaque,
        kind="operation",
        text=text,
    )


def _end(connection: Connection, operation: str, *, outcome: str, detail: str, at: datetime) -> None:
    ended = update(operations).where(operations.c.id == operation)
    connection.execute(ended.values(outcome=outcome, detail=detail, ended_at=at))


def _of(instance: Instance) -> Update:
    return update(leases).where(leases.c.opaque == instance.opaque)


def _outcome_of(error: BaseException) -> tuple[str, str]:
    """Return outcome and detail. The text of an error that is not ours may hold anything: left out."""
    if isinstance(error, StoppedError):
        return "cancelled", f"interrupted: {error.problems[0].message}"
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "cancelled", "interrupted"
    if isinstance(error, TenantryError):
        return ("cancelled" if error.code in _STOPPED else "failed"), error.message
    return "failed", f"defect: {type(error).__name__}"


def _joined(first: str, second: str) -> str:
    return f"{first}: {second}" if second else first
