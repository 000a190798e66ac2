"""Alerts: fired once, resolved once, kept for 30 days; whom they were told to."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.parts.notes import iso, moment, segment
from tenantry.sandbox.watch.messages import common_schema, condition_of
from tenantry.sandbox.watch.rules import METRIC_RULE, WEB_CRITERIA, Verdict, window
from tenantry.sandbox.watch.telling import Message, Teller
from tenantry.sandbox.watch.watcher import ALERT_NOTES

__all__ = ["Alerts", "all_alerts"]

_KEPT = timedelta(days=30)
_PENDING = "pending"
_NOT_SENT = "not sent: the sandbox calls webhooks only"
_NO_SCHEMA = "not sent: the sandbox knows the common alert schema only"
_SILENT = {
    "emailReceivers": "email",
    "smsReceivers": "sms",
    "voiceReceivers": "voice",
    "armRoleReceivers": "role",
    "azureAppPushReceivers": "push",
    "automationRunbookReceivers": "runbook",
    "logicAppReceivers": "logic app",
    "azureFunctionReceivers": "function",
    "eventHubReceivers": "event hub",
    "itsmReceivers": "itsm",
}


class Alerts:
    """The alerts of a sandbox, as notes that outlive a restart."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.RLock()
        self._teller = Teller(cloud, self._told)

    def all(self) -> list[dict[str, Any]]:
        """Return every alert, the newest first."""
        return all_alerts(self._cloud)

    def open(self, rule: Resource) -> dict[str, dict[str, Any]]:
        """Return the alerts of a rule that are not resolved, by their series."""
        wanted = ids.key(rule.id)
        return {
            one["series"]: one for one in self.all() if one["open"] and ids.key(str(one["rule"])) == wanted
        }

    def fire(self, rule: Resource, verdict: Verdict, at: datetime, *, stays_open: bool) -> None:
        """Begin an alert and tell its action groups."""
        subscription = segment(rule.id, "subscriptions")
        number = str(uuid.uuid4())
        properties = rule.properties
        note = {
            "id": f"/subscriptions/{subscription}/providers/Microsoft.AlertsManagement/alerts/{number}",
            "rule": rule.id,
            "rule_name": rule.name,
            "series": verdict.series,
            "target": verdict.target,
            "severity": int(properties.get("severity") or 0),
            "description": str(properties.get("description") or ""),
            "origin": f"{number}_{rule.name}",
            "fired": iso(at),
            "state": "Fired",
            "open": stays_open,
            "fired_by": _condition(rule, verdict, at),
            "receivers": [],
            **_kind_of(rule),
        }
        self._tell(rule, note, "Fired")

    def resolve(self, rule: Resource, note: Mapping[str, Any], verdict: Verdict | None, at: datetime) -> None:
        """End an alert and tell its action groups."""
        by = _condition(rule, verdict, at) if verdict is not None else note["fired_by"]
        ended = {"resolved": iso(at), "state": "Resolved", "open": False, "resolved_by": by}
        self._tell(rule, {**note, **ended}, "Resolved")

    def resume(self) -> None:
        """Tell what was not told yet when the sandbox ended."""
        for note in self.all()[::-1]:
            for one in note["receivers"]:
                if one["result"] == _PENDING:
                    self._send(note, one)

    def drop_old(self) -> None:
        """Forget what was kept long enough."""
        for key, note in self._cloud.recall(ALERT_NOTES).items():
            if moment(note["fired"]) + _KEPT <= self._cloud.now():
                self._cloud.remember(key, None)

    def close_those_without_rule(self) -> None:
        """A rule that was deleted says nothing any more; what it had fired stays as it was."""
        with self._lock:
            for note in self.all():
                if note["open"] and self._cloud.find(str(note["rule"])) is None:
                    self._keep({**note, "open": False})

    def close(self) -> None:
        """Tell nobody any more."""
        self._teller.close()

    def _keep(self, note: Mapping[str, Any]) -> None:
        self._cloud.remember(_key(note), dict(note))

    def _tell(self, rule: Resource, note: dict[str, Any], condition: str) -> None:
        with self._lock:
            # What was noted of its messages meanwhile must stay: else they would be sent again.
            key = _key(note)
            known = self._cloud.recall(key).get(key, note)["receivers"]
            told = [*known, *_receivers(self._cloud, rule, condition)]
            note = {**note, "receivers": told}
            self._keep(note)
        for one in told:
            if one["condition"] == condition and one["result"] == _PENDING:
                self._send(note, one)

    def _send(self, note: Mapping[str, Any], receiver: Mapping[str, Any]) -> None:
        group = self._cloud.find(str(receiver["group"]))
        hooks = group.properties.get("webhookReceivers") or [] if group is not None else []
        url = next((str(one["serviceUri"]) for one in hooks if one.get("name") == receiver["name"]), "")
        self._teller.tell(
            Message(
                alert=str(note["id"]),
                receiver=str(receiver["name"]),
                url=url,
                body=common_schema(note, str(receiver["condition"])),
                condition=str(receiver["condition"]),
            )
        )

    def _told(self, message: Message, result: str) -> None:
        """Note how a message went."""
        key = ALERT_NOTES + message.alert.rpartition("/")[2]
        with self._lock:
            note = self._cloud.recall(key).get(key)
            if note is None:
                return
            for one in note["receivers"]:
                if (one["name"], one["condition"]) == (message.receiver, message.condition):
                    one["result"] = result
            self._keep(note)


