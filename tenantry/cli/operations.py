"""The work behind the ``operation`` commands."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tenantry.cli.wiring import Wiring
from tenantry.errors import FailedError, SpecError
from tenantry.ports import Operation
from tenantry.result import Outcome, Result

__all__ = ["attached", "cancelled", "listed", "shown"]

_LOOK_EVERY_SECONDS = 0.5


def listed(*, instance: str, running: bool, workspace: Path | None) -> Result:
    """List operations."""
    wiring = Wiring(workspace)
    rows = [_row(one) for one in wiring.register.operations(instance or None)]
    return Result(
        command="operation list",
        data={"operations": [row for row in rows if not running or row["ended_at"] is None]},
    )


def shown(operation_id: str, *, workspace: Path | None) -> Result:
    """Show one operation with its steps from the journal."""
    wiring = Wiring(workspace)
    return Result(command="operation show", data=_with_steps(_found(wiring, operation_id), wiring=wiring))


def attached(operation_id: str, *, workspace: Path | None) -> Result:
    """Show the steps of a running operation as they come, until it ends."""
    wiring = Wiring(workspace)
    told = 0
    while True:
        row = _with_steps(_found(wiring, operation_id), wiring=wiring)
        for step in row["steps"][told:]:
            sys.stderr.write(f"{step['at']:%H:%M:%S}  {step['text']}\n")
        told = len(row["steps"])
        if row["outcome"] != "running":
            break
        time.sleep(_LOOK_EVERY_SECONDS)
    well = row["outcome"] == "done"
    return Result(
        command="operation attach",
        data=row,
        outcome=Outcome.OK if well else Outcome.NO,
        exit_code=0 if well else 1,
    )


def cancelled(operation_id: str, *, workspace: Path | None) -> Result:
    """Ask a running operation to stop after its present step."""
    wiring = Wiring(workspace)
    operation = _found(wiring, operation_id)
    row = _with_steps(operation, wiring=wiring)
    if row["outcome"] not in {"running", "unknown"}:
        raise FailedError(f"{operation_id} does not run: it is {row['outcome']}", code="not-running")
    wiring.register.request_cancel(operation_id)
    # The number alone may be that of any process here: another machine may have this one's host name.
    if operation.host == wiring.workspace.host_name and wiring.runs(operation):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(operation.pid, signal.SIGINT)
    return Result(command="operation cancel", data=row)


def _found(wiring: Wiring, operation_id: str) -> Operation:
    operation = wiring.register.operation(operation_id)
    if operation is None:
        raise SpecError(
            f"there is no operation {operation_id}", hint="tenantry operation list", code="no-such-operation"
        )
    return operation


def _row(one: Operation) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "instance": one.instance,
        "outcome": one.outcome or "running",
        "person": one.person,
        "reason": one.reason,
        "host": one.host,
        "pid": one.pid,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "detail": one.detail,
    }


def _with_steps(one: Operation, *, wiring: Wiring) -> dict[str, Any]:
    steps = [
        {"at": entry.at, "kind": entry.kind, "text": entry.text}
        for entry in wiring.register.journal()
        if entry.operation == one.id
    ]
    return {**_row(one), "steps": steps}
