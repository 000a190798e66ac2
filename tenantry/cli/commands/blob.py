"""``tenantry blob``: the files that a workload keeps as blobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tenantry.cli.options import (
    ConfirmOption,
    NameArgument,
    Output,
    OutputOption,
    WorkspaceOption,
)
from tenantry.cli.render.table import REHEARSAL, cell, table
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["app"]

app = typer.Typer(
    help="List, read and delete the files that a workload keeps as blobs.", no_args_is_help=True
)

WhyOption = Annotated[str, typer.Option("--reason", help="Why you look; journaled.")]
ContainerArgument = Annotated[str, typer.Argument(metavar="CONTAINER", help="The container's name.")]
BlobArgument = Annotated[str, typer.Argument(metavar="BLOB", help="The blob's whole name.")]


@app.command("list")
def list_blobs(
    name: NameArgument,
    reason: WhyOption,
    container: Annotated[
        str, typer.Argument(metavar="[CONTAINER]", help="Only this container's.", show_default=False)
    ] = "",
    prefix: Annotated[str, typer.Option(help="Only names that begin so.", show_default=False)] = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List blobs. Who looked and why goes to the journal.

    The account lets this machine in meanwhile, and nobody else works on the instance.

    \b
    Example: tenantry blob list lesotho attachments --reason "ticket 118"
    """

    def work() -> Result:
        from tenantry.cli.blobs import listed

        return listed(name, container, prefix=prefix, reason=reason, workspace=workspace)

    execute("blob list", output=output, work=work, table=_listed)


@app.command()
def read(
    name: NameArgument,
    container: ContainerArgument,
    blob: BlobArgument,
    reason: WhyOption,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new file. [default: standard output]", show_default=False),
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Write a blob to standard output, its bytes and nothing else.

    \b
    Example: tenantry blob read lesotho uploads a.pdf --reason "ticket 118" >a.pdf
    """

    def work() -> Result:
        from tenantry.cli.blobs import read as work_of_it

        return work_of_it(name, container, blob, to=to, reason=reason, workspace=workspace)

    execute("blob read", output=Output.TABLE, work=work, table=lambda _: "")


@app.command()
def delete(
    name: NameArgument,
    container: ContainerArgument,
    blob: BlobArgument,
    reason: WhyOption,
    confirm: ConfirmOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Delete a blob, and say until when Azure keeps it. Without --confirm it only shows that.

    \b
    Example: tenantry blob delete lesotho uploads a.pdf --reason "ticket 118"
    """

    def work() -> Result:
        from tenantry.cli.blobs import deleted

        return deleted(name, container, blob, confirm=confirm, reason=reason, workspace=workspace)

    execute("blob delete", output=output, work=work, table=_deleted)


def _listed(data: Mapping[str, Any]) -> str:
    return table(data["blobs"], ["container", "blob", "size_bytes", "changed", "type"], empty="no blobs")


def _deleted(data: Mapping[str, Any]) -> str:
    what = f"{data['blob']} of the container {data['container']}"
    if not data["deleted"]:
        return f"would delete {what}"
    until = data["recoverable_until"]
    kept = f"it can be recovered until {cell(until)} UTC" if until else "nothing of it is kept"
    if data["versions_kept"]:
        kept = f"earlier versions of it are kept: {data['versions_kept']}" + (f"; {kept}" if until else "")
    mark = f" ({REHEARSAL})" if data["rehearsal"] else ""
    return f"deleted {what}{mark}; {kept}"
