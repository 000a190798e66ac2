"""What Azure measured of an instance, and what its workload reported: the last figure, rows of its logs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from tenantry.adapters.azure_answers import failure
from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.errors import UnavailableError

__all__ = ["count_rows", "last_figure"]

_VERSION: Final = "2024-02-01"
_WINDOW: Final = timedelta(minutes=30)  # figures come minutes late


def last_figure(arm: Reads, resource_id: str, metric: str, *, now: datetime) -> float | None:
    """Return the newest average of a metric in the last half hour, None where there is none."""
    span = f"{now - _WINDOW:%Y-%m-%dT%H:%M:%SZ}/{now:%Y-%m-%dT%H:%M:%SZ}"
    found = arm.get(
        f"{resource_id}/providers/Microsoft.Insights/metrics",
        _VERSION,
        metricnames=metric,
        timespan=span,
        interval="PT1M",
        aggregation="Average",
    )
    points: list[dict[str, Any]] = [
        point
        for one in (found or {}).get("value", [])
        for series in one.get("timeseries", [])
        for point in series.get("data", [])
        if point.get("average") is not None
    ]
    return float(points[-1]["average"]) if points else None


def count_rows(logs: Arm, customer_id: str, query: str) -> int:
    """Return what a query that ends in ``count`` counts.

    Args:
        logs: the query service of Log Analytics.
        customer_id: of the workspace.
        query: in Kusto's language.

    Raises:
        UnavailableError: the service does not answer the query.
    """
    path = f"/v1/workspaces/{customer_id}/query"
    answer = logs.call("POST", path, body={"query": query})
    if answer.status != 200:  # noqa: PLR2004
        raise failure("POST", path, answer)
    try:
        return int(answer.body["tables"][0]["rows"][0][0])
    except (KeyError, IndexError, TypeError, ValueError):
        raise UnavailableError("the logs' answer cannot be read", code="unreadable-answer") from None
