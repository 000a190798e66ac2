"""``tenantry journal``: the append-only log of what was intended and observed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tenantry.cli.options import Output, OutputOption, WorkspaceOption
from tenantry.cli.render.table import table
from tenantry.cli.run import execute
from tenantry.errors import Problem
from tenantry.result import Outcome, Result

__all__ = ["app"]

app = typer.Typer(help="Read and verify the journal.", no_args_is_help=True)


@app.command()
def show(
    instance: Annotated[str, typer.Option(help="Only this instance's lines.")] = "",
    lines: Annotated[int, typer.Option(min=1, help="The last so many lines.")] = 50,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the last lines of the journal.

    \b
    Example: tenantry journal show --instance benin
    """
    execute(
        "journal show",
        output=output,
        work=lambda: _shown(instance, lines=lines, workspace=workspace),
        table=_table,
    )


@app.command()
def verify(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Check the chain of digests over the whole journal. Exits 1 when it does not hold.

    \b
    Example: tenantry journal verify
    """
    execute("journal verify", output=output, work=lambda: _verified(workspace), table=_verdict)


def _shown(instance: str, *, lines: int, workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring

    register = Wiring(workspace).register
    found = register.find(instance) if instance else None
    opaque = found.opaque if found else (instance or None)
    rows = [
        {
            "seq": one.seq,
            "at": one.at,
            "kind": one.kind,
            "instance": one.instance,
            "operation": one.operation,
            "text": one.text,
            "digest": one.digest,
            "chain": one.chain,
        }
        for one in register.journal(opaque)
    ]
    return Result(command="journal show", data={"lines": rows[-lines:]})


def _verified(workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring

    register = Wiring(workspace).register
    wrong = list(register.verify_journal())
    problems = tuple(
        Problem(
            code="journal-broken",
            message=one,
            hint="keep a copy of the register and find out who wrote to it",
        )
        for one in wrong
    )
    return Result(
        command="journal verify",
        data={"lines": len(register.journal()), "wrong": wrong},
        outcome=Outcome.NO if wrong else Outcome.OK,
        problems=problems,
        exit_code=1 if wrong else 0,
    )


def _table(data: Mapping[str, Any]) -> str:
    return table(data["lines"], ["seq", "at", "kind", "instance", "text"], empty="the journal is empty")


def _verdict(data: Mapping[str, Any]) -> str:
    return f"{data['lines']} lines, " + ("the chain holds" if not data["wrong"] else "the chain is broken")
