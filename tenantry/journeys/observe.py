"""Look at an instance: health, drift, logs. Nothing is changed but the record of the look."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.journeys.services import Services
from tenantry.model.status import Change, ChangeKind, Condition
from tenantry.ports import Instance

__all__ = ["drift", "health", "logs"]


def health(instance: Instance, *, services: Services) -> Sequence[Condition]:
    """Probe an instance and record what was seen."""
    conditions = services.target.probe(services.request(instance))
    services.register.observe(instance.name, conditions, at=services.clock.now())
    return conditions


def drift(instance: Instance, *, services: Services) -> Sequence[Change]:
    """Return what differs, from a fresh look, from what the last deploy made."""
    changes = services.target.drift(services.request(instance), services.on_event)
    return [change for change in changes if change.kind is not ChangeKind.SAME]


def logs(instance: Instance, *, services: Services, process: str, lines: int, reason: str) -> Sequence[str]:
    """Return the last lines of a log. Who asked and why is journaled first: logs may hold personal data."""
    services.note_access(instance, f"read the log of {process or 'all processes'}", reason)
    return services.target.logs(services.request(instance), process=process, lines=lines)
