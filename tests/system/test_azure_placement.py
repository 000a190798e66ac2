"""Where an instance may lie, and what a region does not offer, from the installed command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.azure_fleet import Fleet

_BLOCKED, _OPEN = "westeurope", "canadacentral"
_PAIR = "canadaeast"  # of the open one, in the same country
_NO_STANDBY = "no-zone-redundancy"
_TWICE = ("  zone_redundancy: required", "  geo_redundant_backup: true", "residency: {countries: [CA]}")
_SERVERS, _VAULTS = "2025-08-01", "2024-11-01"


@pytest.fixture(autouse=True)
def nothing_goes_wrong(fleet: Fleet) -> Iterator[None]:
    """Each test's faults end with it."""
    yield
    fleet.sandbox.faults("clear")


def _spec(fleet: Fleet, name: str, region: str, *lines: str, profile: str = "registrations") -> None:
    """Write a spec with more keys in its block azure, and more blocks."""
    fleet.new(name, profile=profile)
    file = fleet.workspace / "instances" / f"{name}.yaml"
    kept = [one for one in file.read_text().splitlines() if not one.startswith(("azure:", "  region:"))]
    file.write_text("\n".join([*kept, "azure:", f"  region: {region}", *lines]) + "\n")


def _there(fleet: Fleet) -> tuple[dict[str, int], list[str], dict[str, int]]:
    """What the cloud has, what is recorded, and how often each principal asked."""
    told = fleet.sandbox.command("status")
    rows = fleet.run("instance", "list")["data"]["instances"]
    return told["resources"], [one["name"] for one in rows], told["callers"]


def _problem(answer: dict[str, Any]) -> dict[str, Any]:
    (found,) = answer["problems"]
    return dict(found)


def test_a_required_standby_is_refused_by_the_catalogue_before_anybody_is_asked(fleet: Fleet) -> None:
    _spec(fleet, "estonia", _BLOCKED, "  zone_redundancy: required")
    before = _there(fleet)
    for command in (["instance", "preview"], ["instance", "deploy"]):
        problem = _problem(fleet.run(*command, "estonia", expect=77))
        spec = (fleet.workspace / "instances/estonia.yaml").read_text().splitlines()
        line = spec.index("  zone_redundancy: required") + 1
        assert (problem["code"], problem["where"]) == (_NO_STANDBY, f"instances/estonia.yaml:{line}:20")
        assert "blocked" in problem["message"] or "refuses" in problem["message"]
        assert "write preferred" in problem["hint"]
    assert _there(fleet) == before


def test_a_preferred_standby_that_the_region_blocks_is_a_warning_of_preview_and_the_instance_goes_without(
    fleet: Fleet,
) -> None:
    _spec(fleet, "latvia", _BLOCKED)
    answer = fleet.run("instance", "preview", "latvia")
    problem = _problem(answer)
    assert (answer["status"], problem["code"]) == ("ok", "no-standby")
    assert _BLOCKED in problem["message"]
    assert [one for one in answer["data"]["changes"] if one["type"].endswith(":Server")]


def test_a_required_standby_that_azure_denies_this_subscription_is_refused_before_any_effect(
    fleet: Fleet,
) -> None:
    """The catalogue has it there; what Azure says of the subscription counts."""
    _spec(fleet, "quebec", _OPEN, "  zone_redundancy: required")
    fleet.sandbox.faults("standby", _OPEN)
    before = _there(fleet)[0]
    problem = _problem(fleet.run("instance", "deploy", "quebec", "--reason", "a test", expect=69))
    assert problem["code"] == _NO_STANDBY
    assert "azure.zone_redundancy: preferred" in problem["hint"]
    assert _there(fleet)[0] == before
    group = fleet.sandbox.arm().list(f"{fleet.sandbox.subscription}/resourceGroups", "2024-03-01")
    assert group == []


@pytest.mark.soak
@pytest.mark.parametrize(("name", "region"), [("malta", _BLOCKED), ("alberta", _OPEN)])
def test_a_preferred_standby_that_is_not_to_be_had_is_a_warning_of_the_deploy(
    fleet: Fleet, name: str, region: str
) -> None:
    """The one region is published so, and of the other Azure says so of this subscription."""
    _spec(fleet, name, region)
    if region == _OPEN:
        fleet.sandbox.faults("standby", region)
    answer = fleet.run("instance", "deploy", name, "--reason", "a test")
    assert (answer["status"], answer["data"]["instances"][0]["health"]) == ("ok", "healthy")
    assert [one["code"] for one in answer["problems"]] == ["no-standby"]
    (server,) = _all_of(fleet, name, "Microsoft.DBforPostgreSQL/flexibleServers", _SERVERS)
    assert server["properties"]["highAvailability"]["mode"] == "Disabled"
    fleet.sandbox.faults("clear")
    again = fleet.run("instance", "preview", name, "--exit-code")
    assert ([one["code"] for one in again["problems"]], again["data"]["changes"]) == (["no-standby"], [])


