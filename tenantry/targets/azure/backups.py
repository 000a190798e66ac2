"""Backups of the database, through the server's own backups API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES
from tenantry.model.status import BackupRecord
from tenantry.ports import Event, Lease, OnEvent

__all__ = ["back_up", "delete_asked_for", "is_copied", "is_there", "listed"]

_VERSION: Final = TYPES["azure-native:dbforpostgresql:Server"].version
_ASKED_FOR: Final = "Customer On-Demand"


def back_up(
    arm: Arm, server_id: str, *, now: datetime, lease: Lease, on_event: OnEvent
) -> Sequence[BackupRecord]:
    """Ask for an on-demand backup; return its record."""
    lease.check()
    name = f"tenantry-{now:%Y%m%d%H%M%S}"
    on_event(Event(text="on-demand backup of the database"))
    lease.intent(f"backup {name}")
    made = arm.put(f"{server_id}/backups/{name}", _VERSION, {})
    return [_record(made, days=_retention(arm, server_id))]


def delete_asked_for(arm: Arm, server_id: str, on_event: OnEvent) -> None:
    """Delete the backups that somebody asked for. Automatic ones nobody can delete: they go with the server.

    So does one that Azure does not let go of now.
    """
    for one in arm.list(f"{server_id}/backups", _VERSION):
        if (one.get("properties") or {}).get("backupType") != _ASKED_FOR:
            continue
        on_event(Event(text=f"deleting the backup {one['name']}"))
        try:
            arm.delete(f"{server_id}/backups/{one['name']}", _VERSION)
        except TenantryError as error:
            on_event(Event(text=f"the backup {one['name']} goes with the server: {error.message}"))


def listed(arm: Reads, server_id: str) -> Sequence[BackupRecord]:
    """Return every backup that is there to be restored, newest first; none while there is no server."""
    days = _retention(arm, server_id)
    found = [_record(one, days=days) for one in _finished(arm, server_id)]
    return sorted(found, key=lambda one: one.finished, reverse=True)


def is_there(arm: Reads, server_id: str) -> bool:
    """Say whether the server has a backup."""
    return bool(_finished(arm, server_id))


def is_copied(server: Mapping[str, Any]) -> bool:
    """Say whether a server's backups have a copy in the pair of its region."""
    return _settings(server).get("geoRedundantBackup") == "Enabled"


def _finished(arm: Reads, server_id: str) -> Sequence[Mapping[str, Any]]:
    """Return those that a server lists, without one that is being taken: it has no time of its end yet."""
    listed = arm.list(f"{server_id}/backups", _VERSION)
    return [one for one in listed if (one.get("properties") or {}).get("completedTime")]


def _retention(arm: Reads, server_id: str) -> int:
    return int(_settings(arm.get(server_id, _VERSION) or {}).get("backupRetentionDays") or 0)


def _settings(server: Mapping[str, Any]) -> Mapping[str, Any]:
    return (server.get("properties") or {}).get("backup") or {}


def _record(one: Mapping[str, Any], *, days: int) -> BackupRecord:
    properties = one.get("properties") or {}
    finished = datetime.fromisoformat(str(properties["completedTime"]))
    return BackupRecord(
        id=str(one["name"]),
        kind="full",
        started=finished,  # Azure tells the end only
        finished=finished,
        size_bytes=0,  # and no size
        restorable_from=finished,
        restorable_to=finished + timedelta(days=days) if days else None,
        detail={"source": str(properties.get("source") or properties.get("backupType") or "")},
    )
