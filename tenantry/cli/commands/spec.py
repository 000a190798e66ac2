"""``tenantry spec``: check specs, and the schema for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tenantry.cli.options import Output, OutputOption, WorkspaceOption
from tenantry.cli.render.table import table
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["app"]

app = typer.Typer(help="Check specs; schemas for editors.", no_args_is_help=True)

WhatArgument = Annotated[str, typer.Argument(help="spec, workspace or profile.")]


@app.command()
def validate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Instances. [default: all]")
    ] = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check specs against schema, profile and target, and name secrets that are missing.

    Nothing is changed. Exits 65 when something is wrong.

    \b
    Example: tenantry spec validate benin
    """
    execute("spec validate", output=output, work=lambda: _validated(names or [], workspace), table=_table)


@app.command()
def schema(what: WhatArgument = "spec", output: OutputOption = Output.TABLE) -> None:
    """Print the JSON Schema of specs, of tenantry.yaml or of profiles.

    \b
    Example: tenantry spec schema > spec.schema.json
    """
    execute("spec schema", output=output, work=lambda: _schema(what), table=_document)


def _schema(what: str) -> Result:
    from tenantry.config.schema import schema as schema_of

    return Result(command="spec schema", data=schema_of(what))


def _document(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def _validated(names: list[str], workspace: Path | None) -> Result:
    from tenantry.cli.checking import check_specs

    return check_specs(names, workspace=workspace)


def _table(data: Mapping[str, Any]) -> str:
    return table(data["specs"], ["name", "valid", "problems", "warnings"], empty="no specs")
