"""Metrics as Resource Manager answers them: ``…/providers/Microsoft.Insights/metrics``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tenantry.sandbox.answers import Answer
from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.watch import spans
from tenantry.sandbox.watch.aggregate import Wanted, merged, read_filter
from tenantry.sandbox.watch.catalogue import AGGREGATIONS, Metric, metrics_of
from tenantry.sandbox.watch.samples import Samples, Series, minute_of

__all__ = ["Metrics"]

_PATH = re.compile(
    r"^(?P<resource>/.+)/providers/microsoft\.insights/"
    r"(?P<what>metrics|metricdefinitions|metricnamespaces)$",
    re.IGNORECASE,
)
_INTERVALS = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
_HOUR = timedelta(hours=1)
_ALMOST = timedelta(seconds=59, microseconds=999_999)
_MOST_POINTS = 20_000
_BAD = 400


class Metrics:
    """Answers for the metrics of resources."""

    def __init__(self, cloud: Cloud, samples: Samples) -> None:
        self._cloud = cloud
        self._samples = samples

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> Answer | None:
        """Answer; None when the path is somebody else's."""
        found = _PATH.match(path)
        if found is None or method != "GET":
            return None
        resource = self._cloud.find(found["resource"])
        if resource is None:
            raise ArmFault(404, "ResourceNotFound", f"The Resource '{found['resource']}' was not found.")
        known = metrics_of(resource.type)
        match found["what"].lower():
            case "metricdefinitions":
                return Answer(200, {"value": [_definition(resource, one) for one in known.values()]})
            case "metricnamespaces":
                return Answer(200, {"value": [_namespace(resource)] if known else []})
        if not known:
            return _refused(f"The resource type {resource.type} has no metrics in the sandbox.")
        return self._read(resource, known, query)

    def _read(self, resource: Resource, known: Mapping[str, Metric], query: Mapping[str, str]) -> Answer:
        try:
            names = [one.strip() for one in query.get("metricnames", "").split(",") if one.strip()]
            metrics = [_known(resource, one, known) for one in names] or list(known.values())[:1]
            reading = self._reading(query)
        except ArmFault as fault:
            return _refused(fault.message)
        body = {
            "cost": 0,
            "timespan": f"{_stamp(reading.start)}/{_stamp(reading.end)}",
            "interval": query.get("interval", "PT1M").upper(),
            "value": [reading.metric(resource, one) for one in metrics],
            "namespace": resource.type,
            "resourceregion": resource.location,
        }
        return Answer(200, body)

    def _reading(self, query: Mapping[str, str]) -> _Reading:
        start, end = spans.between(query.get("timespan", ""), self._cloud.now(), default=_HOUR)
        start, end = _whole(start), _whole(end + _ALMOST)  # the minute that has just begun, too
        wanted = read_filter(query["$filter"]) if query.get("$filter") else []
        if wanted is None:
            raise _fault(f"Invalid filter: {query['$filter']}")
        given = query.get("interval", "PT1M").upper()
        step = end - start if given == "FULL" else spans.duration(given)
        if step is None or given not in {"FULL", *_INTERVALS}:
            raise _fault(f"Detected invalid time grain input with value '{given}'.")
        if start >= end or (end - start) / step > _MOST_POINTS:
            raise _fault(f"Invalid timespan: {query.get('timespan')}")
        asked = [one.strip().lower() for one in query.get("aggregation", "").split(",") if one.strip()]
        if any(one.capitalize() not in AGGREGATIONS for one in asked):
            raise _fault(f"Invalid aggregation: {query.get('aggregation')}")
        # Since when things are counted, by the cloud's clock.
        begun = self._samples.since + (self._cloud.now() - datetime.now(UTC))
        return _Reading(
            samples=self._samples, begun=begun, start=start, end=end, step=step, asked=asked, wanted=wanted
        )


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """One answer: a stretch of time in steps."""

    samples: Samples
    begun: datetime
    start: datetime
    end: datetime
    step: timedelta
    asked: list[str]
    wanted: list[Wanted]

    def metric(self, resource: Resource, metric: Metric) -> dict[str, Any]:
        names = {one.lower() for one in metric.dimensions}
        if any(want.name.lower() not in names for want in self.wanted):
            series: list[Series] = []
        else:
            series = merged(self.samples.read(resource.id, metric.name), self.wanted)
        how = [one for one in self.asked if one != "none"] or [metric.primary.lower()]
        return {
            "id": f"{resource.id}/providers/Microsoft.Insights/metrics/{metric.name}",
            "type": "Microsoft.Insights/metrics",
            "name": _name(metric.name, metric.title),
            "displayDescription": metric.title,
            "unit": metric.unit,
            "timeseries": [self._series(one, how) for one in series],
            "errorCode": "Success",
        }

    def _series(self, series: Series, how: list[str]) -> dict[str, Any]:
        told = [
            {"name": _name(name.lower(), name.lower()), "value": value}
            for name, value in series.dimensions.items()
        ]
        points = []
        at = self.start
        while at < self.end:
            after = min(at + self.step, self.end)
            points.append(self._point(series, at, after, how))
            at = at + self.step
        return {"metadatavalues": told, "data": points}

    def _point(self, series: Series, at: datetime, after: datetime, how: list[str]) -> dict[str, Any]:
        begin = minute_of(at)
        found = series.over(begin, max(minute_of(after), begin + 1))
        point: dict[str, Any] = {"timeStamp": _stamp(at)}
        # Nothing was counted before the sandbox started: that is not the same as zero.
        if found.count or after > self.begun:
            values = {one: found.value(one) for one in how}
            point |= {one: value for one, value in values.items() if value is not None}
        return point


def _definition(resource: Resource, metric: Metric) -> dict[str, Any]:
    return {
        "id": f"{resource.id}/providers/microsoft.insights/metricdefinitions/{metric.name}",
        "resourceId": resource.id,
        "namespace": resource.type,
        "name": _name(metric.name, metric.title),
        "displayDescription": metric.title,
        "isDimensionRequired": False,
        "unit": metric.unit,
        "primaryAggregationType": metric.primary,
        "supportedAggregationTypes": list(AGGREGATIONS),
        "metricAvailabilities": [{"timeGrain": one, "retention": "P1D"} for one in _INTERVALS],
        **({"dimensions": [_name(one, one) for one in metric.dimensions]} if metric.dimensions else {}),
    }


def _namespace(resource: Resource) -> dict[str, Any]:
    return {
        "id": f"{resource.id}/providers/microsoft.insights/metricNamespaces/{resource.type}",
        "name": resource.type.partition("/")[2],
        "type": "Microsoft.Insights/metricNamespaces",
        "classification": "Platform",
        "properties": {"metricNamespaceName": resource.type},
    }


def _known(resource: Resource, name: str, known: Mapping[str, Metric]) -> Metric:
    if (found := known.get(name.lower())) is not None:
        return found
    space, _, rest = resource.type.partition("/")
    valid = ",".join(one.name for one in known.values())
    raise _fault(
        f"Failed to find metric configuration for provider: {space}, resource Type: {rest}, "
        f"metric: {name}, Valid metrics: {valid}"
    )


def _fault(message: str) -> ArmFault:
    return ArmFault(_BAD, "BadRequest", message)


def _refused(message: str) -> Answer:
    # This service answers without the "error" around it.
    return Answer(_BAD, {"code": "BadRequest", "message": message})


def _name(value: str, title: str) -> dict[str, str]:
    return {"value": value, "localizedValue": title}


def _whole(when: datetime) -> datetime:
    return when.replace(second=0, microsecond=0)


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
