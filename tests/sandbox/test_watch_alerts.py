"""Alerts of the sandbox: what really happens is told to the webhook once, and its end once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.sandbox.watched import REGION, Place
from tests.support.people import wait_until
from tests.support.sandbox import Sandbox
from tests.support.webhook import Webhook

_RULES = "2024-03-01-preview"
_QUERIES = "2023-12-01"
_ALERTS = "2019-03-01"


class _Alerts(Place):
    """A place with an action group that calls a webhook."""

    def __init__(self, sandbox: Sandbox, webhook: Webhook) -> None:
        super().__init__(sandbox)
        self.webhook = webhook
        self.people = self.people_of(webhook.url)

    def people_of(self, url: str) -> str:
        """An action group; return its id."""
        properties = {
            "groupShortName": "people",
            "emailReceivers": [
                {"name": "mail", "emailAddress": "ops@example.org", "useCommonAlertSchema": True}
            ],
            "webhookReceivers": [{"name": "hook", "serviceUri": url, "useCommonAlertSchema": True}],
        }
        path = f"Microsoft.Insights/actionGroups/people-{uuid.uuid4().hex[:6]}"
        return str(self.put(path, "2023-01-01", {"location": "Global", "properties": properties})["id"])

    def rule(
        self,
        name: str,
        scope: str,
        metric: str,
        *,
        above: float,
        how: str,
        window: str = "PT5M",
        dimensions: Sequence[dict[str, Any]] = (),
        people: str = "",
        enabled: bool = True,
    ) -> dict[str, Any]:
        """A rule about a metric, as tenantry makes them."""
        criterion = {
            "criterionType": "StaticThresholdCriterion",
            "name": "limit",
            "metricName": metric,
            "operator": "GreaterThan",
            "threshold": above,
            "timeAggregation": how,
            "dimensions": list(dimensions),
        }
        properties = {
            "enabled": enabled,
            "severity": 2,
            "scopes": [scope],
            "evaluationFrequency": "PT5M",
            "windowSize": window,
            "autoMitigate": True,
            "criteria": {
                "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                "allOf": [criterion],
            },
            "actions": [{"actionGroupId": people or self.people}],
        }
        path = f"Microsoft.Insights/metricAlerts/{name}"
        return self.put(path, "2018-03-01", {"location": "Global", "properties": properties})

    def later(self, minutes: int = 5, times: int = 1) -> None:
        """Move the clock, which does what is due."""
        for _ in range(times):
            self.faults("time", f"+{minutes}m")

    def told(self, rule: str, *conditions: str) -> None:
        """Expect exactly this to have been told of a rule."""
        wait_until(lambda: len(self.webhook.conditions(rule)) >= len(conditions))
        assert self.webhook.conditions(rule) == list(conditions)

    def listed(self, rule: str) -> list[dict[str, Any]]:
        """The alerts of a rule as Resource Manager lists them."""
        scope = f"{self.sandbox.subscription}/providers/Microsoft.AlertsManagement/alerts"
        found = self.arm.get(scope, _ALERTS)
        assert found is not None
        return [
            one for one in found["value"] if one["properties"]["essentials"]["alertRule"].endswith(f"/{rule}")
        ]


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    found = Webhook()
    yield found
    found.close()


@pytest.fixture(scope="module")
def alerts(sandbox: Sandbox, webhook: Webhook) -> Iterator[_Alerts]:
    found = _Alerts(sandbox, webhook)
    yield found
    found.close()


def test_a_stopped_workload_is_told_once_and_its_return_once(alerts: _Alerts) -> None:
    site, workspace = alerts.site(), alerts.workspace()
    component = alerts.put(
        "Microsoft.Insights/components/insights",
        "2020-02-02",
        {
            "location": REGION,
            "kind": "web",
            "properties": {"Application_Type": "web", "WorkspaceResourceId": workspace["id"]},
        },
    )
    test = alerts.put("Microsoft.Insights/webtests/health", "2022-06-15", _test_of(alerts, site, component))
    criteria = {
        "odata.type": "Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria",
        "webTestId": test["id"],
        "componentId": component["id"],
        "failedLocationCount": 2,
    }
    alerts.put(
        "Microsoft.Insights/metricAlerts/availability",
        "2018-03-01",
        {
            "location": "Global",
            "properties": {
                "enabled": True,
                "severity": 1,
                "scopes": [test["id"], component["id"]],
                "evaluationFrequency": "PT1M",
                "windowSize": "PT5M",
                "criteria": criteria,
                "actions": [{"actionGroupId": alerts.people}],
            },
        },
    )
    alerts.later()
    alerts.told("availability")
    alerts.arm.post(f"{site['id']}/stop", "2024-11-01", {})
    alerts.later(times=2)
    alerts.told("availability", "Fired")
    alerts.arm.post(f"{site['id']}/start", "2024-11-01", {})
    assert alerts.get(site) == 200
    alerts.later(times=3)
    alerts.told("availability", "Fired", "Resolved")


def test_denied_access_to_a_vault_is_told_once_and_its_end_once_over_a_restart(alerts: _Alerts) -> None:
    vault = alerts.vault()
    status = {"name": "StatusCode", "operator": "Include", "values": ["403"]}
    alerts.rule("denied", vault["id"], "ServiceApiResult", above=2, how="Count", dimensions=[status])
    assert [alerts.ask_vault(vault) for _ in range(2)] == [403] * 2
    alerts.later()
    alerts.told("denied")  # two are not more than two
    assert [alerts.ask_vault(vault) for _ in range(3)] == [403] * 3
    alerts.later()
    alerts.told("denied", "Fired")
    for verb in ("stop", "start"):  # figures are lost by it, the alert is not
        alerts.sandbox.command(verb)
    alerts.later(20)
    alerts.told("denied", "Fired", "Resolved")
    fired, resolved = (one["data"] for one in alerts.webhook.heard[-2:])
    assert fired["essentials"]["alertId"] == resolved["essentials"]["alertId"]
    assert fired["essentials"]["alertTargetIDs"] == [vault["id"].lower()]
    condition = fired["alertContext"]["condition"]["allOf"][0]
    assert (condition["metricValue"], condition["threshold"]) == (3.0, "2")
    assert condition["dimensions"] == [{"name": "StatusCode", "value": "403"}]
    assert "resolvedDateTime" in resolved["essentials"]
    (listed,) = alerts.listed("denied")
    assert listed["properties"]["essentials"]["monitorCondition"] == "Resolved"
    told = {one["kind"]: one["result"] for one in listed["properties"]["context"]["receivers"]}
    assert told == {"webhook": "succeeded", "email": "not sent: the sandbox calls webhooks only"}


def test_a_disk_that_fills_is_told_once_and_its_relief_once(alerts: _Alerts) -> None:
    server = alerts.server()
    alerts.rule("disk", server["id"], "storage_percent", above=85, how="Average", window="PT15M")
    alerts.later()
    alerts.told("disk")
    alerts.faults("disk", server["name"], "95")
    alerts.later(15)
    alerts.later()
    alerts.told("disk", "Fired")
    alerts.faults("clear")
    alerts.later(20, times=2)
    alerts.told("disk", "Fired", "Resolved")


def test_a_webhook_that_fails_at_first_hears_of_it_once_all_the_same(alerts: _Alerts) -> None:
    site = alerts.site()
    alerts.rule("failed", site["id"], "Http5xx", above=1, how="Total")
    alerts.webhook.refusals = 2
    assert [alerts.get(site, "/broken") for _ in range(2)] == [500, 500]
    alerts.later()
    alerts.told("failed", "Fired")


def test_a_rule_that_is_off_or_was_deleted_says_nothing(alerts: _Alerts) -> None:
    site = alerts.site()
    off = alerts.rule("off", site["id"], "Http5xx", above=0, how="Total", enabled=False)
    gone = alerts.rule("gone", site["id"], "Http5xx", above=0, how="Total")
    assert alerts.get(site, "/broken") == 500
    alerts.later()
    alerts.told("gone", "Fired")
    alerts.arm.delete(gone["id"], "2018-03-01")
    alerts.later(30)
    alerts.told("gone", "Fired")
    alerts.told("off")
    assert off["properties"]["enabled"] is False


def _test_of(alerts: _Alerts, site: dict[str, Any], component: dict[str, Any]) -> dict[str, Any]:
    places = ("emea-nl-ams-azr", "emea-gb-db3-azr", "us-va-ash-azr")
    return {
        "location": REGION,
        "kind": "standard",
        "tags": {f"hidden-link:{component['id']}": "Resource"},
        "properties": {
            "SyntheticMonitorId": "health",
            "Name": "health",
            "Kind": "standard",
            "Enabled": True,
            "Frequency": 300,
            "Timeout": 30,
            "Locations": [{"Id": place} for place in places],
            "Request": {
                "RequestUrl": f"https://{site['name']}.{alerts.sandbox.told['sites_suffix']}/",
                "HttpVerb": "GET",
            },
            "ValidationRules": {"ExpectedHttpStatusCode": 200, "SSLCheck": True},
        },
    }