def _key(note: Mapping[str, Any]) -> str:
    return ALERT_NOTES + str(note["id"]).rpartition("/")[2]


def all_alerts(cloud: Cloud) -> list[dict[str, Any]]:
    """Return every alert, the newest first."""
    return sorted(cloud.recall(ALERT_NOTES).values(), key=lambda one: str(one["fired"]), reverse=True)


def _receivers(cloud: Cloud, rule: Resource, condition: str) -> Iterator[dict[str, Any]]:
    """Return whom the rule's action groups tell, and what is to become of it."""
    for identity in _groups(rule):
        group = cloud.find(identity)
        if group is None or group.properties.get("enabled") is False:
            continue
        for hook in group.properties.get("webhookReceivers") or []:
            result = _PENDING if hook.get("useCommonAlertSchema") else _NO_SCHEMA
            yield _receiver(group, hook, "webhook", condition, result)
        for block, kind in _SILENT.items():
            for one in group.properties.get(block) or []:
                yield _receiver(group, one, kind, condition, _NOT_SENT)


def _receiver(
    group: Resource, one: Mapping[str, Any], kind: str, condition: str, result: str
) -> dict[str, Any]:
    # No address: one of e-mail is personal data, and a webhook's may hold a secret.
    name = str(one.get("name") or "")
    return {"group": group.id, "name": name, "kind": kind, "condition": condition, "result": result}


def _groups(rule: Resource) -> list[str]:
    actions = rule.properties.get("actions") or []
    if isinstance(actions, dict):
        return [str(one) for one in actions.get("actionGroups") or []]
    return [str(one["actionGroupId"]) for one in actions if one.get("actionGroupId")]


def _kind_of(rule: Resource) -> dict[str, Any]:
    """Return what an alert says of the kind of its rule."""
    actions = rule.properties.get("actions")
    if rule.type == METRIC_RULE:
        criteria = str((rule.properties.get("criteria") or {}).get("odata.type") or "")
        what = WEB_CRITERIA if criteria == WEB_CRITERIA else criteria
        hooks = [one.get("webHookProperties") for one in actions or [] if isinstance(one, dict)]
        return {
            "signal": "Metric",
            "service": "Platform",
            "condition_type": what.rpartition(".")[2],
            "properties": next((one for one in hooks if one), None),
        }
    custom = actions.get("customProperties") if isinstance(actions, dict) else None
    return {
        "signal": "Log",
        "service": "Log Alerts V2",
        "condition_type": "LogQueryCriteria",
        "properties": custom,
    }


def _condition(rule: Resource, verdict: Verdict, at: datetime) -> dict[str, Any]:
    return condition_of(rule, verdict.condition, start=iso(at - window(rule)), end=iso(at))
