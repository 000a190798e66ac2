"""Run a command as an instance. Who did and why is journaled first: it may show personal data."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from tenantry.journeys.services import Services
from tenantry.ports import Instance, Lease

__all__ = ["execute"]


def execute(instance: Instance, command: Sequence[str], *, services: Services, reason: str) -> int:
    """Run a command on this terminal; return its exit code.

    For the journal only the program's name is kept. The instance is held only where the
    target must open something for the command.
    """
    services.note_access(instance, f"ran {command[0]} inside the instance", reason)

    def hold() -> AbstractContextManager[Lease]:
        return services.register.lease(instance, kind="exec", person=services.person, reason=reason)

    return services.target.execute(services.request(instance), command, hold, services.on_event)
