"""A command with an instance's environment, on the operator's machine, over the private way in (ADR 0015).

It reaches the database as the workload does: with the application's login and
rights. What else is private, a cache or blobs, it does not reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tenantry.adapters import tools
from tenantry.components.azure.props import APP_PASSWORD, APP_ROLE, AzureProps
from tenantry.errors import FailedError, Problem
from tenantry.model.profile import Profile, Service
from tenantry.ports import Hold, OnEvent
from tenantry.targets import terminal
from tenantry.targets.azure import deploying, way_in
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.way_to_database import ToDatabase

__all__ = ["execute", "planned"]

_HOME: Final = "/nonexistent"  # no history of what was typed stays on this machine


def planned(profile: Profile, command: Sequence[str]) -> tuple[list[str], Path]:
    """Return what is run, and where: in the package's folder, the runtime by its path.

    Raises:
        UnavailableError: there is no such program, or no such runtime, on this machine.
    """
    folder = profile.package.folder if profile.package else Path("/")
    argv, runtime = list(command), profile.runtime
    if argv[0] == runtime.name:
        argv[0] = str(tools.find_runtime(runtime.name, runtime.version))
    terminal.check_program(argv[0], folder)
    return argv, folder


def execute(
    clients: Clients,
    props: AzureProps,
    secrets: Mapping[str, str],
    command: Sequence[str],
    *,
    hold: Hold,
    on_event: OnEvent,
) -> int:
    """Run a command on this terminal; return its exit code. Without a database nothing is opened.

    Raises:
        BusyError: another operation holds the instance.
        RefusedError: it was cancelled, and the command was ended.
        UnavailableError: no such program, or the server does not let this machine in.
        FailedError: somebody else locked the server, or afterwards it is open, or may
            be; the command's own exit code is told beside.
    """
    argv, folder = planned(props.profile, command)
    given = deploying.variables(clients, props, secrets, user=APP_ROLE, password=secrets[APP_PASSWORD])
    environment = {**terminal.base_environment(_HOME), **given}
    if not props.needs(Service.DATABASE):
        return terminal.run(argv, environment=environment, folder=folder)
    server = deploying.server_id(props.subscription_id, props.names)
    way = ToDatabase(clients.arm, server, deploying.door(clients, props))
    code: int | None = None
    try:
        with hold() as lease, way_in.opened(way, lease, on_event):
            lease.check()
            lease.intent(f"run {Path(argv[0]).name} with the instance's environment")
            code = terminal.run(argv, environment=environment, folder=folder, watch=lease.check)
            lease.evidence(f"it ended with {code}")
    except FailedError as error:
        if code is None:
            raise
        ended = Problem(code="command-ended", message=f"the command itself ended with {code}")
        raise FailedError(problems=[*error.problems, ended], code=error.code) from None
    return code
