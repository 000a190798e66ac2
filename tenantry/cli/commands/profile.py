"""``tenantry profile``: workload profiles."""

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

app = typer.Typer(help="Workload profiles: what runs in an instance.", no_args_is_help=True)


@app.command("list")
def list_profiles(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """List the profiles that a spec may name.

    \b
    Example: tenantry profile list
    """
    execute("profile list", output=output, work=lambda: _listed(workspace), table=_table)


@app.command()
def validate(
    name: Annotated[str, typer.Argument(help="A profile's name.")],
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check a profile. Exits 65 when something is wrong.

    \b
    Example: tenantry profile validate registrations
    """
    execute(
        "profile validate",
        output=output,
        work=lambda: _validated(name, workspace),
        table=lambda data: f"{data['name']} {data['version']} is valid",
    )


@app.command()
def schema(output: OutputOption = Output.TABLE) -> None:
    """Print the JSON Schema of profiles.

    \b
    Example: tenantry profile schema > profile.schema.json
    """
    execute(
        "profile schema",
        output=output,
        work=_schema,
        table=lambda data: json.dumps(data, indent=2, ensure_ascii=False),
    )


def _schema() -> Result:
    from tenantry.config.schema import schema as schema_of

    return Result(command="profile schema", data=schema_of("profile"))


def _listed(workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring
    from tenantry.config.profile import list_profiles as found

    rows = [{"origin": one.origin, **_row(one.name, one.path)} for one in found(Wiring(workspace).workspace)]
    return Result(command="profile list", data={"profiles": rows})


def _row(name: str, path: Path) -> dict[str, Any]:
    from tenantry.config.profile import read_profile
    from tenantry.errors import SpecError

    try:
        one = read_profile(path)
    except SpecError as error:  # one that is broken must not hide the others
        return {"name": name, "version": "", "services": [], "description": f"broken: {error.message}"}
    return {
        "name": name,
        "version": one.version,
        "services": sorted(one.services),
        "description": one.description,
    }


def _validated(name: str, workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring
    from tenantry.config.profile import load_profile

    profile = load_profile(name, workspace=Wiring(workspace).workspace)
    return Result(command="profile validate", data={"name": profile.name, "version": profile.version})


def _table(data: Mapping[str, Any]) -> str:
    return table(data["profiles"], ["name", "version", "origin", "services", "description"])
