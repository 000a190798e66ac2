"""``tenantry operation``: what runs or ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tenantry.cli.options import Output, OutputOption, WorkspaceOption
from tenantry.cli.render.table import details, table
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["app"]

app = typer.Typer(help="What runs or ran, and stopping it.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="OPERATION", help="For example op-x7k2m9q4tz.")]


@app.command("list")
def list_operations(
    instance: Annotated[str, typer.Option(help="Only this instance's.")] = "",
    running: Annotated[bool, typer.Option("--running", help="Only those that have not ended.")] = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List operations, newest first.

    \b
    Example: tenantry operation list --running
    """

    def work() -> Result:
        from tenantry.cli.operations import listed

        return listed(instance=instance, running=running, workspace=workspace)

    execute("operation list", output=output, work=work, table=_rows)


@app.command()
def show(
    operation: IdArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show an operation and its steps.

    \b
    Example: tenantry operation show op-x7k2m9q4tz
    """

    def work() -> Result:
        from tenantry.cli.operations import shown

        return shown(operation, workspace=workspace)

    execute("operation show", output=output, work=work, table=_one)


@app.command()
def attach(
    operation: IdArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Follow a running operation until it ends; exits 1 when it did not end well.

    \b
    Example: tenantry operation attach op-x7k2m9q4tz
    """

    def work() -> Result:
        from tenantry.cli.operations import attached

        return attached(operation, workspace=workspace)

    execute("operation attach", output=output, work=work, table=_one)


@app.command()
def cancel(
    operation: IdArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Ask a running operation to stop after its present step.

    \b
    Example: tenantry operation cancel op-x7k2m9q4tz
    """

    def work() -> Result:
        from tenantry.cli.operations import cancelled

        return cancelled(operation, workspace=workspace)

    execute("operation cancel", output=output, work=work, table=_one)


def _rows(data: Mapping[str, Any]) -> str:
    columns = ["id", "kind", "instance", "outcome", "person", "started_at", "ended_at", "detail"]
    return table(data["operations"], columns, empty="no operations")


def _one(data: Mapping[str, Any]) -> str:
    names = ["id", "kind", "instance", "outcome", "person", "reason", "host", "pid"]
    head = details([(name, data[name]) for name in [*names, "started_at", "ended_at", "detail"]])
    return head + "\n\n" + table(data["steps"], ["at", "kind", "text"], empty="no steps")
