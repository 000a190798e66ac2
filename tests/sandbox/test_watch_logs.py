"""Logs of the sandbox: rows come from real parts, azure-monitor-query asks them, and they are erased."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
from azure.monitor.query import LogsQueryClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.sandbox.watched import REGION, Place
from tests.support.people import wait_until
from tests.support.plain_http import ask
from tests.support.sandbox import Sandbox
from tests.support.webhook import Webhook

_DAY = dt.timedelta(days=1)


class _Logs(Place):
    """A place with a client of the query plane."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        endpoint = f"https://api.loganalytics.{sandbox.told['suffix']}"
        port = sandbox.told["arm"].rpartition(":")[2]
        self.client = LogsQueryClient(
            sandbox.credential(),
            endpoint=f"{endpoint}:{port}" if port.isdigit() else endpoint,
            connection_verify=sandbox.told["ca_file"],
            use_env_settings=False,
        )

    def ask(self, workspace: dict[str, Any], query: str, timespan: Any = _DAY) -> list[dict[str, Any]]:
        answer: Any = self.client.query_workspace(
            workspace["properties"]["customerId"], query, timespan=timespan
        )
        found = answer.tables[0]
        return [dict(zip(found.columns, row, strict=True)) for row in found.rows]

    def component(self, workspace: dict[str, Any]) -> dict[str, Any]:
        properties = {"Application_Type": "web", "WorkspaceResourceId": workspace["id"]}
        path = f"Microsoft.Insights/components/appi-{uuid.uuid4().hex[:8]}"
        body = {"location": REGION, "kind": "web", "properties": properties}
        return self.put(path, "2020-02-02", body)

    def track(self, *envelopes: dict[str, Any], packed: bool = False) -> tuple[int, dict[str, Any]]:
        """Send envelopes as an SDK does, one in a line."""
        body = "\n".join(json.dumps(one) for one in envelopes).encode()
        headers = {"Content-Type": "application/x-json-stream"}
        if packed:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        url = f"https://ingest.applicationinsights.{self.sandbox.told['suffix']}/v2.1/track"
        answer = ask(url, body=body, headers=headers, ca_file=self.sandbox.told["ca_file"])
        return answer.status, answer.json


@pytest.fixture(scope="module")
def logs(sandbox: Sandbox) -> Iterator[_Logs]:
    found = _Logs(sandbox)
    yield found
    found.client.close()
    found.close()


def test_a_site_sends_its_output_and_its_requests(logs: _Logs) -> None:
    workspace, site = logs.workspace(), logs.site()
    assert logs.get(site, "/before") == 200
    logs.send_logs(site, workspace)
    assert [logs.get(site, path) for path in ("/", "/broken")] == [200, 500]
    logs.faults("time", "+1s")
    found = logs.ask(workspace, "AppServiceHTTPLogs | where ScStatus >= 500 | project CsUriStem, ScStatus")
    assert found == [{"CsUriStem": "/broken", "ScStatus": 500}]
    text = "AppServiceConsoleLogs | where ResultDescription has 'request' | count"
    assert logs.ask(workspace, text)[0]["Count"] >= 2
    found = logs.ask(workspace, "AppServiceHTTPLogs | summarize count() by CsMethod, _ResourceId")
    assert found == [{"CsMethod": "GET", "_ResourceId": site["id"].lower(), "count_": 2}]


def test_a_vault_and_a_server_send_their_logs(logs: _Logs) -> None:
    workspace, vault, server = logs.workspace(), logs.vault(), logs.server()
    for one in (vault, server):
        logs.send_logs(one, workspace)
    assert logs.ask_vault(vault) == 403
    logs.arm.post(f"{server['id']}/restart", "2024-08-01", {})
    logs.faults("time", "+1s")
    found = logs.ask(workspace, "AzureDiagnostics | where Category == 'AuditEvent'")
    assert [(one["OperationName"], one["httpStatusCode_d"]) for one in found] == [("SecretList", 403.0)]
    assert found[0]["ResourceProvider"] == "MICROSOFT.KEYVAULT"
    query = (
        "AzureDiagnostics | where Category == 'PostgreSQLLogs' and Message has 'ready to accept connections'"
    )
    assert [one["LogicalServerName_s"] for one in logs.ask(workspace, query)][:1] == [server["name"]]


