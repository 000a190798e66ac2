"""What a rule says at a moment: its condition is met, is not met, or nothing is known.

A rule looks at whole minutes before the moment, as long as its window is. Counts
of nothing are zero; an average of nothing is not known, and then nothing changes.
"""

from __future__ import annotations

import itertools
import logging
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.watch import spans
from tenantry.sandbox.watch.aggregate import Wanted, merged
from tenantry.sandbox.watch.asking import ask
from tenantry.sandbox.watch.catalogue import COMPONENT
from tenantry.sandbox.watch.kql import QueryFault
from tenantry.sandbox.watch.logs import WORKSPACE, Logs
from tenantry.sandbox.watch.samples import Samples, Series, minute_of

__all__ = [
    "METRIC_RULE",
    "OPERATORS",
    "QUERY_RULE",
    "WEB_CRITERIA",
    "Rules",
    "Verdict",
    "frequency",
    "window",
]

METRIC_RULE: Final = "Microsoft.Insights/metricAlerts"
QUERY_RULE: Final = "Microsoft.Insights/scheduledQueryRules"
WEB_CRITERIA: Final = "Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria"
_MINUTE: Final = timedelta(minutes=1)
OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "equals": operator.eq,
    "equal": operator.eq,
    "greaterthan": operator.gt,
    "greaterthanorequal": operator.ge,
    "lessthan": operator.lt,
    "lessthanorequal": operator.le,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a rule says of one series."""

    series: str  # which target and dimensions: an alert is about one of them
    target: str
    met: bool | None  # None: nothing is known
    condition: Sequence[Mapping[str, Any]]  # as the alert's context tells it


def frequency(rule: Resource) -> timedelta:
    """Return how often a rule is looked at."""
    return spans.duration(str(rule.properties.get("evaluationFrequency") or "PT5M")) or _MINUTE


def window(rule: Resource) -> timedelta:
    """Return over how long a time it looks."""
    return spans.duration(str(rule.properties.get("windowSize") or "")) or frequency(rule)


class Rules:
    """Says what rules say."""

    def __init__(self, cloud: Cloud, samples: Samples, logs: Logs) -> None:
        self._cloud = cloud
        self._samples = samples
        self._logs = logs

    def verdicts(self, rule: Resource, at: datetime) -> list[Verdict]:
        """Return what a rule says at a moment of each series."""
        criteria = rule.properties.get("criteria") or {}
        if rule.type == QUERY_RULE:
            return self._of_query(rule, criteria, at)
        if criteria.get("odata.type") == WEB_CRITERIA:
            return [self._of_web_test(rule, criteria, at)]
        found = []
        for scope in rule.properties.get("scopes") or []:
            found += self._of_metrics(rule, str(scope), criteria.get("allOf") or [], at)
        return found

    # --- metrics ---

    def _of_metrics(
        self, rule: Resource, target: str, criteria: Sequence[Mapping[str, Any]], at: datetime
    ) -> list[Verdict]:
        end = minute_of(at)
        start = end - int(window(rule) / _MINUTE)
        judged = [self._judged(target, one, start, end) for one in criteria]
        if len(judged) == 1:
            return [
                Verdict(series=f"{target} {_name_of(one)}", target=target, met=met, condition=[told])
                for one, met, told in judged[0]
            ]
        # With several conditions all must hold; Azure then takes one value of each dimension only.
        met = [_any_of([met for _, met, _ in one]) for one in judged]
        conditions = [each for one in judged for _, _, each in one]
        whole = None if None in met else all(met)
        return [Verdict(series=target, target=target, met=whole, condition=conditions)]

    def _judged(
        self, target: str, criterion: Mapping[str, Any], start: int, end: int
    ) -> list[tuple[Series, bool | None, dict[str, Any]]]:
        wanted = [
            Wanted(
                str(one.get("name")),
                [str(value) for value in one.get("values") or []],
                "ne" if str(one.get("operator")).lower() == "exclude" else "eq",
            )
            for one in criterion.get("dimensions") or []
        ]
        series = merged(self._samples.read(target, str(criterion.get("metricName"))), wanted)
        known = {tuple(one.dimensions.values()) for one in series}
        series += [one for one in _named(wanted) if tuple(one.dimensions.values()) not in known]
        found = []
        for one in series:
            value = one.over(start, end).value(str(criterion.get("timeAggregation") or "Average").lower())
            met = None if value is None else _holds(criterion, value)
            found.append((one, met, _told(criterion, value, one.dimensions)))
        return found

    def _of_web_test(self, rule: Resource, criteria: Mapping[str, Any], at: datetime) -> Verdict:
        test = str(criteria.get("webTestId"))
        end = minute_of(at)
        seen = [
            one.over(end - int(window(rule) / _MINUTE), end) for one in self._samples.read(test, "failed")
        ]
        failed = sum(1 for one in seen if one.total > 0)
        limit = int(float(criteria.get("failedLocationCount") or 1))
        known = any(one.count for one in seen)
        told: dict[str, Any] = {
            "metricName": "Failed Location",
            "metricNamespace": None,
            "operator": "GreaterThanOrEqual",
            "threshold": str(limit),
            "timeAggregation": "Sum",
            "dimensions": [],
            "metricValue": float(failed),
            "webTestName": test.rpartition("/")[2],
        }
        return Verdict(
            series=test,
            target=str(criteria.get("componentId")),
            met=failed >= limit if known else None,
            condition=[told],
        )

    # --- queries ---

    def _of_query(self, rule: Resource, criteria: Mapping[str, Any], at: datetime) -> list[Verdict]:
        scope = str((rule.properties.get("scopes") or [""])[0])
        workspace = self._workspace(scope)
        found = []
        for one in criteria.get("allOf") or []:
            try:
                found += self._of_condition(rule, one, scope, workspace, at) if workspace else []
            except QueryFault as fault:
                _log.warning("the query of %s is refused: %s", rule.name, fault.message)
        return found

    def _of_condition(
        self, rule: Resource, one: Mapping[str, Any], scope: str, workspace: Resource, at: datetime
    ) -> list[Verdict]:
        periods = one.get("failingPeriods") or {}
        number = int(periods.get("numberOfEvaluationPeriods") or 1)
        least = int(periods.get("minFailingPeriodsToAlert") or 1)
        step = window(rule)
        counted: dict[tuple[str, ...], list[float]] = {}
        for back in range(number):
            end = at - step * back
            frame = ask(self._logs, workspace, str(one.get("query")), start=end - step, end=end, now=end)
            for key, rows in _split(frame.rows, one).items():
                counted.setdefault(key, []).append(_measured(rows, one))
        found = []
        for key, values in counted.items():
            failing = sum(1 for value in values if _holds(one, value))
            names = [str(dimension.get("name")) for dimension in one.get("dimensions") or []]
            dimensions = dict(zip(names, key, strict=False))
            told = {
                "searchQuery": one.get("query"),
                "metricMeasureColumn": one.get("metricMeasureColumn"),
                "targetResourceTypes": f"['{WORKSPACE}']",
                **_told(one, values[0], dimensions),
                "failingPeriods": {
                    "numberOfEvaluationPeriods": number,
                    "minFailingPeriodsToAlert": least,
                },
            }
            found.append(
                Verdict(
                    series=f"{scope} {_name_of(Series(dimensions))}",
                    target=scope,
                    met=failing >= least,
                    condition=[told],
                )
            )
        return found

    def _workspace(self, scope: str) -> Resource | None:
        found = self._cloud.find(scope)
        if found is not None and found.type == COMPONENT:
            found = self._cloud.find(str(found.properties.get("WorkspaceResourceId") or "-"))
        return found if found is not None and found.type == WORKSPACE else None


def _split(
    rows: Sequence[Mapping[str, Any]], one: Mapping[str, Any]
) -> dict[tuple[str, ...], list[Mapping[str, Any]]]:
    """Return rows by the columns that a condition splits by; without such columns one group, maybe empty."""
    dimensions = one.get("dimensions") or []
    if not dimensions:
        return {(): list(rows)}
    wanted = [
        Wanted(
            str(each.get("name")),
            [str(value) for value in each.get("values") or ["*"]],
            "ne" if str(each.get("operator")).lower() == "exclude" else "eq",
        )
        for each in dimensions
    ]
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = tuple(str(row.get(want.name)) for want in wanted)
        if all(want.admits(value) for want, value in zip(wanted, key, strict=True)):
            found.setdefault(key, []).append(row)
    return found


def _measured(rows: Sequence[Mapping[str, Any]], one: Mapping[str, Any]) -> float:
    how = str(one.get("timeAggregation") or "Count").lower()
    if how == "count":
        return float(len(rows))
    column = str(one.get("metricMeasureColumn"))
    values = [float(row[column]) for row in rows if row.get(column) is not None]
    if not values:
        return 0.0
    return {
        "total": sum(values),
        "average": sum(values) / len(values),
        "minimum": min(values),
        "maximum": max(values),
    }[how]


def _holds(criterion: Mapping[str, Any], value: float) -> bool:
    test = OPERATORS[str(criterion.get("operator") or "GreaterThan").lower()]
    return test(value, float(criterion.get("threshold") or 0))


def _any_of(met: Sequence[bool | None]) -> bool | None:
    if any(met):
        return True
    return None if not met or None in met else False


def _named(wanted: Sequence[Wanted]) -> list[Series]:
    """Return the series that a condition names by values; they are there before anything was counted."""
    if not wanted or any(one.how != "eq" or "*" in one.values for one in wanted):
        return []
    names = [one.name for one in wanted]
    return [
        Series(dict(zip(names, values, strict=True)))
        for values in itertools.product(*(one.values for one in wanted))
    ]


def _name_of(series: Series) -> str:
    return ",".join(f"{name}={value}" for name, value in series.dimensions.items())


def _told(criterion: Mapping[str, Any], value: float | None, dimensions: Mapping[str, str]) -> dict[str, Any]:
    return {
        "metricName": criterion.get("metricName"),
        "metricNamespace": criterion.get("metricNamespace"),
        "operator": criterion.get("operator"),
        "threshold": str(criterion.get("threshold")),
        "timeAggregation": criterion.get("timeAggregation"),
        "dimensions": [{"name": name, "value": each} for name, each in dimensions.items()],
        "metricValue": value,
        "webTestName": None,
    }
