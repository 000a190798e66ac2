"""``tenantry instance``: make, operate and look at instances."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantry.cli.options import NameArgument, Output, OutputOption, ReasonOption, WorkspaceOption
from tenantry.cli.render import instances as render
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["app"]

app = typer.Typer(help="Make, operate and look at instances.", no_args_is_help=True)

NamesArgument = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Instances.")]


@app.command()
def new(
    name: NameArgument,
    client_name: Annotated[str, typer.Option("--client", help="The client's full name.")] = "",
    country: Annotated[str, typer.Option(help="ISO 3166-1 alpha-2 code.")] = "",
    contact: Annotated[str, typer.Option(help="An e-mail address that is read.")] = "",
    agreement: Annotated[str, typer.Option(help="Reference of the agreement.")] = "",
    hostname: Annotated[
        str, typer.Option(help="Host name of the instance; on Azure it may be left out.")
    ] = "",
    profile: Annotated[str, typer.Option(help="Workload profile.")] = "",
    size: Annotated[str, typer.Option(help="small, medium or large.")] = "small",
    target: Annotated[str, typer.Option(help="host: this machine; or azure.")] = "",
    region: Annotated[str, typer.Option(help="Azure's region: tenantry region list.")] = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write a commented spec to instances/NAME.yaml.

    Asks for what is missing when it runs on a terminal.

    \b
    Examples: tenantry instance new benin --country BJ --profile registrations
              tenantry instance new kenya --country KE --region southafricanorth
    """
    given = {
        "client": client_name,
        "country": country,
        "contact": contact,
        "agreement": agreement,
        "hostname": hostname,
        "profile": profile,
        "size": size,
        "target": target or ("azure" if region else "host"),
        "region": region,
    }

    def work() -> Result:
        from tenantry.cli.creating import new_spec

        return new_spec(name, given=given, workspace=workspace)

    execute("instance new", output=output, work=work, table=render.written)


@app.command()
def preview(
    name: NameArgument,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 when something would change.")
    ] = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what a deploy would change; nothing is changed.

    \b
    Example: tenantry instance preview benin --exit-code
    """

    def work() -> Result:
        from tenantry.cli.deploying import preview_instance

        return preview_instance(name, exit_code=exit_code, workspace=workspace)

    execute("instance preview", output=output, work=work, table=render.previewed)


@app.command()
def deploy(
    names: NamesArgument = None,
    all_specs: Annotated[bool, typer.Option("--all", help="Every spec of the workspace.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="So many at once.")] = 2,
    reason: ReasonOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make instances what their specs ask for, with a first backup, and look that they are well.

    A run that was stopped is finished by the same command. With several names,
    one failure does not stop the others. On Azure azure.at_once in tenantry.yaml
    limits, beside --jobs, how many are deployed at once per subscription and region.

    \b
    Examples: tenantry instance deploy benin
              tenantry instance deploy --all --jobs 4
    """

    def work() -> Result:
        from tenantry.cli.deploying import deploy_instances

        return deploy_instances(
            names or [], all_specs=all_specs, jobs=jobs, reason=reason, workspace=workspace
        )

    execute("instance deploy", output=output, work=work, table=render.deployed)


@app.command("list")
def list_instances(
    state: Annotated[str, typer.Option(help="Only instances in this state.")] = "",
    unhealthy: Annotated[bool, typer.Option("--unhealthy", help="Only those last seen not well.")] = False,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the instances, as they were last observed.

    \b
    Example: tenantry instance list --state active --unhealthy
    """

    def work() -> Result:
        from tenantry.cli.looking import listed

        return listed(state=state, unhealthy=unhealthy, workspace=workspace)

    execute("instance list", output=output, work=work, table=render.listed)


@app.command()
def show(name: NameArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show one instance, as it was last observed.

    \b
    Example: tenantry instance show benin --output json
    """

    def work() -> Result:
        from tenantry.cli.looking import shown

        return shown(name, workspace=workspace)

    execute("instance show", output=output, work=work, table=render.shown)


@app.command()
def health(
    names: NamesArgument = None,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Look at instances now. Exits 1 when a condition is False or Unknown.

    \b
    Example: tenantry instance health benin
    """

    def work() -> Result:
        from tenantry.cli.looking import looked_at

        return looked_at(names or [], workspace=workspace)

    execute("instance health", output=output, work=work, table=render.health)


@app.command()
def drift(name: NameArgument, workspace: WorkspaceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show what was changed by hand since the last deploy. Exits 1 when there is any.

    \b
    Example: tenantry instance drift benin
    """

    def work() -> Result:
        from tenantry.cli.looking import drifted

        return drifted(name, workspace=workspace)

    execute("instance drift", output=output, work=work, table=render.changes)


@app.command()
def suspend(
    name: NameArgument,
    reason: ReasonOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Stop the workload. Database, backups and health checks go on.

    \b
    Example: tenantry instance suspend benin --reason "client asked on the phone"
    """

    def work() -> Result:
        from tenantry.cli.operating import moved

        return moved(name, resume=False, reason=reason, workspace=workspace)

    execute("instance suspend", output=output, work=work, table=render.moved)


@app.command()
def resume(
    name: NameArgument,
    reason: ReasonOption = "",
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start a suspended workload again.

    \b
    Example: tenantry instance resume benin
    """

    def work() -> Result:
        from tenantry.cli.operating import moved

        return moved(name, resume=True, reason=reason, workspace=workspace)

    execute("instance resume", output=output, work=work, table=render.moved)


@app.command()
def logs(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why you read it; journaled.")],
    process: Annotated[str, typer.Option(help="Only this process. [default: all]", show_default=False)] = "",
    lines: Annotated[int, typer.Option(min=1, max=100_000, help="The last so many lines.")] = 100,
    workspace: WorkspaceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the last lines of an instance's logs. Who looked and why goes to the journal.

    \b
    Example: tenantry instance logs benin --process web --reason "ticket 118"
    """

    def work() -> Result:
        from tenantry.cli.operating import read_logs

        return read_logs(name, process=process, lines=lines, reason=reason, workspace=workspace)

    execute("instance logs", output=output, work=work, table=render.log_lines)


@app.command(context_settings={"allow_interspersed_args": False})
def exec(  # noqa: A001 - the verb's name on the command line
    name: NameArgument,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="What to run.")],
    reason: Annotated[str, typer.Option("--reason", help="Why you enter; journaled.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Run a command as the instance, in its environment; its exit code is this one's.

    On Azure it runs on this machine, which the database lets in meanwhile.
    Options stand before NAME. Who entered and why goes to the journal.

    \b
    Example: tenantry instance exec --reason "ticket 118" benin -- node --version
    """

    def work() -> Result:
        from tenantry.cli.operating import executed

        return executed(name, command=command, reason=reason, workspace=workspace)

    execute("instance exec", output=Output.TABLE, work=work, table=render.nothing)
