"""The tables of Application Insights keep their rows as long as the workspace's days say."""

from __future__ import annotations

from typing import Any

import pytest

from tenantry.model.status import ChangeKind
from tenantry.ports import Event
from tenantry.targets.azure import retention
from tenantry.targets.azure.retention import TABLES

_WORKSPACE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log"


class _Manager:
    """Tables that keep 90 days until they are told otherwise, as Azure's do."""

    def __init__(self, **others: tuple[int, int] | None) -> None:
        self.days: dict[str, tuple[int, int] | None] = {**dict.fromkeys(TABLES, (90, 90)), **others}
        self.told: list[str] = []

    def get(self, path: str, version: str) -> dict[str, Any] | None:
        days = self.days[path.removeprefix(f"{_WORKSPACE}/tables/")]
        names = ("retentionInDays", "totalRetentionInDays")
        return None if days is None else {"properties": dict(zip(names, days, strict=True))}

    def patch(self, path: str, version: str, body: Any) -> None:
        name, asked = path.removeprefix(f"{_WORKSPACE}/tables/"), body["properties"]
        self.days[name] = (asked["retentionInDays"], asked["totalRetentionInDays"])
        self.told.append(name)


class _Lease:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def intent(self, text: str) -> None:
        self.lines.append(text)

    evidence = intent


def _hold(manager: _Manager, days: int) -> tuple[list[str], list[Event]]:
    lease, events = _Lease(), list[Event]()
    retention.hold(manager, _WORKSPACE, days, lease=lease, on_event=events.append)  # type: ignore[arg-type]
    return lease.lines, events


def test_every_table_is_told_at_once_and_no_second_time() -> None:
    manager = _Manager()
    lines, _ = _hold(manager, 30)
    assert sorted(manager.told) == sorted(TABLES)
    assert set(manager.days.values()) == {(30, 30)}
    assert len(lines) == 1
    assert "AppExceptions" in lines[0]
    manager.told.clear()
    assert _hold(manager, 30) == ([], [])
    assert manager.told == []


def test_with_ninety_days_azures_own_are_left_alone() -> None:
    manager = _Manager()
    assert _hold(manager, 90) == ([], [])
    assert manager.told == []


def test_a_table_that_was_told_less_before_or_archives_longer_is_told_anew() -> None:
    manager = _Manager(AppTraces=(30, 30), AppEvents=(90, 365))
    _hold(manager, 90)
    assert sorted(manager.told) == ["AppEvents", "AppTraces"]
    assert set(manager.days.values()) == {(90, 90)}


def test_a_table_that_is_not_there_is_told_of_and_the_others_are_held() -> None:
    manager = _Manager(AppMetrics=None)
    lines, events = _hold(manager, 30)
    assert "AppMetrics" in lines[0]
    assert "the next deploy looks again" in events[0].text
    assert sorted(manager.told) == sorted(set(TABLES) - {"AppMetrics"})


def test_what_keeps_other_days_is_seen_with_what_differs() -> None:
    manager = _Manager(AppTraces=(730, 730), AppEvents=(90, 365), AppMetrics=None)
    seen = retention.differing(manager, _WORKSPACE, 90)  # type: ignore[arg-type]
    assert [(one.name, one.properties) for one in seen] == [
        ("AppEvents", ("totalRetentionInDays",)),
        ("AppTraces", ("retentionInDays", "totalRetentionInDays")),
    ]
    assert {one.kind for one in seen} == {ChangeKind.UPDATE}


@pytest.mark.parametrize(("days", "count"), [(30, len(TABLES)), (89, len(TABLES)), (90, 0), (730, 0)])
def test_a_first_preview_shows_tables_only_where_azure_keeps_them_longer(days: int, count: int) -> None:
    assert len(retention.planned(days)) == count
