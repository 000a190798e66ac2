"""What is refused of an alert rule: what Azure refuses, and what could never fire here."""

from __future__ import annotations

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.watch import spans
from tenantry.sandbox.watch.catalogue import metrics_of
from tenantry.sandbox.watch.kql import QueryFault, parse
from tenantry.sandbox.watch.rules import OPERATORS
from tenantry.sandbox.watch.tables import columns_of

__all__ = ["check_metric_rule", "check_query_rule"]

_AGGREGATIONS = frozenset({"average", "minimum", "maximum", "total", "count"})


def check_metric_rule(cloud: Cloud, rule: Resource) -> None:
    """Refuse a metric that its target has not, dynamic thresholds, times that are none."""
    _check_times(rule)
    criteria = rule.properties.get("criteria") or {}
    for one in criteria.get("allOf") or []:
        if str(one.get("criterionType") or "StaticThresholdCriterion") != "StaticThresholdCriterion":
            raise ArmFault(400, "NotSupported", "The sandbox evaluates static thresholds only.")
        _check_operator(str(one.get("operator")), str(one.get("timeAggregation")))
        if one.get("skipMetricValidation"):
            continue
        for scope in rule.properties.get("scopes") or []:
            target = cloud.find(str(scope))
            known = metrics_of(target.type) if target is not None else {}
            if known and str(one.get("metricName")).lower() not in known:
                raise ArmFault(
                    400,
                    "BadRequest",
                    f"Couldn't find a metric named {one.get('metricName')}. Make sure the name is correct.",
                )


def check_query_rule(rule: Resource) -> None:
    """Refuse a query that is not understood, or about a table that is not there."""
    _check_times(rule)
    for one in (rule.properties.get("criteria") or {}).get("allOf") or []:
        _check_operator(str(one.get("operator")), str(one.get("timeAggregation")))
        try:
            query = parse(str(one.get("query") or ""))
        except QueryFault as fault:
            raise _refused(fault.message) from None
        if columns_of(query.table) is None:
            raise _refused(f"Failed to resolve table or column expression named '{query.table}'")


def _check_operator(name: str, aggregation: str) -> None:
    if name.lower() not in OPERATORS:
        raise ArmFault(400, "BadRequest", f"The operator '{name}' is not valid.")
    if aggregation.lower() not in _AGGREGATIONS:
        raise ArmFault(400, "BadRequest", f"The time aggregation '{aggregation}' is not valid.")


def _check_times(rule: Resource) -> None:
    for name in ("evaluationFrequency", "windowSize"):
        text = rule.properties.get(name)
        if text is not None and spans.duration(str(text)) is None:
            raise ArmFault(400, "BadRequest", f"The value '{text}' of {name} is no duration.")


def _refused(message: str) -> ArmFault:
    return ArmFault(400, "BadArgumentError", f"The query couldn't be validated. Error: {message}.")
