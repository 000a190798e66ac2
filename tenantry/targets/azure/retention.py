"""How long the tables of Application Insights keep their rows: as long as the workspace of the logs.

Below 90 days Azure does not let them follow the workspace: each keeps its rows for 90 days unless it is told
otherwise. They are there with the workspace, so the plugin, which refuses to make what exists, cannot tell
them: a deploy does, when the engine has ended. Left alone are ``Usage``, the volumes of tables, and
``AzureActivity``, to which nothing of an instance writes: no client's data are in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tenantry.adapters.azure_arm import Arm
from tenantry.model.azure_types import TYPES
from tenantry.model.status import Change, ChangeKind
from tenantry.ports import Event, Lease, OnEvent

__all__ = ["TABLES", "differing", "hold", "planned"]

TABLES: Final = (
    *("AppAvailabilityResults", "AppBrowserTimings", "AppDependencies", "AppEvents", "AppExceptions"),
    *("AppMetrics", "AppPageViews", "AppPerformanceCounters", "AppRequests", "AppSystemEvents", "AppTraces"),
)
_VERSION: Final = TYPES["azure-native:operationalinsights:Workspace"].version
_TOKEN: Final = "azure-native:operationalinsights:Table"  # noqa: S105 - a type's token
_OF_AZURE: Final = 90  # days, where a workspace says less
# For a query, and with what is archived after that.
_KEPT: Final = ("retentionInDays", "totalRetentionInDays")


def planned(days: int) -> Sequence[Change]:
    """Return what a first deploy changes at the tables of a workspace that it makes."""
    return [_change(one, _KEPT) for one in TABLES] if days < _OF_AZURE else []


def differing(arm: Arm, workspace: str, days: int) -> Sequence[Change]:
    """Return what keeps its rows for other than these days. A table that is not there has none.

    Args:
        arm: who is asked.
        workspace: the workspace's id.
        days: for which rows are to be kept.
    """
    found = _look(arm, workspace)
    return [_change(one, names) for one in TABLES if (names := _other(found[one], days))]


def hold(arm: Arm, workspace: str, days: int, *, lease: Lease, on_event: OnEvent) -> None:
    """Have every table keep its rows for these days; those that do are left alone.

    Raises:
        TenantryError: Azure refuses.
    """
    found = _look(arm, workspace)
    if missing := [one for one in TABLES if found[one] is None]:
        told = f"not there yet, so Azure may keep its rows for {_OF_AZURE} days: {', '.join(missing)}"
        on_event(Event(text=f"tables of the logs: {told}; the next deploy looks again"))
        lease.evidence(f"tables of the logs: {told}")
    changed = [one for one in TABLES if _other(found[one], days)]
    if not changed:
        return
    on_event(Event(text=f"tables of Application Insights keep their rows for {days} days"))
    lease.intent(f"keep the rows of {', '.join(changed)} for {days} days")
    body = {"properties": dict.fromkeys(_KEPT, days)}
    with ThreadPoolExecutor(len(changed)) as pool:
        list(pool.map(lambda one: arm.patch(_path(workspace, one), _VERSION, body), changed))


def _look(arm: Arm, workspace: str) -> Mapping[str, Mapping[str, object] | None]:
    """Return what each table says; one by one, since a list would tell the columns of hundreds."""
    with ThreadPoolExecutor(len(TABLES)) as pool:
        told = pool.map(lambda one: arm.get(_path(workspace, one), _VERSION), TABLES)
        return {
            name: None if one is None else one.get("properties") or {}
            for name, one in zip(TABLES, told, strict=True)
        }


def _other(told: Mapping[str, object] | None, days: int) -> tuple[str, ...]:
    """Return the properties in which a table differs."""
    return () if told is None else tuple(one for one in _KEPT if told.get(one) != days)


def _change(table: str, names: tuple[str, ...]) -> Change:
    return Change(kind=ChangeKind.UPDATE, type=_TOKEN, name=table, properties=names, holds_data=True)


def _path(workspace: str, table: str) -> str:
    return f"{workspace}/tables/{table}"
