"""Backups as the server lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenantry.targets.azure import backups


class _Manager:
    """Has a server with one backup that is taken, or none, and with one that is being taken."""

    def __init__(self, *taken: str) -> None:
        self.rows: list[dict[str, Any]] = [{"name": "unfinished", "properties": {"backupType": "Full"}}]
        self.rows += [
            {"name": one, "properties": {"completedTime": "2026-11-20T03:00:00+00:00"}} for one in taken
        ]

    def get(self, path: str, version: str, **query: str) -> Any:
        return {"properties": {"backup": {"backupRetentionDays": 7}}}

    def list(self, path: str, version: str, **query: str) -> Sequence[Any]:
        assert path == "server/backups"
        return self.rows


def test_one_that_is_being_taken_is_none_yet() -> None:
    manager = _Manager("finished")
    assert [one.id for one in backups.listed(manager, "server")] == ["finished"]
    assert backups.is_there(manager, "server")
    assert not backups.is_there(_Manager(), "server")
