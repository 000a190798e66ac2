"""``tenantry tick``: do what is due; safe to repeat, made for cron or a timer."""

from __future__ import annotations

import typer

from tenantry.cli.options import Output, OutputOption, WorkspaceOption
from tenantry.cli.render import erasure as render
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tick)


def tick(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Do what is due: look again for what is kept of erased instances.

    Safe to repeat; run it once a day from cron or a systemd timer. It says
    "nothing recoverable" of an instance only when every list was read and was empty.

    \b
    Example: tenantry tick
    """

    def work() -> Result:
        from tenantry.cli.erasing import tick as look_again

        return look_again(workspace=workspace)

    execute("tick", output=output, work=work, table=render.ticked)
