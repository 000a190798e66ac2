"""``tenantry host``: the supervisor and the proxy that all instances of a machine share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from tenantry.cli.options import Output, OutputOption, WorkspaceOption
from tenantry.cli.render.table import details
from tenantry.cli.run import execute
from tenantry.result import Outcome, Result

__all__ = ["app"]

app = typer.Typer(help="This machine: start and stop what runs its instances.", no_args_is_help=True)


@app.command()
def start(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Bring every instance of this machine back, as after a reboot.

    Opens encrypted volumes, hands secrets over on tmpfs, puts the firewall
    rules back and starts the processes of all instances that are not suspended.

    \b
    Example: tenantry host start
    """
    execute("host start", output=output, work=lambda: _started(workspace), table=_started_table)


@app.command()
def stop(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Stop every process of every instance on this machine. Data and records stay.

    \b
    Example: tenantry host stop
    """
    execute(
        "host stop", output=output, work=lambda: _stopped(workspace), table=lambda data: str(data["text"])
    )


@app.command()
def status(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show the supervisor, the proxy and what is kept where. Exits 1 when one is down.

    \b
    Example: tenantry host status
    """
    execute("host status", output=output, work=lambda: _status(workspace), table=_status_table)


def _started(workspace: Path | None) -> Result:
    from tenantry.cli.hosting import started

    return started(workspace)


def _stopped(workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring

    Wiring(workspace).host.stop_host()
    return Result(command="host stop", data={"text": "stopped; tenantry host start brings all back"})


def _status(workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring

    facts = Wiring(workspace).host.host_status()
    well = bool(facts["supervisor"]) and bool(facts["proxy"])
    return Result(
        command="host status",
        data=facts,
        outcome=Outcome.OK if well else Outcome.NO,
        exit_code=0 if well else 1,
    )


def _started_table(data: Mapping[str, Any]) -> str:
    return "\n".join(f"{row['name']}: {row['outcome']}" for row in data["instances"]) or "no instances"


def _status_table(data: Mapping[str, Any]) -> str:
    return details(list(data.items()))
