"""The work behind ``host start``: everything back, as after a reboot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tenantry.cli.render.progress import Progress
from tenantry.cli.wiring import Wiring
from tenantry.errors import Problem, TenantryError
from tenantry.model.lifecycle import State
from tenantry.model.spec import TargetKind
from tenantry.ports import Event, Instance
from tenantry.result import Outcome, Result

__all__ = ["started"]

_RUN = frozenset({State.PROVISIONING, State.ACTIVE, State.SUSPENDED})


def started(workspace: Path | None) -> Result:
    """Apply every instance of this host anew; one failure does not stop the others."""
    wiring = Wiring(workspace)
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    with Progress() as progress:
        services = wiring.services(progress)
        for instance in wiring.register.instances():
            if not _is_here(instance, wiring) or instance.state not in _RUN:
                continue
            progress(Event(text=f"starting {instance.name}"))
            try:
                with wiring.register.lease(
                    instance, kind="start", person=services.person, reason="host start"
                ) as lease:
                    services.target.apply(services.request(instance), lease, progress)
                rows.append({"name": instance.name, "outcome": "up"})
            except TenantryError as error:
                rows.append({"name": instance.name, "outcome": "failed"})
                problems += error.problems
    return Result(
        command="host start",
        data={"instances": rows},
        outcome=Outcome.NO if problems else Outcome.OK,
        problems=tuple(problems),
        exit_code=1 if problems else 0,
    )


def _is_here(instance: Instance, wiring: Wiring) -> bool:
    """Say whether an instance lives on this machine; what is on Azure runs by itself."""
    return instance.target == TargetKind.HOST and instance.host == wiring.workspace.host_name
