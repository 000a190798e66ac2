"""Migration and bootstrap: run on the operator's machine over the private way in, proved by a query."""

from __future__ import annotations

from collections.abc import Mapping

from tenantry.adapters import tools
from tenantry.components.azure.props import AzureProps
from tenantry.errors import FailedError
from tenantry.model.profile import OneOff
from tenantry.ports import Event, Lease, OnEvent
from tenantry.providers.host.executor import Executor
from tenantry.targets.azure.database import Door, proof_holds

__all__ = ["run"]


def run(
    name: str,
    task: OneOff,
    *,
    props: AzureProps,
    environment: Mapping[str, str],
    door: Door,
    lease: Lease,
    on_event: OnEvent,
) -> None:
    """Run a command unless its proof holds already.

    Raises:
        FailedError: the command failed, or the proof does not hold afterwards.
        UnavailableError: its time limit passed, or its runtime is not on this machine.
    """
    if not task.command or (task.proof and proof_holds(door, task.proof)):
        return
    folder = props.profile.package.folder if props.profile.package else None
    if folder is None:
        raise FailedError(f"{name} has a command, and the profile no package", code="no-package")
    on_event(Event(text=name))
    lease.intent(f"run {name}")
    runtime = props.profile.runtime
    program = tools.find_runtime(runtime.name, runtime.version)
    Executor().run(
        [str(program), *task.command[1:]] if task.command[0] == runtime.name else list(task.command),
        uid=0,  # root keeps none of its further groups; for anybody else it is no change
        env=dict(environment),
        cwd=folder,
        timeout=float(task.timeout_seconds),
    )
    if task.proof and not proof_holds(door, task.proof):
        raise FailedError(
            f"the {name} ended well, but its proof does not hold",
            hint="look at the command and at its proof in the workload profile",
            code="not-proved",
        )
    lease.evidence(f"{name}: its proof holds")
