"""Alerts in Azure's words: the common alert schema, and Resource Manager's list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import Resource
from tenantry.sandbox.parts.notes import segment

__all__ = ["common_schema", "condition_of", "listed"]

_ALERTS = "Microsoft.AlertsManagement/alerts"


def common_schema(note: Mapping[str, Any], condition: str) -> dict[str, Any]:
    """Return what an action group is told of an alert: that it Fired, or was Resolved."""
    resolved = condition == "Resolved"
    essentials = {
        "alertId": note["id"],
        "alertRule": note["rule_name"],
        "alertRuleID": note["rule"],
        "severity": f"Sev{note['severity']}",
        "signalType": note["signal"],
        "monitorCondition": condition,
        "monitoringService": note["service"],
        "alertTargetIDs": [str(note["target"]).lower()],
        "configurationItems": [str(note["target"]).rpartition("/")[2]],
        "originAlertId": note["origin"],
        "firedDateTime": note["fired"],
        **({"resolvedDateTime": note["resolved"]} if resolved else {}),
        "description": note["description"],
        "essentialsVersion": "1.0",
        "alertContextVersion": "1.0",
    }
    context = {
        "properties": note.get("properties"),
        "conditionType": note["condition_type"],
        "condition": note["resolved_by"] if resolved else note["fired_by"],
    }
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": essentials,
            "alertContext": context,
            "customProperties": note.get("properties"),
        },
    }


def listed(note: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert as ``Microsoft.AlertsManagement/alerts`` lists it."""
    target = ids.parse(str(note["target"]))
    essentials = {
        "severity": f"Sev{note['severity']}",
        "signalType": note["signal"],
        "alertState": "New",
        "monitorCondition": note["state"],
        "targetResource": note["target"],
        "targetResourceName": str(note["target"]).rpartition("/")[2],
        "targetResourceGroup": segment(str(note["target"]), "resourceGroups"),
        "targetResourceType": target.type.lower() if target else "",
        "monitorService": note["service"],
        "sourceCreatedId": note["origin"],
        "alertRule": note["rule"],
        "description": note["description"],
        "startDateTime": note["fired"],
        "lastModifiedDateTime": note.get("resolved") or note["fired"],
        **({"monitorConditionResolvedDateTime": note["resolved"]} if note.get("resolved") else {}),
        "actionStatus": {"isSuppressed": False},
    }
    return {
        "id": note["id"],
        "name": str(note["id"]).rpartition("/")[2],
        "type": _ALERTS,
        # How each receiver was told: the sandbox's own addition.
        "properties": {"essentials": essentials, "context": {"receivers": note["receivers"]}},
    }


def condition_of(rule: Resource, condition: Any, *, start: str, end: str) -> dict[str, Any]:
    """Return the condition of an alert's context."""
    return {
        "windowSize": rule.properties.get("windowSize") or rule.properties.get("evaluationFrequency"),
        "allOf": list(condition),
        "windowStartTime": start,
        "windowEndTime": end,
    }
