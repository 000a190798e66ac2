"""Tables of a workspace: how long each keeps its rows. They are there as long as the workspace is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.watch.tables import TABLES

__all__ = ["WORKSPACE", "Tables", "retention"]

WORKSPACE: Final = "Microsoft.OperationalInsights/workspaces"
_TYPE: Final = f"{WORKSPACE}/tables"
_DAYS: Final = 30  # of a workspace that says nothing
_LONG_DAYS: Final = 90  # of the tables below, where the workspace says less
# Tables of Application Insights to which nothing is written here; they are there all the same.
_EMPTY: Final = (
    *("AppMetrics", "AppPageViews", "AppPerformanceCounters", "AppBrowserTimings", "AppSystemEvents"),
    *("AzureActivity", "Usage"),
)
_NAMES: Final = (*TABLES, *_EMPTY)
_LONG: Final = frozenset(one for one in _NAMES if one.startswith("App") and "Service" not in one) | {
    "AzureActivity",
    "Usage",
}
_PARTS: Final = {"retentionInDays": (4, 730), "totalRetentionInDays": (4, 4383)}  # days, from and to
_DEFAULT: Final = -1


class Tables(Kind):
    """Azure's own tables, all with the plan Analytics. Only what was asked for is kept, the rest follows."""

    type = _TYPE
    implied = True
    implied_names = _NAMES

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a table that there is not, and days that Azure does not offer."""
        del cloud, old
        if new.name.lower() not in {one.lower() for one in _NAMES}:
            raise ArmFault(404, "ResourceNotFound", f"The specified table: '{new.name}' was not found.")
        if str(new.properties.get("plan") or "Analytics") != "Analytics":
            raise ArmFault(400, "InvalidParameter", "The sandbox has tables with the plan Analytics alone.")
        for name, (least, most) in _PARTS.items():
            days = new.properties.get(name)
            whole = isinstance(days, int) and not isinstance(days, bool)
            if days is not None and not (whole and (days == _DEFAULT or least <= days <= most)):
                raise ArmFault(400, "InvalidParameter", f"'{name}' must be -1 or from {least} to {most}.")
        asked = {name: _asked(new.properties, name) for name in _PARTS}
        shorter = asked["totalRetentionInDays"] or 0
        if shorter and asked["retentionInDays"] and shorter < asked["retentionInDays"]:
            raise ArmFault(
                400, "InvalidParameter", "'totalRetentionInDays' must not be less than 'retentionInDays'."
            )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Keep what was asked for."""
        del cloud, old
        asked = {name: _asked(new.properties, name) for name in _PARTS}
        new.body["properties"] = {name: days for name, days in asked.items() if days is not None}

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Tell how long it keeps its rows, and its columns."""
        workspace = cloud.find(ids.parent(resource.id))
        asked = resource.properties
        shown, whole = _days(workspace, resource.name, asked)
        columns = TABLES.get(resource.name, {})
        resource.body["properties"] = {
            "retentionInDays": shown,
            "retentionInDaysAsDefault": "retentionInDays" not in asked,
            "totalRetentionInDays": whole,
            "totalRetentionInDaysAsDefault": "totalRetentionInDays" not in asked,
            "archiveRetentionInDays": whole - shown,
            "plan": "Analytics",
            "schema": {
                "name": resource.name,
                "tableType": "Microsoft",
                "tableSubType": "Any",
                "standardColumns": [
                    {"name": name, "type": "dateTime" if type_ == "datetime" else type_}
                    for name, type_ in columns.items()
                ],
            },
            "provisioningState": "Succeeded",
        }

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse: they are Azure's own, and go with the workspace."""
        del cloud
        raise ArmFault(
            400, "InvalidParameter", f"Table {resource.name} is Microsoft's and cannot be deleted."
        )


def retention(cloud: Cloud, workspace: Resource, table: str) -> tuple[int, int]:
    """Return for how many days a table's rows can be asked for, and for how many they are kept.

    Of 30 days Azure may make 31, unless the workspace has it purge at once. Here it always does.
    """
    found = cloud.find(f"{workspace.id}/tables/{table}")
    shown, whole = _days(workspace, table, found.properties if found is not None else {})
    if (workspace.properties.get("features") or {}).get("immediatePurgeDataOn30Days"):
        return shown, whole
    return shown + (shown == _DAYS), whole + (whole == _DAYS)


def _days(workspace: Resource | None, table: str, asked: Mapping[str, Any]) -> tuple[int, int]:
    general = int((workspace.properties if workspace is not None else {}).get("retentionInDays") or _DAYS)
    if general <= 0:  # of a price that has no end
        general = _PARTS["retentionInDays"][1]
    default = max(general, _LONG_DAYS) if table in _LONG else general
    shown = int(asked.get("retentionInDays") or default)
    return shown, max(shown, int(asked.get("totalRetentionInDays") or shown))


def _asked(properties: Mapping[str, Any], name: str) -> int | None:
    """Return the days that are asked for, None for the default."""
    days = properties.get(name)
    return None if days in (None, _DEFAULT) else int(days)
