"""``tenantry init`` and ``tenantry doctor``: the workspace and the machine under it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tenantry.cli.options import Output, OutputOption, WorkspaceOption
from tenantry.cli.render.table import details, table
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands that have no noun."""
    app.command()(init)
    app.command()(doctor)


def init(
    organisation: Annotated[str, typer.Option(help="Your organisation's name.")] = "",
    contact: Annotated[str, typer.Option(help="An e-mail address of your team.")] = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Set up a workspace: tenantry.yaml, the register, and the master key if there is none.

    What is there already stays as it is.

    \b
    Example: tenantry init --workspace fleet --organisation "Example Red Cross"
    """

    def work() -> Result:
        from tenantry.cli.creating import init_workspace

        return init_workspace(workspace, organisation=organisation, contact=contact)

    execute("init", output=output, work=work, table=_told)


def doctor(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Look whether this machine and workspace have what tenantry needs. Exits 1 if not.

    \b
    Example: tenantry doctor
    """

    def work() -> Result:
        from tenantry.cli.doctor import examined

        return examined(workspace)

    execute("doctor", output=output, work=work, table=_checks)


def _told(data: Mapping[str, Any]) -> str:
    head = details([("workspace", data["workspace"]), ("master key", data["master_key_file"])])
    return "\n".join([head, "", *data["advice"]])


def _checks(data: Mapping[str, Any]) -> str:
    return table(data["checks"], ["check", "ok", "found", "next"])
