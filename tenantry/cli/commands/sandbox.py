"""``tenantry sandbox``: an Azure on this machine, to rehearse on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tenantry.cli.options import Output, OutputOption, WorkspaceOption
from tenantry.cli.render.table import details, table
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["app"]

app = typer.Typer(help="An Azure on this machine, to rehearse on.", no_args_is_help=True)


@app.command()
def start(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Start the workspace's sandbox; what it held when it was stopped is there again.

    \b
    Example: tenantry sandbox start
    """

    def work() -> Result:
        from tenantry.cli.sandboxing import started

        return started(workspace)

    execute("sandbox start", output=output, work=work, table=_one)


@app.command()
def stop(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """End every process of the sandbox; what it holds stays for the next start.

    \b
    Example: tenantry sandbox stop
    """

    def work() -> Result:
        from tenantry.cli.sandboxing import stopped

        return stopped(workspace)

    execute("sandbox stop", output=output, work=work, table=_one)


@app.command()
def status(workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show whether the sandbox runs, where clients reach it, and what it holds.

    \b
    Example: tenantry sandbox status --output json
    """

    def work() -> Result:
        from tenantry.cli.sandboxing import status as told

        return told(workspace)

    execute("sandbox status", output=output, work=work, table=_one)


@app.command()
def reset(
    confirm: Annotated[
        str,
        typer.Option(
            "--confirm", metavar="NAME", help="The name of the workspace's folder: do it, irreversibly."
        ),
    ] = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End the sandbox and erase everything in it.

    Without --confirm it only shows what would be erased. A sandbox whose
    files are spoiled is erased, too.

    \b
    Example: tenantry sandbox reset --confirm fleet
    """

    def work() -> Result:
        from tenantry.cli.sandboxing import reset as erased

        return erased(workspace, confirm=confirm)

    execute("sandbox reset", output=output, work=work, table=_reset)


@app.command()
def faults(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What goes wrong; list and clear, too.")],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="[VALUE]...", help="What the kind needs.")
    ] = None,
    match: Annotated[
        str, typer.Option(help="Only requests with this method, or for this type of resource.")
    ] = "",
    times: Annotated[
        str, typer.Option(metavar="N", help="Of code and fail: how often, instead of once.")
    ] = "",
    message: Annotated[
        str, typer.Option(metavar="TEXT", help="Of code and fail: what Azure says beside the code.")
    ] = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let something go wrong, or move the sandbox's clock.

    Servers, regions and types are looked up: one that is not there is refused.

    \b
    time +7d             move the clock (s, m, h, d) and do what is due then
    throttle N           answer N requests with 429 and Retry-After
    error STATUS N       answer N requests with this status, 500 to 599
    lose N               do what N requests ask, then drop the connection
    slow SECONDS         long-running operations last so long
    pace SCALE           writes take as long as on Azure, divided by this
    limits SCALE         Azure's limits of calls, times this
    lag SECONDS          reads, roles and the directory are so far behind writes
    stuck TYPE           operations on this type do not end
    expire               tokens that were given so far end now
    capacity REGION      nothing new is made in this region
    standby REGION       no new database there gets a standby in a second zone
    quota N              a region has no more than N cores of PostgreSQL
    accounts N           a region has no more than N storage accounts
    disk SERVER PERCENT  the server's disk is so full
    policy TYPE          a policy forbids this type
    disabled ID          this subscription is disabled: nothing changes in it
    code CODE TYPE       the next PUT (or --match) of this type is refused so
    fail CODE TYPE       the next one is accepted, and its operation ends so
    list, clear          show what holds; end it

    \b
    Example: tenantry sandbox faults throttle 20 --match PUT
    """

    def work() -> Result:
        from tenantry.cli.sandboxing import faults as done

        return done(workspace, kind, values or [], match=match, times=times, message=message)

    execute(f"sandbox faults {kind}", output=output, work=work, table=_faults)


@app.command()
def dns(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="list, add or remove.")] = "list",
    values: Annotated[
        list[str] | None, typer.Argument(metavar="[VALUE]...", help="What the action needs.")
    ] = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make records in the public DNS, in the place of a client's DNS owner.

    \b
    list                 show them
    add NAME TYPE VALUE  make a record; TYPE is CNAME or TXT
    remove NAME TYPE     take every record of this name and type away

    A name whose CNAME leads to a site is found on this machine.

    \b
    Example: tenantry sandbox dns remove kenya.example.org CNAME
    """

    def work() -> Result:
        from tenantry.cli.sandboxing import dns as done

        return done(workspace, action, values or [])

    execute(f"sandbox dns {action}", output=output, work=work, table=_records)


def _records(data: Mapping[str, Any]) -> str:
    return table(data["records"], ["name", "type", "value"], empty="no records")


def _reset(data: Mapping[str, Any]) -> str:
    if "would_erase" in data:
        head, rows, columns = "Would erase", data["would_erase"], ["id", "detail"]
    else:
        head, rows, columns = "Erased", data["erased"], ["id", "absent", "detail"]
    text = f"{head} the sandbox of {data['name']}:\n" + table(rows, columns, empty="nothing is there")
    counts = _counts(data.get("resources", {}))
    return f"{text}\n\nIt runs, and has:\n{counts}" if counts else text


def _counts(resources: Mapping[str, int]) -> str:
    rows = [{"type": name, "count": count} for name, count in resources.items()]
    return table(rows, ["type", "count"]) if rows else ""


def _one(data: Mapping[str, Any]) -> str:
    names = ["running", "arm", "login", "metadata", "ca_file", "subscription_id", "directory_id", "client_id"]
    more = [one for one in data["subscription_ids"] if one != data["subscription_id"]]
    files = (
        "client_secret_file",
        "certificate_file",
        "token_file",
        "identity_endpoint",
        "identity_header_file",
    )
    rest = [(name, data.get(name)) for name in (*files, "now")]
    head = details(
        [*((name, data.get(name)) for name in names), ("more subscriptions", ", ".join(more)), *rest]
    )
    counts = _counts(data["resources"])
    return f"{head}\n\n{counts}" if counts else head


def _faults(data: Mapping[str, Any]) -> str:
    columns = ["kind", "value", "type", "left", "match"]
    text = table(data["faults"], columns, empty="nothing goes wrong")
    return f"now {data['now']}\n\n{text}" if "now" in data else text
