"""What goes wrong in a cloud, while real commands run: outcome, remedy, and nothing orphaned."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.azure_fleet import REGION, Fleet
from tests.support.people import wait_until

_ROLES = "2022-04-01"
_SERVER = "Microsoft.DBforPostgreSQL/flexibleServers"
# The server's creation is accepted, and its operation fails: the server stays half made.
_HALF_MADE = ("InternalServerError", _SERVER, "internal-server-error")
# Codes of the facts about provisioning; the next PUT of the type is refused with them.
# Each type needs the one before it, so that a refused run cannot have made the next.
_REFUSED = (
    ("VaultAlreadyExists", "Microsoft.KeyVault/vaults", "vault-already-exists"),
    ("LocationIsOfferRestricted", _SERVER, "location-is-offer-restricted"),
    _HALF_MADE,
    ("MissingSubscriptionRegistration", "Microsoft.Web/sites/config", "missing-subscription-registration"),
)
# The other codes, which the engine's adapter and the remedies treat alike.
_REFUSED_TOO = (
    ("RegionIsOfferRestricted", _SERVER, "region-is-offer-restricted"),
    ("RegionDoesNotAllowProvisioning", _SERVER, "region-does-not-allow-provisioning"),
    ("ParameterOutOfRange", _SERVER, "parameter-out-of-range"),
    ("OperationNotAllowed", _SERVER, "operation-not-allowed"),
    ("AllocationFailed", _SERVER, "allocation-failed"),
    ("ResourceGroupBeingDeleted", _SERVER, "resource-group-being-deleted"),
    ("ConflictError", _SERVER, "conflict-error"),
    ("Conflict", _SERVER, "conflict"),
    ("DeploymentQuotaExceeded", _SERVER, "deployment-quota-exceeded"),
    ("SkuNotAvailable", _SERVER, "sku-not-available"),
    ("ResourceQuotaExceeded", _SERVER, "resource-quota-exceeded"),
    ("NoRegisteredProviderFound", "Microsoft.Web/sites/config", "no-registered-provider-found"),
)
# What a journey meets, and waits for.
_PASSING = (
    ("suspend", ("throttle", "5", "--match", "PUT")),
    ("resume", ("error", "503", "3", "--match", "PUT")),
    ("suspend", ("lose", "1", "--match", "PUT")),
    ("resume", ("code", "AnotherOperationInProgress", "Microsoft.Web/sites")),
)


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("kenya", _REFUSED),
        pytest.param("uganda", _REFUSED_TOO, marks=pytest.mark.soak),
    ],
    ids=["some", "others"],
)
@pytest.mark.timeout(900)
def test_every_refusal_names_its_code_and_a_remedy_and_the_next_run_goes_on(
    fleet: Fleet, name: str, refused: Sequence[tuple[str, str, str]]
) -> None:
    fleet.new(name)
    deploy = ("instance", "deploy", name, "--reason", "a test")
    seen = {}
    for one in refused:
        code, type_, ours = one
        fleet.sandbox.faults("fail" if one is _HALF_MADE else "code", code, type_)
        answer = fleet.run(*deploy, expect=1)
        fleet.sandbox.faults("clear")
        problem = answer["problems"][0]
        seen[ours] = problem["code"]
        assert code in problem["message"], problem
        assert problem["hint"], problem
    assert seen == {ours: ours for _, _, ours in refused}
    row = fleet.run(*deploy)["data"]["instances"][0]
    assert (row["outcome"], row["health"]) == ("done", "healthy")
    assert fleet.run("instance", "preview", name, "--exit-code")["data"]["changes"] == []
    servers = f"{fleet.group(name)}/providers/{_SERVER}"
    assert len(fleet.sandbox.arm().list(servers, "2025-08-01")) == 1


@pytest.fixture(scope="module")
def rwanda(fleet: Fleet) -> dict[str, Any]:
    """An instance whose tokens were ended while its server was made; the row of its deploy."""
    fleet.new("rwanda")
    fleet.sandbox.faults("stuck", _SERVER)
    with ThreadPoolExecutor(1) as beside:
        deploy = beside.submit(fleet.run, "instance", "deploy", "rwanda", "--reason", "a test")
        wait_until(lambda: _SERVER in fleet.sandbox.command("status")["resources"] or deploy.done())
        fleet.sandbox.faults("expire")
        fleet.sandbox.faults("clear")
        row: dict[str, Any] = deploy.result()["data"]["instances"][0]
    return row


@pytest.mark.timeout(900)
def test_a_token_that_ends_in_the_middle_is_renewed(rwanda: dict[str, Any]) -> None:
    assert (rwanda["outcome"], rwanda["health"]) == ("done", "healthy")


@pytest.mark.timeout(900)
def test_what_passes_by_itself_is_waited_for(fleet: Fleet, rwanda: dict[str, Any]) -> None:
    assert rwanda["outcome"] == "done"
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
    kept = {(one["type"].rpartition("/")[2], one["observed"]) for one in status["residues"]}
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


def test_a_quota_without_room_refuses_before_anything_is_made(fleet: Fleet) -> None:
    fleet.new("malawi")
    fleet.sandbox.faults("quota", "1")
    answer = fleet.run("instance", "deploy", "malawi", "--reason", "a test", expect=69)
    fleet.sandbox.faults("clear")
    assert {one["code"] for one in answer["problems"]} == {"quota-exceeded"}
    assert _groups(fleet, "malawi") == []


def test_a_principal_that_lacks_rights_is_told_the_roles_before_anything_is_made(fleet: Fleet) -> None:
    arm = fleet.sandbox.arm()
    around = f"{fleet.sandbox.subscription}/providers/Microsoft.Authorization"
    listed = arm.list(f"{around}/roleAssignments", _ROLES)
    (owner,) = [one for one in listed if one["properties"]["scope"] == fleet.sandbox.subscription]
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
