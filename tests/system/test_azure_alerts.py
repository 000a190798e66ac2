"""The rules that a deployed instance has: what goes wrong reaches its people once, and its end once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tenantry.cli.sandboxing import faults
from tests.support.azure_fleet import Fleet, running_fleet
from tests.support.people import wait_until
from tests.support.plain_http import ask
from tests.support.webhook import Webhook

pytestmark = pytest.mark.timeout(600)
_SITES = "2025-05-01"


@dataclass(frozen=True, kw_only=True)
class _Watched:
    """A deployed instance, and whom its action group calls."""

    fleet: Fleet
    webhook: Webhook
    url: str

    def later(self, minutes: int = 5, times: int = 1) -> None:
        for _ in range(times):
            self.fault("time", f"+{minutes}m")

    def fault(self, kind: str, *values: str) -> None:
        """What ``tenantry sandbox faults`` does, without a process for each."""
        faults(self.fleet.workspace, kind, values, match="")

    def told(self, rule: str) -> list[str]:
        """Return what was told of a rule, in order."""
        heard = [one["data"]["essentials"] for one in list(self.webhook.heard)]
        return [one["monitorCondition"] for one in heard if one["alertRule"].startswith(f"alert-{rule}-")]

    def expect(self, rule: str, *conditions: str) -> None:
        wait_until(lambda: len(self.told(rule)) >= len(conditions))
        assert self.told(rule) == list(conditions)

    def id_of(self, type_: str, prefix: str = "") -> str:
        listed = self.fleet.sandbox.arm().list(f"{self.fleet.group('kenya')}/resources", "2021-04-01")
        return next(
            str(one["id"]) for one in listed if one["type"] == type_ and one["name"].startswith(prefix)
        )

    def ask(self, url: str, *, body: bytes | None = None, **headers: str) -> int:
        return ask(url, body=body, headers=headers, ca_file=self.fleet.sandbox.told["ca_file"]).status


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Watched]:
    webhook = Webhook()
    try:
        with running_fleet(tmp_path_factory.mktemp("azure"), webhook=webhook.url) as fleet:
            yield _Watched(fleet=fleet, webhook=webhook, url=str(fleet.deployed("kenya")["url"]))
    finally:
        webhook.close()


def test_a_workload_that_stops_is_told_once_and_its_return_once(watched: _Watched) -> None:
    watched.later(times=2)
    watched.expect("availability")
    site, arm = watched.id_of("Microsoft.Web/sites"), watched.fleet.sandbox.arm()
    arm.post(f"{site}/stop", _SITES)
    watched.later(times=2)
    watched.expect("availability", "Fired")
    arm.post(f"{site}/start", _SITES)
    wait_until(lambda: watched.ask(f"{watched.url}/health") == 200)
    watched.later(times=3)
    watched.expect("availability", "Fired", "Resolved")


def test_a_disk_that_fills_is_told_once_is_seen_by_health_and_its_relief_is_told_once(
    watched: _Watched,
) -> None:
    server = watched.id_of("Microsoft.DBforPostgreSQL/flexibleServers").rpartition("/")[2]
    watched.fault("disk", server, "95")
    watched.later(15)
    watched.later()
    watched.expect("database-storage", "Fired")
    assert watched.fleet.condition("kenya", "DatabaseSpace", expect=1)["reason"] == "AlmostFull"
    watched.fault("clear")
    watched.later(20, times=2)
    watched.expect("database-storage", "Fired", "Resolved")


def test_denied_access_to_a_vault_is_told_once_and_its_end_once(watched: _Watched) -> None:
    vault = watched.id_of("Microsoft.KeyVault/vaults", "kvs-").rpartition("/")[2]
    token = watched.fleet.sandbox.credential().get_token("https://vault.azure.net/.default").token
    url = f"https://{vault}.{watched.fleet.sandbox.told['vault_suffix']}/secrets?api-version=7.4"
    assert {watched.ask(url, Authorization=f"Bearer {token}") for _ in range(7)} == {403}
    watched.later()
    watched.expect("denied-secrets-vault", "Fired")
    watched.later(20)
    watched.expect("denied-secrets-vault", "Fired", "Resolved")


def test_an_exception_of_the_workload_is_told_once_and_its_end_once(watched: _Watched) -> None:
    arm = watched.fleet.sandbox.arm()
    component = arm.get(watched.id_of("Microsoft.Insights/components"), "2020-02-02")
    assert component is not None
    end = f"https://ingest.applicationinsights.{watched.fleet.sandbox.told['suffix']}/v2.1/track"
    # A workload has this machine's time; the sandbox makes the cloud's of it.
    at = datetime.now(UTC).isoformat()
    envelope = _exception(component["properties"]["InstrumentationKey"], at=at)
    assert watched.ask(end, body=json.dumps(envelope).encode()) == 200
    watched.later()
    watched.expect("exceptions", "Fired")
    watched.later(20)
    watched.expect("exceptions", "Fired", "Resolved")


def test_nothing_else_was_told(watched: _Watched) -> None:
    rules = {one["data"]["essentials"]["alertRule"] for one in watched.webhook.heard}
    assert {rule.partition("-kenya")[0] for rule in rules} == {
        *("alert-availability", "alert-database-storage", "alert-denied-secrets-vault", "alert-exceptions")
    }


def _exception(key: str, *, at: str) -> dict[str, Any]:
    """Return an envelope as SDKs of Application Insights send it."""
    told = {"ver": 2, "exceptions": [{"id": 1, "typeName": "TypeError", "message": "met by a person"}]}
    return {
        "name": "Microsoft.ApplicationInsights.Exception",
        "time": at,
        "iKey": key,
        "tags": {"ai.cloud.role": "web"},
        "data": {"baseType": "ExceptionData", "baseData": told},
    }
