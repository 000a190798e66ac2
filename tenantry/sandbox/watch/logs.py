"""Where logs go: diagnostic settings name workspaces, and each workspace keeps its rows for its days."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.parts.notes import iso, segment
from tenantry.sandbox.types.workspace_tables import WORKSPACE, retention
from tenantry.sandbox.watch.rows import RowFile
from tenantry.sandbox.watch.tables import DIAGNOSTICS, table_of

__all__ = ["WORKSPACE", "Logs"]

_SETTINGS = "Microsoft.Insights/diagnosticSettings"
_AUDIT = frozenset({"AuditEvent"})  # categories that the group "audit" means


class Logs:
    """The rows of every workspace."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud = cloud
        self._folder = folder
        self._files: dict[str, RowFile] = {}
        self._lock = threading.Lock()

    def destinations(self, resource_id: str, category: str) -> list[tuple[Resource, str]]:
        """Return the workspaces, and the table in each, that a resource's category goes to."""
        found = []
        for setting in self._cloud.children(resource_id, _SETTINGS):
            if ids.key(ids.parent(setting.id)) != ids.key(resource_id) or not _sends(setting, category):
                continue
            workspace = self._cloud.find(str(setting.properties.get("workspaceId") or "-"))
            if workspace is not None:
                how = str(setting.properties.get("logAnalyticsDestinationType") or "")
                found.append((workspace, table_of(category, dedicated=how.lower() == "dedicated")))
        return found

    def send(self, resource_id: str, category: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Send rows of a resource's log to where its settings say."""
        now = self._cloud.now()
        for workspace, table in self.destinations(resource_id, category) if rows else ():
            more = {**(_where(resource_id) if table == DIAGNOSTICS else {}), "Category": category}
            self.write(workspace, table, [(now, {**more, **row}) for row in rows], resource_id)

    def write(
        self,
        workspace: Resource,
        table: str,
        rows: Iterable[tuple[datetime, Mapping[str, Any]]],
        resource_id: str,
    ) -> None:
        """Keep rows of a resource in a workspace's table."""
        customer = str(workspace.properties.get("customerId"))
        whole = [
            (
                at,
                {
                    "SourceSystem": "Azure",
                    **row,
                    "TenantId": customer,
                    "TimeGenerated": iso(at),
                    "Type": table,
                    "_ResourceId": resource_id.lower(),
                },
            )
            for at, row in rows
        ]
        self.file(customer).add(table, whole)

    def file(self, customer: str) -> RowFile:
        """Return the rows of a workspace by its customer id."""
        with self._lock:
            if customer not in self._files:
                self._files[customer] = RowFile(self._folder / f"{customer}.sqlite")
            return self._files[customer]

    def erase(self, customer: str) -> None:
        """Erase all rows of a workspace."""
        self.file(customer).erase()

    def keep_to_retention(self) -> None:
        """Erase what the tables of workspaces keep no longer."""
        now = self._cloud.now()
        for workspace in self._cloud.children("", WORKSPACE):
            customer = str(workspace.properties.get("customerId") or "")
            if not customer:
                continue  # it is being made
            rows = self.file(customer)
            for table in rows.tables():
                _, days = retention(self._cloud, workspace, table)
                rows.drop_before(table, now - timedelta(days=days))

    def oldest(self, workspace: Resource, table: str, now: datetime) -> datetime:
        """Return from which moment on a table's rows can be asked for."""
        shown, _ = retention(self._cloud, workspace, table)
        return now - timedelta(days=shown)

    def close(self) -> None:
        """Close every file."""
        with self._lock:
            for one in self._files.values():
                one.close()


def _sends(setting: Resource, category: str) -> bool:
    for one in setting.properties.get("logs") or []:
        if not one.get("enabled"):
            continue
        group = str(one.get("categoryGroup") or "").lower()
        if group == "alllogs" or (group == "audit" and category in _AUDIT):
            return True
        if str(one.get("category") or "").lower() == category.lower():
            return True
    return False


def _where(resource_id: str) -> dict[str, Any]:
    target = ids.parse(resource_id)
    return {
        "ResourceId": resource_id.upper(),
        "SubscriptionId": segment(resource_id, "subscriptions"),
        "ResourceGroup": segment(resource_id, "resourceGroups").upper(),
        "ResourceProvider": target.namespace.upper() if target else "",
        "ResourceType": "/".join(target.types).upper() if target else "",
        "Resource": target.names[-1].upper() if target and target.names else "",
    }