def test_a_preview_of_second_backups_tells_what_lies_in_the_pair(fleet: Fleet) -> None:
    _spec(fleet, "manitoba", _OPEN, *_TWICE)
    told = fleet.run("instance", "preview", "manitoba")
    assert (told["status"], told["problems"]) == ("ok", [])
    lies = {
        one["data"]: (one["region"], one["country"]) for one in told["data"]["whereabouts"] if one["held"]
    }
    assert lies["database"] == lies["backups of the database"] == (_OPEN, "CA")
    assert lies["second copy of backups"] == lies["key of second backups"] == (_PAIR, "CA")
    assert {country for _, country in lies.values()} == {"CA"}
    made = [one["type"].rpartition(":")[2] for one in told["data"]["changes"]]
    assert made.count("Vault") == 3
    assert made.count("Key") == 2


def test_second_backups_that_would_leave_the_country_are_refused_before_anybody_is_asked(
    fleet: Fleet,
) -> None:
    _spec(fleet, "ireland", "northeurope", "  geo_redundant_backup: true", "residency: {countries: [IE]}")
    before = _there(fleet)
    answer = fleet.run("instance", "deploy", "ireland", "--reason", "a test", expect=77)
    assert {one["code"] for one in answer["problems"]} == {"outside-residency"}
    assert any("NL" in one["message"] for one in answer["problems"])
    assert _there(fleet) == before


@pytest.fixture(scope="module")
def ontario(fleet: Fleet) -> dict[str, Any]:
    """An instance with a standby, whose backups lie in two regions of one country under a key in each."""
    _spec(fleet, "ontario", _OPEN, *_TWICE)
    row: dict[str, Any] = fleet.run("instance", "deploy", "ontario", "--reason", "a test")["data"][
        "instances"
    ][0]
    return row


def _all_of(fleet: Fleet, name: str, kind: str, version: str) -> list[dict[str, Any]]:
    """Return the resources of one type in an instance's group, each as it is."""
    arm = fleet.sandbox.arm()
    listed = [
        one["id"] for one in arm.list(f"{fleet.group(name)}/resources", "2021-04-01") if one["type"] == kind
    ]
    return [found for one in listed if (found := arm.get(one, version)) is not None]


@pytest.mark.soak
@pytest.mark.xdist_group("ontario")
def test_its_server_has_both_keys_of_vaults_in_both_regions(fleet: Fleet, ontario: dict[str, Any]) -> None:
    assert (ontario["outcome"], ontario["health"]) == ("done", "healthy")
    (server,) = _all_of(fleet, "ontario", "Microsoft.DBforPostgreSQL/flexibleServers", _SERVERS)
    told = server["properties"]
    assert told["highAvailability"]["mode"] == "ZoneRedundant"
    assert told["backup"]["geoRedundantBackup"] == "Enabled"
    vaults = {
        one["name"]: one["location"]
        for one in _all_of(fleet, "ontario", "Microsoft.KeyVault/vaults", _VAULTS)
        if one["properties"].get("enablePurgeProtection")
    }
    keys = [told["dataEncryption"][one].split("/")[2] for one in ("primaryKeyURI", "geoBackupKeyURI")]
    assert [vaults[one.partition(".")[0]] for one in keys] == [_OPEN, _PAIR]
    identities = {
        one["id"].lower(): one["location"]
        for one in _all_of(fleet, "ontario", "Microsoft.ManagedIdentity/userAssignedIdentities", "2023-01-31")
    }
    names = ("primaryUserAssignedIdentityId", "geoBackupUserAssignedIdentityId")
    assert [identities[told["dataEncryption"][one].lower()] for one in names] == [_OPEN, _PAIR]


@pytest.mark.soak
@pytest.mark.xdist_group("ontario")
def test_its_copies_are_inside_the_residency_and_a_second_look_finds_nothing_to_change(
    fleet: Fleet, ontario: dict[str, Any]
) -> None:
    assert ontario["health"] == "healthy"
    assert fleet.condition("ontario", "ResidencyKept")["status"] == "True"
    assert fleet.run("instance", "preview", "ontario", "--exit-code")["data"]["changes"] == []
    assert fleet.run("instance", "drift", "ontario")["data"]["changes"] == []


@pytest.mark.soak
@pytest.mark.xdist_group("ontario")
def test_an_erasure_tells_the_residue_in_the_pair_and_leaves_nothing_after_its_last_day(
    fleet: Fleet, ontario: dict[str, Any]
) -> None:
    assert ontario["health"] == "healthy"
    made = fleet.made("ontario")
    vaults = _all_of(fleet, "ontario", "Microsoft.KeyVault/vaults", _VAULTS)
    (pairs,) = [one["name"] for one in vaults if one["location"] == _PAIR]
    erased = fleet.run("erase", "run", "ontario", "--confirm", "ontario", "--reason", "a test")["data"]
    assert erased["state"] == "erased"
    assert fleet.there(made) == set()
    status = fleet.run("erase", "status", "ontario")["data"]
    kept = {one["asset"]: one for one in status["residues"]}
    (copy,) = [asset for asset in kept if asset.endswith(f"/backups/{_PAIR}")]
    (vault,) = [asset for asset in kept if asset.endswith(f"/{pairs}")]
    since, until = (datetime.fromisoformat(kept[copy][end]) for end in ("since", "until"))
    assert until - since == timedelta(days=7)  # as long as its backups are kept
    assert kept[vault]["observed"] == "present"
    assert not status["nothing_recoverable"]
    fleet.sandbox.faults("time", "+31d")
    fleet.run("tick")
    assert fleet.run("erase", "status", "ontario")["data"]["nothing_recoverable"] is True
