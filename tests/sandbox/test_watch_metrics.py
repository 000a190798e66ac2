"""Metrics of the sandbox: what azure-mgmt-monitor reads was observed of real parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.monitor import MonitorManagementClient

from tests.sandbox.watched import Place
from tests.support.sandbox import Sandbox


@pytest.fixture(scope="module")
def place(sandbox: Sandbox) -> Iterator[Place]:
    found = Place(sandbox)
    yield found
    found.close()


@pytest.fixture(scope="module")
def monitor(sandbox: Sandbox) -> Iterator[Any]:
    client = sandbox.client(MonitorManagementClient)
    yield client
    client.close()


def _total(found: Any, aggregation: str = "total") -> float:
    points = [point for series in found.value[0].timeseries for point in series.data]
    return sum(getattr(point, aggregation) or 0 for point in points)


def test_requests_of_a_site_are_counted_by_their_status(place: Place, monitor: Any) -> None:
    site = place.site()
    assert [place.get(site, path) for path in ("/", "/", "/broken")] == [200, 200, 500]
    for name, count in (("Requests", 3), ("Http2xx", 2), ("Http5xx", 1), ("Http4xx", 0)):
        assert _total(monitor.metrics.list(site["id"], metricnames=name, aggregation="Total")) == count
    found = monitor.metrics.list(site["id"], metricnames="HttpResponseTime", aggregation="Average")
    assert 0 < _total(found, "average") < 30
    assert found.namespace == "Microsoft.Web/sites"


def test_refusals_of_a_vault_are_counted_by_status_and_activity(place: Place, monitor: Any) -> None:
    vault = place.vault()
    assert [place.ask_vault(vault) for _ in range(3)] == [403] * 3
    found = monitor.metrics.list(
        vault["id"], metricnames="ServiceApiResult", aggregation="Count", filter="StatusCode eq '403'"
    )
    assert _total(found, "count") == 3
    split = monitor.metrics.list(
        vault["id"], metricnames="ServiceApiResult", aggregation="Count", filter="ActivityName eq '*'"
    )
    told = [one.metadatavalues[0].value for one in split.value[0].timeseries]
    assert told == ["secretlist"]
    none = monitor.metrics.list(
        vault["id"], metricnames="ServiceApiResult", aggregation="Count", filter="StatusCode eq '200'"
    )
    assert _total(none, "count") == 0


def test_a_server_is_measured_by_its_files_and_sessions(place: Place, monitor: Any) -> None:
    server = place.server()
    for _ in range(3):  # work is told from the second look on, a second after the one before
        place.faults("time", "+1m")
    names = "storage_used,storage_percent,active_connections,is_db_alive,cpu_percent"
    found = monitor.metrics.list(server["id"], metricnames=names, aggregation="Maximum")
    points = {
        one.name.value: [each for series in one.timeseries for each in series.data] for one in found.value
    }
    told = {name: [one.maximum for one in each if one.maximum is not None] for name, each in points.items()}
    assert 20_000_000 < told["storage_used"][-1] < 200_000_000
    assert told["storage_percent"][-1] == pytest.approx(told["storage_used"][-1] / (32 * 2**30) * 100)
    assert told["is_db_alive"][-1] == 1
    assert told["active_connections"][-1] == 0
    assert all(0 <= one <= 100 for one in told["cpu_percent"])


def test_metrics_are_described_and_unknown_ones_refused(place: Place, monitor: Any) -> None:
    vault = place.vault()
    told = {one.name.value: one for one in monitor.metric_definitions.list(vault["id"])}
    assert [one.value for one in told["ServiceApiHit"].dimensions] == ["ActivityType", "ActivityName"]
    for query in ({"metricnames": "Nothing"}, {"interval": "PT3M"}, {"aggregation": "Median"}):
        with pytest.raises(HttpResponseError) as refused:
            monitor.metrics.list(vault["id"], **{"metricnames": "ServiceApiHit", **query})
        assert refused.value.status_code == 400
    with pytest.raises(HttpResponseError, match="Failed to find metric configuration"):
        monitor.metrics.list(vault["id"], metricnames="Nothing")
