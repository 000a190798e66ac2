"""Alerts as Resource Manager lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tenantry.model.azure_types import lies_in
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.kinds import ArmFault, Cloud

__all__ = ["AlertList"]

_PATH = re.compile(
    r"^(?P<scope>/.+)/providers/microsoft\.alertsmanagement/alerts(?:/(?P<name>[0-9a-f-]{36}))?$",
    re.IGNORECASE,
)
_FILTERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "monitorcondition": lambda one: str(one["state"]),
    "severity": lambda one: f"Sev{one['severity']}",
    "alertrule": lambda one: str(one["rule"]),
    "targetresource": lambda one: str(one["target"]),
    "monitorservice": lambda one: str(one["service"]),
}


class AlertList:
    """Answers for ``…/providers/Microsoft.AlertsManagement/alerts``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> Answer | None:
        """Answer; None when the path is somebody else's."""
        found = _PATH.match(path)
        if found is None or method != "GET":
            return None
        from tenantry.sandbox.watch.alerts import all_alerts
        from tenantry.sandbox.watch.messages import listed

        alerts = [one for one in all_alerts(self._cloud) if lies_in(str(one["target"]), found["scope"])]
        if found["name"]:
            for one in alerts:
                if str(one["id"]).rpartition("/")[2] == found["name"].lower():
                    return Answer(200, listed(one))
            raise ArmFault(404, "NotFound", f"There is no alert {found['name']}.")
        for name, value in query.items():
            read = _FILTERS.get(name.lower())
            if read is not None:
                alerts = [one for one in alerts if read(one).lower() == value.lower()]
        return Answer(200, {"value": [listed(one) for one in alerts]})
