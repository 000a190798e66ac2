"""Looks at rules when their time has come, by the cloud's clock.

A clock that was moved makes several times due at once: then the first ones and
the last ones of them are looked at, which see what happened before the move and
what is now.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.parts.notes import moment
from tenantry.sandbox.watch import spans
from tenantry.sandbox.watch.alerts import Alerts
from tenantry.sandbox.watch.rules import METRIC_RULE, QUERY_RULE, Rules, Verdict, frequency

__all__ = ["Evaluator", "due_times", "floor", "quiet_times"]

_FIRST, _LAST = 12, 12  # of many due times that are looked at
_QUIET_METRIC = 3  # evaluations in a row without the condition, after which a metric alert is resolved
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_log = logging.getLogger(__name__)


class Evaluator:
    """Looks at every enabled rule and lets alerts fire and be resolved."""

    def __init__(self, cloud: Cloud, rules: Rules, alerts: Alerts) -> None:
        self._cloud = cloud
        self._rules = rules
        self._alerts = alerts
        self._looked: dict[str, datetime] = {}  # rule → up to when it was looked at
        self._quiet: dict[str, int] = {}  # alert → evaluations in a row without its condition

    def run(self) -> None:
        """Look at what is due."""
        now = self._cloud.now()
        for type_ in (METRIC_RULE, QUERY_RULE):
            for rule in self._cloud.children("", type_):
                if rule.properties.get("enabled") is False:
                    self._looked.pop(rule.id, None)
                    continue
                try:
                    self._look(rule, now)
                except Exception:  # noqa: BLE001 - the other rules are to be looked at in any case
                    _log.exception("the rule %s could not be evaluated", rule.name)
        self._alerts.close_those_without_rule()

    def _look(self, rule: Resource, now: datetime) -> None:
        every = frequency(rule)
        last = self._looked.get(rule.id)
        if last is None or last > now:  # a new rule, or a clock that was put back
            last = floor(now, every)
        for at in due_times(last, now, every):
            verdicts = self._rules.verdicts(rule, at)
            self._apply(rule, verdicts, at)
        self._looked[rule.id] = floor(now, every)

    def _apply(self, rule: Resource, verdicts: list[Verdict], at: datetime) -> None:
        is_log = rule.type == QUERY_RULE
        stays_open = rule.properties.get("autoMitigate", not is_log) is not False
        known = self._alerts.open(rule)
        for verdict in verdicts:
            note = known.pop(verdict.series, None)
            if verdict.met and note is None:
                if not self._is_muted(rule, verdict, at):
                    self._alerts.fire(rule, verdict, at, stays_open=stays_open)
            elif note is not None and verdict.met is not None:
                self._follow(rule, note, verdict, at)
        for note in known.values():
            # No row of a query is about this series any more.
            if is_log:
                self._follow(rule, note, None, at)

    def _follow(self, rule: Resource, note: dict[str, object], verdict: Verdict | None, at: datetime) -> None:
        identity = str(note["id"])
        quiet = 0 if verdict is not None and verdict.met else self._quiet.get(identity, 0) + 1
        self._quiet[identity] = quiet
        if quiet >= quiet_times(rule):
            del self._quiet[identity]
            self._alerts.resolve(rule, note, verdict, at)

    def _is_muted(self, rule: Resource, verdict: Verdict, at: datetime) -> bool:
        span = spans.duration(str(rule.properties.get("muteActionsDuration") or ""))
        if span is None:
            return False
        return any(
            one["rule"] == rule.id and one["series"] == verdict.series and moment(one["fired"]) + span > at
            for one in self._alerts.all()
        )


def floor(when: datetime, every: timedelta) -> datetime:
    """Return the last moment that a frequency falls on."""
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp(int(when.timestamp()) // seconds * seconds, tz=when.tzinfo)


def due_times(last: datetime, now: datetime, every: timedelta) -> list[datetime]:
    """Return the moments after the last one, up to now; of many the first and the last ones."""
    number = int((floor(now, every) - last) / every)
    steps = (one for one in range(1, number + 1) if one <= _FIRST or one > number - _LAST)
    return [last + every * one for one in steps]


def quiet_times(rule: Resource) -> int:
    """Return how many evaluations in a row without the condition resolve an alert."""
    if rule.type == METRIC_RULE:
        return _QUIET_METRIC
    every = frequency(rule)
    if every < 5 * _MINUTE:
        return 10
    if every <= 15 * _MINUTE:
        return 3
    return 2 if every < 11 * _HOUR else 1
