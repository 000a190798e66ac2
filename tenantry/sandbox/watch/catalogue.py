"""Which metrics the sandbox observes: names, units and dimensions as Azure has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["AGGREGATIONS", "COMPONENT", "SERVER", "SITE", "VAULT", "Metric", "metrics_of"]

SITE: Final = "Microsoft.Web/sites"
VAULT: Final = "Microsoft.KeyVault/vaults"
SERVER: Final = "Microsoft.DBforPostgreSQL/flexibleServers"
COMPONENT: Final = "Microsoft.Insights/components"
AGGREGATIONS: Final = ("None", "Average", "Minimum", "Maximum", "Total", "Count")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of a type."""

    name: str
    title: str
    unit: str
    primary: str  # the aggregation that is meant when none is named
    dimensions: tuple[str, ...] = ()


def metrics_of(type_: str) -> Mapping[str, Metric]:
    """Return the metrics of a type by their name in small letters; empty when none is observed."""
    return _BY_TYPE.get(type_.lower(), {})


def _counted(*names: str, primary: str = "Total", dimensions: tuple[str, ...] = ()) -> list[Metric]:
    return [
        Metric(name=name, title=name, unit="Count", primary=primary, dimensions=dimensions) for name in names
    ]


def _average(name: str, title: str, unit: str, dimensions: tuple[str, ...] = ()) -> Metric:
    return Metric(name=name, title=title, unit=unit, primary="Average", dimensions=dimensions)


_ACTIVITY = ("ActivityType", "ActivityName")
_RESULT = (*_ACTIVITY, "StatusCode", "StatusCodeClass")
_PLACE = ("availabilityResult/name", "availabilityResult/location")
_OBSERVED: Mapping[str, list[Metric]] = {
    SITE: [
        *_counted("Requests", "Http2xx", "Http3xx", "Http4xx", "Http5xx"),
        *_counted("Http401", "Http403", "Http404"),
        _average("HttpResponseTime", "Response Time", "Seconds"),
        _average("AverageResponseTime", "Average Response Time (deprecated)", "Seconds"),
    ],
    VAULT: [
        *_counted("ServiceApiHit", primary="Count", dimensions=_ACTIVITY),
        *_counted("ServiceApiResult", primary="Count", dimensions=_RESULT),
        _average("ServiceApiLatency", "Overall Service Api Latency", "MilliSeconds", _RESULT),
    ],
    SERVER: [
        _average("cpu_percent", "CPU percent", "Percent"),
        _average("storage_percent", "Storage percent", "Percent"),
        _average("storage_used", "Storage used", "Bytes"),
        _average("active_connections", "Active Connections", "Count"),
        Metric(name="is_db_alive", title="Database Is Alive", unit="Count", primary="Maximum"),
    ],
    COMPONENT: [
        _average("availabilityResults/availabilityPercentage", "Availability", "Percent", _PLACE),
        _average("availabilityResults/duration", "Availability test duration", "MilliSeconds", _PLACE),
        *_counted("availabilityResults/count", primary="Count", dimensions=_PLACE),
        *_counted("exceptions/count", "requests/count", "requests/failed", "traces/count", primary="Count"),
    ],
}
_BY_TYPE = {type_.lower(): {one.name.lower(): one for one in metrics} for type_, metrics in _OBSERVED.items()}