def test_an_exception_of_a_workload_is_told_once_and_its_end_once(
    logs: _Logs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("STATSBEAT_DISABLED_ALL", "CONTROLPLANE_DISABLED", "SDKSTATS_DISABLED"):
        monkeypatch.setenv(f"APPLICATIONINSIGHTS_{name}", "true")  # nothing goes anywhere else
    webhook = Webhook()
    workspace = logs.workspace()
    component = logs.component(workspace)
    _rule(logs, workspace, webhook)
    provider = TracerProvider()
    exporter = AzureMonitorTraceExporter(
        tracer_provider=provider,
        connection_string=component["properties"]["ConnectionString"],
        connection_verify=logs.sandbox.told["ca_file"],
        disable_offline_storage=True,
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.raises(RuntimeError), provider.get_tracer("tests").start_as_current_span("work"):
        raise RuntimeError("the till is empty")
    provider.shutdown()
    (found,) = logs.ask(workspace, "AppExceptions")
    assert (found["ExceptionType"], found["OuterMessage"]) == ("RuntimeError", "the till is empty")
    logs.faults("time", "+40m")
    logs.faults("time", "+5m")
    wait_until(lambda: len(webhook.heard) >= 2)
    assert webhook.conditions("exceptions") == ["Fired", "Resolved"]
    context = webhook.heard[0]["data"]["alertContext"]
    assert context["conditionType"] == "LogQueryCriteria"
    assert context["condition"]["allOf"][0]["metricValue"] == 1.0
    webhook.close()


def test_envelopes_are_taken_packed_or_not_and_refused_one_by_one(logs: _Logs) -> None:
    workspace = logs.workspace()
    key = logs.component(workspace)["properties"]["InstrumentationKey"]
    good, stranger, old = _message(key, "good"), _message(str(uuid.uuid4()), "no"), _message(key, "old")
    old["time"] = "2020-01-01T00:00:00Z"
    status, told = logs.track(good, stranger, old)
    assert (status, told["itemsReceived"], told["itemsAccepted"]) == (206, 3, 1)
    assert [one["index"] for one in told["errors"]] == [1, 2]
    assert logs.track(_message(key, "packed"), packed=True)[0] == 200
    assert logs.track(stranger)[0] == 400
    rows = logs.ask(workspace, "AppTraces | order by TimeGenerated asc | project Message, ClientIP")
    assert [one["Message"] for one in rows] == ["good", "packed"]
    assert rows[0]["ClientIP"] == "0.0.0.0"


def test_queries_that_are_not_known_are_refused_and_strangers_too(logs: _Logs) -> None:
    workspace = logs.workspace()
    for query, why in (("AppTraces | join (B) on c", "SyntaxError"), ("NoTable", "SemanticError")):
        with pytest.raises(HttpResponseError) as refused:
            logs.ask(workspace, query)
        assert refused.value.status_code == 400
        assert refused.value.error is not None
        assert refused.value.error.innererror["code"] == why
    with pytest.raises(HttpResponseError) as refused:
        logs.client.query_workspace(str(uuid.uuid4()), "AppTraces", timespan=None)
    assert refused.value.status_code == 404
    with pytest.raises(HttpResponseError) as refused:
        LogsQueryClient(
            logs.sandbox.credential(),
            endpoint=f"https://api.loganalytics.{logs.sandbox.told['suffix']}",
            audience=logs.sandbox.told["arm"],
            connection_verify=logs.sandbox.told["ca_file"],
        ).query_workspace(workspace["properties"]["customerId"], "AppTraces", timespan=None)
    assert refused.value.status_code == 401


def test_rows_are_kept_for_their_days_and_leave_no_bytes(logs: _Logs) -> None:
    workspace = logs.workspace(retentionInDays=30)
    key = logs.component(workspace)["properties"]["InstrumentationKey"]
    marker = f"marker-{uuid.uuid4().hex}"
    logs.track(_message(key, marker))
    assert _found_in_files(logs, marker)
    logs.faults("time", "+31d")
    kept = [one["Message"] for one in logs.ask(workspace, "AppTraces", None)]
    assert kept == [marker], "Application Insights' own: 90 days, whatever the workspace says"
    logs.faults("time", "+60d")
    assert logs.ask(workspace, "AppTraces", None) == []
    assert not _found_in_files(logs, marker)


def test_a_table_keeps_its_rows_for_days_of_its_own(logs: _Logs) -> None:
    workspace = logs.workspace(retentionInDays=60)
    key = logs.component(workspace)["properties"]["InstrumentationKey"]
    short, archived = (f"marker-{uuid.uuid4().hex}" for _ in range(2))
    for table, days, whole in (("AppTraces", 7, 7), ("AppEvents", 7, 60)):
        asked = {"properties": {"retentionInDays": days, "totalRetentionInDays": whole}}
        logs.arm.patch(f"{workspace['id']}/tables/{table}", "2023-09-01", asked)
    logs.track(_message(key, short), _event(key, archived))
    logs.faults("time", "+6d")
    assert [one["Message"] for one in logs.ask(workspace, "AppTraces", None)] == [short]
    assert [one["Name"] for one in logs.ask(workspace, "AppEvents", None)] == [archived]
    logs.faults("time", "+2d")
    assert logs.ask(workspace, "AppTraces", None) == []
    assert not _found_in_files(logs, short)
    assert logs.ask(workspace, "AppEvents", None) == [], "in the archive no query finds it"
    assert _found_in_files(logs, archived)
    logs.faults("time", "+53d")
    assert not _found_in_files(logs, archived)


def test_thirty_days_are_thirty_one_unless_the_workspace_purges_at_once(logs: _Logs) -> None:
    markers = {}
    for at_once in (False, True):
        workspace = logs.workspace(retentionInDays=30, features={"immediatePurgeDataOn30Days": at_once})
        table = f"{workspace['id']}/tables/AppTraces"
        logs.arm.patch(table, "2023-09-01", {"properties": {"retentionInDays": 30}})
        told = (logs.arm.get(table, "2023-09-01") or {})["properties"]
        assert (told["retentionInDays"], told["totalRetentionInDays"]) == (30, 30)
        markers[at_once] = f"marker-{uuid.uuid4().hex}", workspace
        logs.track(
            _message(logs.component(workspace)["properties"]["InstrumentationKey"], markers[at_once][0])
        )
    logs.faults("time", "+30d")
    (kept, its), (purged, purging) = markers[False], markers[True]
    assert [one["Message"] for one in logs.ask(its, "AppTraces", None)] == [kept]
    assert logs.ask(purging, "AppTraces", None) == []
    assert not _found_in_files(logs, purged)
    logs.faults("time", "+1d")
    assert logs.ask(its, "AppTraces", None) == []
    assert not _found_in_files(logs, kept)


def test_a_recovered_workspace_has_the_days_of_its_tables_again(logs: _Logs) -> None:
    workspace = logs.workspace()
    table = f"{workspace['id']}/tables/AppTraces"
    logs.arm.patch(table, "2023-09-01", {"properties": {"retentionInDays": 7}})
    logs.arm.delete(workspace["id"], "2025-02-01")
    logs.put(workspace["id"], "2025-02-01", {"location": REGION})
    assert (logs.arm.get(table, "2023-09-01") or {})["properties"]["retentionInDays"] == 7


def test_a_deleted_workspace_has_its_rows_again_until_its_days_are_over(logs: _Logs) -> None:
    workspace, other = logs.workspace(), logs.workspace()
    marker = f"marker-{uuid.uuid4().hex}"
    for one in (workspace, other):
        logs.track(_message(logs.component(one)["properties"]["InstrumentationKey"], marker))
    logs.arm.delete(workspace["id"], "2025-02-01")
    with pytest.raises(HttpResponseError):
        logs.ask(workspace, "AppTraces")
    logs.put(workspace["id"], "2025-02-01", {"location": REGION})
    assert [one["Message"] for one in logs.ask(workspace, "AppTraces")] == [marker]
    logs.arm.call("DELETE", other["id"], version="2025-02-01", query={"force": "true"})
    assert _found_in_files(logs, marker) == 1
    logs.arm.delete(workspace["id"], "2025-02-01")
    logs.faults("time", "+13d")
    assert _found_in_files(logs, marker) == 1
    logs.faults("time", "+2d")
    assert _found_in_files(logs, marker) == 0


def _rule(logs: _Logs, workspace: dict[str, Any], webhook: Webhook) -> None:
    hook = {"name": "hook", "serviceUri": webhook.url, "useCommonAlertSchema": True}
    people = logs.put(
        "Microsoft.Insights/actionGroups/people",
        "2023-01-01",
        {"location": "Global", "properties": {"groupShortName": "people", "webhookReceivers": [hook]}},
    )
    condition = {
        "query": "AppExceptions",
        "timeAggregation": "Count",
        "operator": "GreaterThan",
        "threshold": 0,
        "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
    }
    properties = {
        "enabled": True,
        "severity": 2,
        "scopes": [workspace["id"]],
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "autoMitigate": True,
        "criteria": {"allOf": [condition]},
        "actions": {"actionGroups": [people["id"]]},
    }
    body = {"location": REGION, "kind": "LogAlert", "properties": properties}
    logs.put("Microsoft.Insights/scheduledQueryRules/exceptions", "2023-12-01", body)


def _message(key: str, text: str) -> dict[str, Any]:
    return {
        "ver": 1,
        "name": "Microsoft.ApplicationInsights.Message",
        "time": dt.datetime.now(dt.UTC).isoformat(),
        "iKey": key,
        "tags": {"ai.cloud.role": "tests"},
        "data": {"baseType": "MessageData", "baseData": {"ver": 2, "message": text, "severityLevel": 1}},
    }


def _event(key: str, name: str) -> dict[str, Any]:
    data = {"baseType": "EventData", "baseData": {"ver": 2, "name": name}}
    return {**_message(key, ""), "name": "Microsoft.ApplicationInsights.Event", "data": data}


def _found_in_files(logs: _Logs, text: str) -> int:
    """How many files of the sandbox have a text in them; those of clusters have no logs."""
    return sum("postgres" not in one.parts for one in logs.sandbox.files_with(text))
