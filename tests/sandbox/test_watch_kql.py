"""Queries of logs: what is understood, what it finds, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantry.sandbox.watch.kql import Frame, QueryFault, parse

_NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
_COLUMNS = {"TimeGenerated": "datetime", "Name": "string", "Status": "long", "Seconds": "real"}
_ROWS = [
    {"TimeGenerated": _NOW - timedelta(minutes=minutes), "Name": name, "Status": status, "Seconds": seconds}
    for minutes, name, status, seconds in (
        (90, "GET /health", 200, 0.5),
        (30, "GET /orders", 500, 2.0),
        (10, "POST /orders", 201, 1.5),
        (5, 'GET "/q"', 404, None),
    )
]


def _run(text: str) -> list[dict[str, Any]]:
    return [dict(row) for row in parse(text).run(Frame(_COLUMNS, _ROWS), _NOW).rows]


def _statuses(text: str) -> list[int]:
    return [row["Status"] for row in _run(text)]


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("T", [200, 500, 201, 404]),
        ("T | where Status == 500", [500]),
        ("T | where Status != 500 and Status < 300", [200, 201]),
        ("T | where Status > 400 or Name has 'health'", [200, 500, 404]),
        ("T | where Name has 'order'", []),
        ("T | where Name contains 'ORDER'", [500, 201]),
        ("T | where Name !contains 'order'", [200, 404]),
        ("T | where Name startswith 'post'", [201]),
        ("T | where Name =~ 'get /HEALTH'", [200]),
        ('T | where Name == "GET \\"/q\\""', [404]),
        ("T | where Status between (201 .. 404)", [201, 404]),
        ("T | where Status !between (201 .. 404)", [200, 500]),
        ("T | where Status in (200, 404)", [200, 404]),
        ("T | where not(Status in (200, 404))", [500, 201]),
        ("T | where TimeGenerated > ago(15m)", [201, 404]),
        ("T | where TimeGenerated between (ago(1h) .. now())", [500, 201, 404]),
        ("T | where TimeGenerated < datetime(2026-05-01T11:00:00Z)", [200]),
        ("T | where isnull(Seconds)", [404]),
        ("T | where Seconds < 1", [200]),
        ("T | where (Status == 200 or Status == 201) and Seconds > 1 // those", [201]),
        ("T | order by Status", [500, 404, 201, 200]),
        ("T | sort by Status asc | take 2", [200, 201]),
        ("T\n| top 1 by Status", [500]),
        ("T | where Status >= 400 | limit 1", [500]),
    ],
)
def test_a_query_finds_its_rows(text: str, statuses: list[int]) -> None:
    assert _statuses(text) == statuses


def test_rows_are_counted_and_summed_up() -> None:
    assert _run("T | count") == [{"Count": 4}]
    assert _run("T | where Status == 1 | summarize count()") == [{"count_": 0}]
    found = _run(
        "T | summarize Number = count(), max(Seconds), avg(Seconds) by Hour = bin(TimeGenerated, 1h)"
    )
    assert found == [
        {"Hour": _NOW - timedelta(hours=2), "Number": 1, "max_Seconds": 0.5, "avg_Seconds": 0.5},
        {"Hour": _NOW - timedelta(hours=1), "Number": 3, "max_Seconds": 2.0, "avg_Seconds": 1.75},
    ]
    assert _run("T | summarize dcount(Name)") == [{"dcount_Name": 4}]


def test_columns_are_chosen_renamed_and_made_distinct() -> None:
    assert _run("T | project Code = Status | take 1") == [{"Code": 200}]
    query = parse("T | summarize count() by Status | project Status, count_")
    assert query.run(Frame(_COLUMNS, _ROWS), _NOW).columns == {"Status": "long", "count_": "long"}
    assert _run("T | where Status >= 500 or Status < 300 | project Name | distinct Name | count") == [
        {"Count": 3}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "T | extend a = 1",
        "T | where",
        "T | where Status = 1",
        "T | where Status ==",
        "T where Status == 1",
        "T | join (U) on a",
        "T | where Name == 'open",
        "T | take many",
        "T | summarize percentile(Seconds, 95)",
        "let a = 1; T",
        "T | where TimeGenerated > datetime(yesterday)",
    ],
)
def test_what_is_not_known_is_refused_as_a_syntax_error(text: str) -> None:
    with pytest.raises(QueryFault) as refused:
        parse(text)
    assert refused.value.code == "SYN0002"


@pytest.mark.parametrize("text", ["T | where No == 1", "T | project No", "T | summarize count() by No"])
def test_a_column_that_is_not_there_is_named(text: str) -> None:
    with pytest.raises(QueryFault, match="named 'No'") as refused:
        _run(text)
    assert refused.value.code == "SEM0100"


def test_an_error_says_where_it_is() -> None:
    with pytest.raises(QueryFault) as refused:
        parse("T\n| where Status == 1\n| nonsense")
    assert refused.value.at is not None
    assert (refused.value.at.text, refused.value.at.line, refused.value.at.column) == ("nonsense", 3, 2)
