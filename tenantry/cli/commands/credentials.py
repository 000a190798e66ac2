"""``tenantry credentials``: the secrets of an instance."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tenantry.cli.options import NameArgument, Output, OutputOption, WorkspaceOption
from tenantry.cli.render.table import table
from tenantry.cli.run import execute
from tenantry.errors import SpecError, UsageError
from tenantry.result import Result

__all__ = ["app"]

app = typer.Typer(help="The secrets of an instance.", no_args_is_help=True)

_LONGEST = 64 * 1024  # bytes of one secret

SecretArgument = Annotated[str, typer.Argument(metavar="SECRET", help="The secret's name.")]


@app.command("list")
def list_names(
    name: NameArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE
) -> None:
    """List the names of the secrets; no values.

    \b
    Example: tenantry credentials list benin
    """
    execute("credentials list", output=output, work=lambda: _listed(name, workspace), table=_names)


@app.command()
def show(
    name: NameArgument,
    secret: SecretArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why you need it; journaled.")],
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one secret. Who was shown it and why goes to the journal.

    \b
    Example: tenantry credentials show benin ADMIN_PASSWORD --reason "handover"
    """
    execute(
        "credentials show",
        output=output,
        work=lambda: _shown(name, secret, reason=reason, workspace=workspace),
        table=lambda data: str(data["value"]),
    )


@app.command("set")
def set_secret(
    name: NameArgument,
    secret: SecretArgument,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Read it from this file. [default: standard input]", show_default=False),
    ] = None,
    expires: Annotated[str, typer.Option(help="The day it expires, YYYY-MM-DD.")] = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Store a secret of the client's or the organisation's, from a file or standard input.

    The workload gets it at the next deploy.

    \b
    Example: tenantry credentials set benin SMS_TOKEN --file token.txt
    """
    execute(
        "credentials set",
        output=output,
        work=lambda: _set(name, secret, file=file, expires=expires, workspace=workspace),
        table=lambda data: f"{data['secret']} of {data['name']} is stored; next: {data['next']}",
    )


def _listed(name: str, workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring
    from tenantry.journeys.credentials import names

    wiring = Wiring(workspace)
    rows = [
        {"name": one, "expires": expires}
        for one, expires in names(wiring.existing(name), services=wiring.services())
    ]
    return Result(command="credentials list", data={"name": name, "credentials": rows})


def _shown(name: str, secret: str, *, reason: str, workspace: Path | None) -> Result:
    from tenantry.cli.wiring import Wiring
    from tenantry.journeys.credentials import show

    if not reason.strip():
        raise UsageError("--reason is empty", hint="say why you need it; it goes to the journal")
    wiring = Wiring(workspace)
    value = show(wiring.existing(name), secret, services=wiring.services(), reason=reason)
    return Result(command="credentials show", data={"name": name, "secret": secret, "value": value})


def _set(name: str, secret: str, *, file: Path | None, expires: str, workspace: Path | None) -> Result:
    from datetime import date

    from tenantry.cli.wiring import Wiring
    from tenantry.journeys.credentials import check, put

    if expires:
        try:
            expires = date.fromisoformat(expires).isoformat()
        except ValueError as error:
            raise UsageError(f"--expires {expires} is not a day", hint="write YYYY-MM-DD") from error
    wiring = Wiring(workspace)
    spec, profile = wiring.spec(name)
    value = _read(file)
    check(secret, value, profile=profile)  # what is refused leaves no trace
    instance = wiring.adder(spec, profile)()  # a secret may be there before the first deploy
    put(instance, secret, value, profile=profile, services=wiring.services(), expires=expires)
    after = f"tenantry instance deploy {name}"
    return Result(command="credentials set", data={"name": name, "secret": secret, "next": after})


def _read(file: Path | None) -> str:
    """Read a secret; one newline at its end, which editors add, is not part of it."""
    if file is None and sys.stdin.isatty():
        import getpass

        return getpass.getpass("value (not shown): ")
    try:
        data = _beginning(file)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        place = "standard input" if file is None else str(file)
        raise SpecError(f"the secret cannot be read from {place}", code="unreadable") from error
    if len(data) > _LONGEST:
        raise SpecError(f"the secret is longer than {_LONGEST} bytes", code="too-long")
    return text.removesuffix("\n").removesuffix("\r")


def _beginning(file: Path | None) -> bytes:
    """Read no more than it takes to see that a secret is too long."""
    if file is None:
        return sys.stdin.buffer.read(_LONGEST + 1)
    with file.open("rb") as opened:
        return opened.read(_LONGEST + 1)


def _names(data: Mapping[str, Any]) -> str:
    return table(data["credentials"], ["name", "expires"], empty="no secrets")
