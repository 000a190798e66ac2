"""What rules say at a moment, from figures and rows that were observed; when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tenantry.sandbox.kinds import ArmFault, Resource
from tenantry.sandbox.watch import spans
from tenantry.sandbox.watch.aggregate import Wanted, merged, read_filter
from tenantry.sandbox.watch.checking import check_metric_rule, check_query_rule
from tenantry.sandbox.watch.envelopes import row_of
from tenantry.sandbox.watch.evaluating import due_times, floor, quiet_times
from tenantry.sandbox.watch.filling import used_bytes
from tenantry.sandbox.watch.logs import Logs
from tenantry.sandbox.watch.rules import METRIC_RULE, QUERY_RULE, Rules
from tenantry.sandbox.watch.samples import Samples
from tests.sandbox.parts_cloud import GROUP, MemoryCloud

_NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
_WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log"


class _Watched:
    """A cloud in memory with figures and rows."""

    def __init__(self, folder: Path) -> None:
        self.cloud = MemoryCloud(folder, address="127.0.0.1")
        self.samples = Samples()
        self.logs = Logs(self.cloud, folder / "logs")
        self.rules = Rules(self.cloud, self.samples, self.logs)
        for type_, id_ in (("Microsoft.KeyVault/vaults", _VAULT),
                           ("Microsoft.OperationalInsights/workspaces", _WORKSPACE)):  # fmt: skip
            name = id_.rpartition("/")[2]
            properties = {"customerId": "c0ffee00-0000-4000-8000-000000000000"}
            self.cloud.save(Resource(id_, type_, name, "westeurope", {"properties": properties}))

    def add(self, minutes: int, value: float = 1, **dimensions: str) -> None:
        """Observe a figure so many minutes before now."""
        at = _NOW - _MINUTE * minutes
        self.samples.add(_VAULT, "ServiceApiResult", value, at=at, dimensions=dimensions)

    def met(self, rule: Resource, at: datetime = _NOW) -> list[bool | None]:
        return [one.met for one in self.rules.verdicts(rule, at)]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[_Watched]:
    found = _Watched(tmp_path)
    yield found
    found.logs.close()


def _metric_rule(
    *, how: str = "Count", above: float = 2, dimensions: Sequence[dict[str, Any]] = (), **more: Any
) -> Resource:
    criterion = {
        "criterionType": "StaticThresholdCriterion",
        "metricName": "ServiceApiResult",
        "operator": "GreaterThan",
        "threshold": above,
        "timeAggregation": how,
        "dimensions": list(dimensions),
        **more,
    }
    properties = {
        "scopes": [_VAULT],
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "criteria": {"allOf": [criterion]},
    }
    return Resource(f"{GROUP}/rule", METRIC_RULE, "rule", "", {"properties": properties})


def _query_rule(every: str = "PT5M", **condition: Any) -> Resource:
    one = {"query": "AppTraces", "timeAggregation": "Count", "operator": "GreaterThan", "threshold": 0}
    properties = {
        "scopes": [_WORKSPACE],
        "evaluationFrequency": every,
        "windowSize": "PT5M",
        "criteria": {"allOf": [{**one, **condition}]},
    }
    return Resource(f"{GROUP}/rule", QUERY_RULE, "rule", "", {"properties": properties})


def test_a_rule_counts_the_whole_minutes_of_its_window(watched: _Watched) -> None:
    for minutes in (6, 5, 3, 1, 0):  # the first is too old, the last belongs to the next window
        watched.add(minutes)
    assert watched.met(_metric_rule(above=2)) == [True]
    assert watched.met(_metric_rule(above=3)) == [False]


def test_a_rule_looks_at_each_combination_of_its_dimensions(watched: _Watched) -> None:
    watched.add(1, StatusCode="403", ActivityName="secretget")
    watched.add(1, StatusCode="403", ActivityName="keyget")
    watched.add(1, StatusCode="200", ActivityName="secretget")
    denied = {"name": "StatusCode", "operator": "Include", "values": ["403"]}
    every = {"name": "ActivityName", "operator": "Include", "values": ["*"]}
    assert watched.met(_metric_rule(above=1, dimensions=[denied])) == [True]
    assert watched.met(_metric_rule(above=0, dimensions=[denied, every])) == [True, True]
    others = {"name": "StatusCode", "operator": "Exclude", "values": ["403"]}
    assert watched.met(_metric_rule(above=0, dimensions=[others])) == [True]


def test_nothing_counted_is_zero_and_an_average_of_nothing_is_not_known(watched: _Watched) -> None:
    denied = {"name": "StatusCode", "operator": "Include", "values": ["403"]}
    assert watched.met(_metric_rule(dimensions=[denied])) == [False]
    assert watched.met(_metric_rule(how="Average")) == [None]


@pytest.mark.parametrize(("how", "limit"), [("Average", 4), ("Maximum", 9), ("Total", 12), ("Minimum", 1)])
def test_every_aggregation_is_what_it_says(watched: _Watched, how: str, limit: float) -> None:
    for value in (1, 2, 9):
        watched.add(1, value)
    assert watched.met(_metric_rule(how=how, above=limit)) == [False]
    assert watched.met(_metric_rule(how=how, above=limit - 0.5)) == [True]


def test_a_query_counts_rows_in_its_window_and_splits_them(watched: _Watched) -> None:
    workspace = watched.cloud.find(_WORKSPACE)
    assert workspace is not None
    assert watched.met(_query_rule()) == [False]
    rows = [
        (_NOW - _MINUTE * minutes, {"AppRoleName": name}) for minutes, name in ((1, "a"), (2, "b"), (9, "c"))
    ]
    watched.logs.write(workspace, "AppTraces", rows, _VAULT)
    assert watched.met(_query_rule(threshold=1)) == [True]
    assert watched.met(_query_rule(threshold=2)) == [False]
    split = [{"name": "AppRoleName", "operator": "Include", "values": ["*"]}]
    assert watched.met(_query_rule(dimensions=split)) == [True, True]
    periods = {"numberOfEvaluationPeriods": 2, "minFailingPeriodsToAlert": 2}
    assert watched.met(_query_rule(failingPeriods=periods)) == [True]
    assert watched.met(_query_rule(failingPeriods=periods), _NOW + 5 * _MINUTE) == [False]


def test_many_due_times_are_looked_at_from_both_ends() -> None:
    last = floor(_NOW, 5 * _MINUTE)
    assert due_times(last, last + 4 * _MINUTE, 5 * _MINUTE) == []
    assert due_times(last, last + 11 * _MINUTE, 5 * _MINUTE) == [last + 5 * _MINUTE, last + 10 * _MINUTE]
    found = due_times(last, last + timedelta(days=7), 5 * _MINUTE)
    assert (len(found), found[0], found[-1]) == (24, last + 5 * _MINUTE, last + timedelta(days=7))


def test_an_alert_is_resolved_after_as_many_quiet_looks_as_azure_wants() -> None:
    assert quiet_times(_metric_rule()) == 3
    looks = {every: quiet_times(_query_rule(every)) for every in ("PT1M", "PT5M", "PT15M", "PT1H", "PT11H")}
    assert looks == {"PT1M": 10, "PT5M": 3, "PT15M": 3, "PT1H": 2, "PT11H": 1}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("", -60, 0),
        ("PT5M", -5, 0),
        ("2026-05-01T11:00:00Z/2026-05-01T11:30:00Z", -60, -30),
        ("2026-05-01T11:00:00Z/PT10M", -60, -50),
        ("PT10M/2026-05-01T11:00:00Z", -70, -60),
    ],
)
def test_a_timespan_is_read_in_each_of_its_forms(text: str, start: int, end: int) -> None:
    found = spans.between(text, _NOW, default=timedelta(hours=1))
    assert found == (_NOW + _MINUTE * start, _NOW + _MINUTE * end)


@pytest.mark.parametrize("text", ["yesterday", "5M", "PT", "2026-05-01/never"])
def test_what_is_no_timespan_is_refused(text: str) -> None:
    with pytest.raises(ArmFault, match="Invalid timespan"):
        spans.between(text, _NOW, default=timedelta(hours=1))


def test_a_filter_of_metrics_is_read_and_applied() -> None:
    found = read_filter("StatusCode eq '403' or StatusCode eq '401' and ActivityName eq '*'")
    assert found == [Wanted("StatusCode", ["403", "401"]), Wanted("ActivityName", ["*"])]
    assert read_filter("StatusCode > 400") is None
    samples = Samples()
    for code in ("401", "403", "200"):
        samples.add(_VAULT, "m", 1, at=_NOW, dimensions={"StatusCode": code})
    told = merged(samples.read(_VAULT, "M"), [Wanted("statuscode", ["4"], "sw")])
    assert [one.dimensions for one in told] == [{"statuscode": "401"}, {"statuscode": "403"}]


def test_rules_that_could_never_fire_are_refused(watched: _Watched) -> None:
    for rule in (
        _metric_rule(metricName="Nothing"),
        _metric_rule(criterionType="DynamicThresholdCriterion"),
        _metric_rule(operator="About"),
    ):
        with pytest.raises(ArmFault):
            check_metric_rule(watched.cloud, rule)
    check_metric_rule(watched.cloud, _metric_rule(metricName="Nothing", skipMetricValidation=True))
    for query in ("AppTraces | join (B) on c", "NoTable"):
        with pytest.raises(ArmFault, match="couldn't be validated"):
            check_query_rule(_query_rule(query=query))


def test_an_envelope_of_a_request_becomes_its_row() -> None:
    base = {"name": "GET /", "duration": "1.02:03:04.5", "responseCode": "500", "success": False}
    envelope = {"iKey": "k", "sampleRate": 50, "data": {"baseType": "RequestData", "baseData": base}}
    found = row_of(envelope)
    assert found is not None
    table, row = found
    assert (table, row["DurationMs"], row["Success"], row["ItemCount"]) == (
        "AppRequests",
        93784500.0,
        False,
        2,
    )
    assert row_of({"data": {"baseType": "MetricData", "baseData": {}}}) is None


def test_a_file_without_blocks_counts_as_long_as_it_says(tmp_path: Path) -> None:
    with (tmp_path / "long").open("wb") as file:
        file.truncate(30 * 2**30)
    assert used_bytes(tmp_path) == 30 * 2**30
