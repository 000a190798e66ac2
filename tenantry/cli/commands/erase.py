"""``tenantry erase``: take an instance away so that nothing can be recovered, and prove it."""

from __future__ import annotations

import typer

from tenantry.cli.options import (
    ConfirmOption,
    NameArgument,
    Output,
    OutputOption,
    ReasonOption,
    WorkspaceOption,
)
from tenantry.cli.render import erasure as render
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["app"]

app = typer.Typer(help="Erase an instance, with proof.", no_args_is_help=True)


@app.command()
def run(
    name: NameArgument,
    confirm: ConfirmOption = "",
    reason: ReasonOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Erase an instance irreversibly, then look whether anything is left.

    Without --confirm it only shows what would be erased. A run that was
    stopped is finished by the same command; after the end it proves again.

    \b
    Example: tenantry erase run benin --confirm benin --reason "agreement ended"
    """

    def work() -> Result:
        from tenantry.cli.erasing import erase_instance

        return erase_instance(name, confirm=confirm, reason=reason, workspace=workspace)

    execute("erase run", output=output, work=work, table=render.erased)


@app.command()
def status(
    name: NameArgument,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what of an erased instance could still be recovered, and until when.

    \b
    Example: tenantry erase status benin
    """

    def work() -> Result:
        from tenantry.cli.erasing import residue_status

        return residue_status(name, workspace=workspace)

    execute("erase status", output=output, work=work, table=render.status)
