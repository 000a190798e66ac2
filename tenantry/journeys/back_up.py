"""Take a backup now, and list what there is."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.journeys.services import Services
from tenantry.model.status import BackupRecord
from tenantry.ports import Instance

__all__ = ["back_up", "backups"]


def back_up(instance: Instance, *, services: Services, reason: str) -> Sequence[BackupRecord]:
    """Back up database and folders; return what the repositories then list as new."""
    with services.register.lease(instance, kind="backup", person=services.person, reason=reason) as lease:
        lease.intent(f"{instance.mark}backup of database and folders")
        made = services.target.back_up(services.request(instance), lease, services.on_event)
        lease.evidence("backups: " + ", ".join(b.id for b in made))
        services.register.update(instance.name, last_backup=max(b.finished for b in made))
    return made


def backups(instance: Instance, *, services: Services) -> Sequence[BackupRecord]:
    """Return all backups, newest first, as the repositories list them now."""
    return services.target.backups(services.request(instance))
