"""Faults name what is there: a fault for something else would never be met."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tenantry.cli.sandboxing import faults
from tenantry.errors import UsageError
from tests.support.plain_http import plain
from tests.support.sandbox import Sandbox

Ask = Callable[..., list[str]]
# What is asked for, then a part of the hint.
UNKNOWN = {
    "capacity westerope": "did you mean westeurope?",
    "capacity mars": "tenantry region list --all",
    "standby mars": "tenantry region list --all",
    "disk psql-kenya 95": "it has none yet",
    "stuck valts": "did you mean vaults?",
    "stuck Microsoft.KeyVault/valts": "did you mean Microsoft.KeyVault/vaults?",
    "policy flexibleServer": "did you mean flexibleServers?",
    "code SkuNotAvailable toys": "such as vaults",
    "fail Conflict valts": "did you mean vaults?",
    "fail Conflict Microsoft.Web/sites": "faults code CODE Microsoft.Web/sites --match PUT",
}


@pytest.fixture(scope="module")
def ask(sandbox: Sandbox) -> Ask:
    """Ask for a fault; return the kinds of those that hold then."""

    def run(text: str, match: str = "") -> list[str]:
        kind, *values = text.split(" ")
        told = faults(sandbox.workspace, kind, values, match=match).data
        return [one["kind"] for one in told.get("faults", [])]

    return run


def _refusal(ask: Ask, text: str, match: str = "") -> UsageError:
    with pytest.raises(UsageError) as caught:
        ask(text, match)
    assert ask("list") == []
    return caught.value


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_not_there_is_refused_with_what_was_probably_meant(ask: Ask, text: str) -> None:
    error = _refusal(ask, text)
    assert (error.code, error.exit_code) == ("fault-values", 2)
    assert UNKNOWN[text] in error.hint


@pytest.mark.parametrize(
    ("match", "part"), [("PUTT", "mean PUT?"), ("valts", "mean vaults?"), ("*", "such as")]
)
def test_a_request_that_is_never_made_is_refused(ask: Ask, match: str, part: str) -> None:
    assert part in _refusal(ask, "throttle 3", match).hint


def test_a_server_that_is_not_there_is_refused_with_the_nearest_that_is(ask: Ask, sandbox: Sandbox) -> None:
    group = sandbox.make_group("rg-faults")
    server = f"{group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql-kenya"
    password = "Aa1-" + "x" * 20
    properties = {"administratorLogin": "pgadmin", "administratorLoginPassword": password, "version": "17"}
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
        "properties": {**properties, "storage": {"storageSizeGB": 32}},
    }
    sandbox.arm().put(server, "2025-08-01", body)
    assert _refusal(ask, "disk psql-kenia 95").hint == "did you mean psql-kenya?"
    assert ask("disk PSQL-Kenya 95") == ["disk"]
    ask("clear")
    sandbox.arm().delete(server, "2025-08-01")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("capacity WestEurope", ""),
        ("policy vaults", ""),
        ("stuck microsoft.keyvault/vaults", ""),
        ("code MethodNotAllowed deletedVaults/purge", "POST"),
        ("fail Conflict flexibleServers", "delete"),
        ("throttle 3", "put"),
        ("throttle 3", "vaults"),
        ("error 599 1", "Microsoft.Web/sites"),
    ],
)
def test_what_is_there_is_taken_whatever_its_case(ask: Ask, text: str, match: str) -> None:
    assert ask(text, match) == [text.split(" ", maxsplit=1)[0]]
    ask("clear")


def test_a_region_that_takes_no_new_standby_says_so_and_refuses_one(ask: Ask, sandbox: Sandbox) -> None:
    """West Europe is published as such; any other region can be made so."""
    servers = "providers/Microsoft.DBforPostgreSQL"
    group = sandbox.make_group("rg-standby")
    properties = {"administratorLogin": "pgadmin", "administratorLoginPassword": "Aa1-" + "x" * 20}
    body = {
        "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
        "properties": {**properties, "highAvailability": {"mode": "ZoneRedundant"}},
    }

    def offered(region: str) -> str:
        path = f"{sandbox.subscription}/{servers}/locations/{region}/capabilities"
        (told,) = sandbox.arm().list(path, "2025-08-01")
        return str(told["zoneRedundantHaSupported"])

    def refusal(region: str) -> object:
        path = f"{group}/{servers}/flexibleServers/psql-standby"
        return plain(sandbox, "PUT", path, "2025-08-01", body={**body, "location": region}).refusal

    assert (offered("westeurope"), offered("canadacentral")) == ("Disabled", "Enabled")
    assert refusal("westeurope") == (400, "HADisabledForRegion")
    assert ask("standby CanadaCentral") == ["standby"]
    assert offered("canadacentral") == "Disabled"
    assert refusal("canadacentral") == (400, "HADisabledForRegion")
    ask("clear")


def test_a_clock_does_not_go_past_the_end_of_time(ask: Ask) -> None:
    ask("time +36500d")
    with pytest.raises(UsageError, match="year 2200"):
        ask("time +36500d")
