"""The work behind suspend, resume, logs and exec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tenantry.cli.render.progress import Progress
from tenantry.cli.signals import stop_politely
from tenantry.cli.wiring import Wiring
from tenantry.errors import UsageError
from tenantry.journeys import observe
from tenantry.journeys import suspend as journeys
from tenantry.journeys.execute import execute
from tenantry.result import Outcome, Result

__all__ = ["executed", "insist", "moved", "read_logs"]


def moved(name: str, *, resume: bool, reason: str, workspace: Path | None) -> Result:
    """Suspend or resume an instance."""
    wiring = Wiring(workspace)
    instance = wiring.workable(name)
    journey = journeys.resume if resume else journeys.suspend
    with Progress() as progress, stop_politely(wiring, name):
        after = journey(instance, services=wiring.services(progress), reason=reason)
    verb = "resume" if resume else "suspend"
    return Result(command=f"instance {verb}", data={"name": name, "state": after.state})


def read_logs(name: str, *, process: str, lines: int, reason: str, workspace: Path | None) -> Result:
    """Read the last lines of a log."""
    wiring = Wiring(workspace)
    instance = wiring.workable(name)
    insist(reason)
    text = observe.logs(instance, services=wiring.services(), process=process, lines=lines, reason=reason)
    return Result(command="instance logs", data={"name": name, "lines": list(text)})


def executed(name: str, *, command: Sequence[str], reason: str, workspace: Path | None) -> Result:
    """Run a command as the instance."""
    wiring = Wiring(workspace)
    instance = wiring.workable(name)
    insist(reason)
    if command[0] == "--":  # typer leaves it in when it stands after NAME
        command = command[1:]
    if not command:
        raise UsageError("there is no command after --", hint="see tenantry instance exec --help")
    progress = Progress()  # no live line: the terminal is the command's
    with stop_politely(wiring, name):
        code = execute(instance, command, services=wiring.services(progress), reason=reason)
    return Result(
        command="instance exec",
        data={"exit_code": code},
        outcome=Outcome.OK if code == 0 else Outcome.NO,
        exit_code=code,
    )


def insist(reason: str) -> None:
    """Raise UsageError where nobody says why."""
    if not reason.strip():
        raise UsageError("--reason is empty", hint="say why you look; it goes to the journal")
