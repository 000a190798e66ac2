"""What goes wrong in a cloud, while real commands run: outcome, remedy, and nothing orphaned."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tenantry.config.regions import region_code
from tenantry.model.azure_names import AzureNames
from tests.support.azure_fleet import REGION, Fleet
from tests.support.people import wait_until

_ROLES = "2022-04-01"
_SERVER = "Microsoft.DBforPostgreSQL/flexibleServers"
_VAULTS = "2024-11-01"
_VAULT = "Microsoft.KeyVault/vaults"  # the server's key is in one: it is made in the second deploy
# What a journey meets, and waits for.
_PASSING = (
    ("suspend", ("throttle", "5", "--match", "PUT")),
    ("resume", ("error", "503", "3", "--match", "PUT")),
    ("suspend", ("lose", "1", "--match", "PUT")),
)


@dataclass(frozen=True, kw_only=True)
class Story:
    """What became of an instance whose creates were not answered, and whose tokens were ended."""

    problem: dict[str, Any]  # of the first deploy
    orphans: list[str]  # that it left
    row: dict[str, Any]  # of the second
    writes: Counter[str]  # of both, by what was written


@pytest.fixture(scope="module")
def rwanda(fleet: Fleet) -> Story:
    """An instance of which creates were accepted and not answered; about the vaults no call at all was.

    Then its tokens were ended while its server was made.
    """
    fleet.new("rwanda")
    deploy = ("instance", "deploy", "rwanda", "--reason", "a test")
    fleet.sandbox.faults("lose", "1", "--match", "Microsoft.Resources/resourceGroups")
    fleet.sandbox.faults("lose", "100", "--match", _VAULT)
    problem = fleet.run(*deploy, expect=69)["problems"][0]
    fleet.sandbox.faults("clear")
    orphans = fleet.orphans("rwanda")
    fleet.sandbox.faults("stuck", _SERVER)
    fleet.sandbox.faults("lose", "1", "--match", _SERVER)
    with ThreadPoolExecutor(1) as beside:
        second = beside.submit(fleet.run, *deploy)
        wait_until(lambda: _SERVER in fleet.sandbox.command("status")["resources"] or second.done())
        fleet.sandbox.faults("expire")
        fleet.sandbox.faults("clear")
        row: dict[str, Any] = second.result()["data"]["instances"][0]
    return Story(problem=problem, orphans=orphans, row=row, writes=_writes(fleet, "rwanda"))


def _writes(fleet: Fleet, name: str) -> Counter[str]:
    """Return how often each type was written, after the activity log."""
    log = f"{fleet.sandbox.subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    group = fleet.group(name).rpartition("/")[2]
    events = [one for one in fleet.sandbox.arm().list(log, "2015-04-01") if one["resourceGroupName"] == group]
    written = [one for one in events if one["operationName"]["value"].endswith("/write")]
    return Counter(one["resourceType"]["value"] for one in written)


@pytest.mark.timeout(900)
def test_a_create_whose_answer_is_lost_is_asked_for_again_and_makes_nothing_twice(
    fleet: Fleet, rwanda: Story
) -> None:
    written = {type_: rwanda.writes[type_] for type_ in ("Microsoft.Resources/resourceGroups", _SERVER)}
    # The way in opens the server and shuts it again: two more writes of that.
    assert written == {"Microsoft.Resources/resourceGroups": 2, _SERVER: 2 + 2}
    assert len(fleet.groups("rwanda")) == 1
    assert len(fleet.sandbox.arm().list(f"{fleet.group('rwanda')}/providers/{_SERVER}", "2025-08-01")) == 1


@pytest.mark.timeout(900)
def test_what_was_made_and_never_heard_of_is_taken_over_by_the_next_run(fleet: Fleet, rwanda: Story) -> None:
    assert rwanda.problem["code"] == "cloud-unreachable"
    assert "run the same command again" in rwanda.problem["hint"]
    types = [one.rpartition("/providers/")[2].rpartition("/")[0] for one in rwanda.orphans]
    assert types == [_VAULT.lower()] * 2
    assert fleet.orphans("rwanda") == []
    assert fleet.run("instance", "preview", "rwanda", "--exit-code")["data"]["changes"] == []


@pytest.mark.timeout(900)
def test_a_token_that_ends_in_the_middle_is_renewed(rwanda: Story) -> None:
    assert (rwanda.row["outcome"], rwanda.row["health"]) == ("done", "healthy")


@pytest.mark.timeout(900)
def test_what_passes_by_itself_is_waited_for(fleet: Fleet, rwanda: Story) -> None:
    assert rwanda.row["outcome"] == "done"
    for journey, fault in _PASSING:
        fleet.sandbox.faults(*fault)
        fleet.run("instance", journey, "rwanda", "--reason", f"a test of {fault}")
        fleet.sandbox.faults("clear")
        if journey == "resume":
            assert fleet.condition("rwanda", "HttpOk")["status"] == "True"


@pytest.mark.timeout(900)
def test_readers_that_are_behind_are_looked_at_again_from_the_deploy_to_the_proof_of_absence(
    fleet: Fleet,
) -> None:
    fleet.sandbox.faults("lag", "4")
    try:
        row = fleet.deployed("senegal", profile="attachments")
        assert (row["outcome"], row["health"]) == ("done", "healthy")
        made = fleet.made("senegal")
        assert fleet.run("instance", "health", "senegal")["data"]["instances"][0]["health"] == "healthy"
        erased = fleet.run("erase", "run", "senegal", "--confirm", "senegal", "--reason", "a test")["data"]
        assert {one["absent"] for one in erased["assets"]} == {True}
        early = fleet.run("erase", "status", "senegal")["data"]
    finally:
        fleet.sandbox.faults("clear")
    assert not early["nothing_recoverable"], "no list has what was just deleted, and it is kept"
    assert fleet.there(made) == set()
    status = fleet.run("erase", "status", "senegal")["data"]
    told = [one for one in status["residues"] if one["kind"] != "record"]
    kept = {(one["type"].rpartition("/")[2], one["observed"]) for one in told}
    present = {("sites", "present"), ("storageAccounts", "present"), ("vaults", "present")}
    assert kept - {("vaults", "gone")} == present


@pytest.mark.parametrize("verb", ["preview", "deploy"])
def test_a_policy_that_forbids_a_type_refuses_before_anything_is_made(fleet: Fleet, verb: str) -> None:
    fleet.new(f"gabon{verb}")
    fleet.sandbox.faults("policy", "Microsoft.Network/virtualNetworks")
    answer = fleet.run("instance", verb, f"gabon{verb}", expect=69)
    fleet.sandbox.faults("clear")
    (problem,) = answer["problems"]
    assert problem["code"] == "request-disallowed-by-policy"
    assert "tenantry-rehearsal forbids Microsoft.Network/virtualNetworks" in problem["message"]
    assert "az policy exemption create" in problem["hint"]
    assert _groups(fleet, "gabon") == []


def test_a_policy_that_nobody_could_ask_about_is_a_refusal_when_it_comes(fleet: Fleet) -> None:
    fleet.new("togo")
    fleet.sandbox.faults("policy", "Microsoft.Network/virtualNetworks/subnets")
    answer = fleet.run("instance", "deploy", "togo", "--reason", "a test", expect=77)
    fleet.sandbox.faults("clear")
    assert answer["problems"][0]["code"] == "request-disallowed-by-policy"


def _groups(fleet: Fleet, name: str) -> list[str]:
    listed = fleet.sandbox.arm().list(f"{fleet.sandbox.subscription}/resourceGroups", "2024-03-01")
    return [one["name"] for one in listed if f"-{name}" in one["name"]]


def test_a_subscription_that_cannot_be_used_is_told_with_its_remedy_and_nothing_else(fleet: Fleet) -> None:
    fleet.new("ghana")
    fleet.live_in("ghana", fleet.sandbox.second)
    fleet.sandbox.faults("disabled", fleet.sandbox.second.rpartition("/")[2])
    disabled = fleet.run("instance", "deploy", "ghana", "--reason", "a test", expect=69)["problems"]
    fleet.sandbox.faults("clear")
    fleet.live_in("ghana", str(uuid.uuid4()))
    unknown = fleet.run("instance", "preview", "ghana", expect=69)["problems"]
    assert [one["code"] for one in disabled] == ["subscription-disabled"]
    assert [one["code"] for one in unknown] == ["no-subscription"]
    assert all(one["hint"] for one in (*disabled, *unknown))


@pytest.mark.parametrize(
    ("name", "profile", "fault"),
    [("malawi", "registrations", ("quota", "1")), ("mali", "attachments", ("accounts", "0"))],
    ids=["cores", "accounts"],
)
def test_a_quota_without_room_refuses_before_anything_is_made(
    fleet: Fleet, name: str, profile: str, fault: tuple[str, str]
) -> None:
    fleet.new(name, profile=profile)
    fleet.sandbox.faults(*fault)
    answer = fleet.run("instance", "deploy", name, "--reason", "a test", expect=69)
    fleet.sandbox.faults("clear")
    assert {one["code"] for one in answer["problems"]} == {"quota-exceeded"}
    assert _groups(fleet, name) == []


def test_a_name_that_a_deleted_vault_keeps_refuses_before_anything_is_made_and_the_next_run_draws_another(
    fleet: Fleet, tmp_path: Path
) -> None:
    """Python itself is told by its environment what is drawn; the program has no such switch."""
    (tmp_path / "sitecustomize.py").write_text(
        "import secrets\nsecrets.choice = lambda letters: letters[0]\n"
    )
    fleet.new("eswatini")
    kept = AzureNames.of("eswatini", region_code(REGION), "aaaaaa").secrets_vault
    _delete_a_vault(fleet, kept)
    deploy = ("instance", "deploy", "eswatini", "--reason", "a test")
    there = fleet.sandbox.command("status")["resources"]
    refused = fleet.run(*deploy, expect=69, environment={"PYTHONPATH": str(tmp_path)})
    (problem,) = refused["problems"]
    assert problem["code"] == "name-taken"
    assert kept in problem["message"]
    assert "deleted" in problem["message"]
    assert "run the command again: another suffix is drawn" in problem["hint"]
    assert fleet.sandbox.command("status")["resources"] == there
    assert fleet.groups("eswatini") == []
    assert fleet.run("instance", "preview", "eswatini")["problems"] == []


def _delete_a_vault(fleet: Fleet, name: str) -> None:
    """Make a vault somewhere else and delete it: it is kept, and its name with it."""
    group = fleet.sandbox.make_group("rg-of-somebody", within=fleet.sandbox.second)
    sku = {"family": "A", "name": "standard"}
    properties = {"tenantId": fleet.sandbox.told["directory_id"], "sku": sku, "accessPolicies": []}
    path = f"{group}/providers/{_VAULT}/{name}"
    fleet.sandbox.arm().put(path, _VAULTS, {"location": "westeurope", "properties": properties})
    fleet.sandbox.arm().delete(path, _VAULTS)


def test_a_principal_that_lacks_rights_is_told_the_roles_before_anything_is_made(fleet: Fleet) -> None:
    arm = fleet.sandbox.arm()
    around = f"{fleet.sandbox.subscription}/providers/Microsoft.Authorization"
    listed = arm.list(f"{around}/roleAssignments", _ROLES)
    mine = {"scope": fleet.sandbox.subscription, "principalId": fleet.sandbox.told["object_id"]}
    (owner,) = [one for one in listed if mine.items() <= one["properties"].items()]
    contributor = f"{around}/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"
    body = {"properties": {**_same(owner), "roleDefinitionId": contributor}}
    other = arm.put(f"{around}/roleAssignments/{uuid.uuid4()}", _ROLES, body)
    arm.delete(owner["id"], _ROLES)
    try:
        fleet.new("angola")
        refused = fleet.run("instance", "deploy", "angola", "--reason", "a test", expect=69)
        (problem,) = refused["problems"]
        assert problem["code"] == "no-right"
        assert "locks/write" in problem["message"]
        assert "User Access Administrator" in problem["hint"]
        assert _groups(fleet, "angola") == []
    finally:
        arm.put(owner["id"], _ROLES, {"properties": _same(owner)})
        arm.delete(other["id"], _ROLES)


def _same(assignment: dict[str, Any]) -> dict[str, Any]:
    return {key: assignment["properties"][key] for key in ("roleDefinitionId", "principalId")}


def test_a_region_without_capacity_refuses_before_anything_is_made(fleet: Fleet) -> None:
    fleet.new("benin")
    fleet.sandbox.faults("capacity", REGION)
    answer = fleet.run("instance", "deploy", "benin", "--reason", "a test", expect=1)
    fleet.sandbox.faults("clear")
    (problem,) = answer["problems"]
    assert problem["code"] == "allocation-failed"
    assert problem["hint"]
    assert _groups(fleet, "benin") == []
