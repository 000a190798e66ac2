"""``tenantry backup``: take backups and list them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tenantry.cli.options import NameArgument, Output, OutputOption, ReasonOption, WorkspaceOption
from tenantry.cli.render.table import table
from tenantry.cli.run import execute
from tenantry.result import Result

if TYPE_CHECKING:
    from tenantry.model.status import BackupRecord

__all__ = ["app"]

app = typer.Typer(help="Take backups and list them.", no_args_is_help=True)


@app.command()
def create(
    name: NameArgument,
    reason: ReasonOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Back up the database and the folders now.

    \b
    Example: tenantry backup create benin --reason "before the upgrade"
    """
    execute(
        "backup create",
        output=output,
        work=lambda: _created(name, reason=reason, workspace=workspace),
        table=_table,
    )


@app.command("list")
def list_backups(
    name: NameArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """List the backups, as their repositories have them now.

    \b
    Example: tenantry backup list benin --output json
    """
    execute("backup list", output=output, work=lambda: _listed(name, workspace), table=_table)


def _created(name: str, *, reason: str, workspace: Path | None) -> Result:
    from tenantry.cli.render.progress import Progress
    from tenantry.cli.signals import stop_politely
    from tenantry.cli.wiring import Wiring
    from tenantry.journeys.back_up import back_up

    wiring = Wiring(workspace)
    instance = wiring.workable(name)
    with Progress() as progress, stop_politely(wiring, name):
        made = back_up(instance, services=wiring.services(progress), reason=reason)
    return Result(command="backup create", data={"name": name, "backups": [_row(one) for one in made]})


def _listed(name: str, workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring
    from tenantry.journeys.back_up import backups

    wiring = Wiring(workspace)
    found = backups(wiring.workable(name), services=wiring.services())
    return Result(command="backup list", data={"name": name, "backups": [_row(one) for one in found]})


def _row(one: BackupRecord) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "started": one.started,
        "finished": one.finished,
        "size_bytes": one.size_bytes,
        "restorable_from": one.restorable_from,
        "restorable_to": one.restorable_to,
        "verified": one.verified,
    }


def _table(data: Mapping[str, Any]) -> str:
    columns = ["id", "kind", "finished", "size_bytes", "restorable_from", "restorable_to"]
    return table(data["backups"], columns, empty="no backups")
