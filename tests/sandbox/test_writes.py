"""How writes are answered, fail, wait for each other and are logged, by plain HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tenantry.adapters.azure_arm import Arm
from tenantry.cli.sandboxing import faults
from tenantry.errors import FailedError
from tests.support.people import wait_until
from tests.support.plain_http import plain
from tests.support.sandbox import GROUPS, Sandbox

_NETWORK, _ACCOUNTS, _VAULTS, _POSTGRES = "2024-05-01", "2024-01-01", "2024-11-01", "2025-08-01"
_RULES = "Microsoft.Network/networkSecurityGroups"
_HERE = {"location": "westeurope", "properties": {}}
Let = Callable[..., None]


@pytest.fixture
def group(sandbox: Sandbox) -> str:
    return sandbox.make_group(f"rg-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def let(sandbox: Sandbox) -> Iterator[Let]:
    """Let something go wrong for this test."""

    def ask(text: str, match: str = "") -> None:
        kind, *values = text.split(" ")
        faults(sandbox.workspace, kind, values, match=match)

    yield ask
    ask("clear")


def _server(group: str, region: str = "westeurope") -> tuple[str, dict[str, Any]]:
    name = f"psql-{uuid.uuid4().hex[:8]}"
    body = {
        "location": region,
        "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
        "properties": {
            "administratorLogin": "pgadmin",
            "administratorLoginPassword": "Aa1-" + "x" * 20,
            "version": "17",
            "storage": {"storageSizeGB": 32},
        },
    }
    return f"{group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{name}", body


def _account(group: str) -> tuple[str, dict[str, Any]]:
    name = f"st{uuid.uuid4().hex[:10]}"
    body = {**_HERE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    return f"{group}/providers/Microsoft.Storage/storageAccounts/{name}", body


def _vault(sandbox: Sandbox, group: str) -> tuple[str, dict[str, Any]]:
    sku = {"family": "A", "name": "standard"}
    body = {**_HERE, "properties": {"tenantId": sandbox.told["directory_id"], "sku": sku}}
    return f"{group}/providers/Microsoft.KeyVault/vaults/kv-{uuid.uuid4().hex[:8]}", body


# --- how an operation is told ---


def test_an_operation_that_location_alone_tells_is_202_until_it_has_ended(
    sandbox: Sandbox, group: str, let: Let
) -> None:
    path, body = _account(group)
    let("slow 2", "PUT")
    begun = time.monotonic()
    answer = plain(sandbox, "PUT", path, _ACCOUNTS, body=body)
    assert (answer.status, answer.body) == (202, None)
    assert "azure-asyncoperation" not in answer.headers
    where = answer.headers["location"]
    assert plain(sandbox, "GET", where).status == 202
    wait_until(lambda: plain(sandbox, "GET", where).status != 202)
    assert time.monotonic() - begun >= 2, "a slow operation lasts as long as it is said"
    assert plain(sandbox, "GET", where).body["id"] == path


def test_an_operation_that_only_the_body_tells_is_read_there(sandbox: Sandbox, group: str, let: Let) -> None:
    path, body = _vault(sandbox, group)
    let("stuck Microsoft.KeyVault/vaults")
    answer = plain(sandbox, "PUT", path, _VAULTS, body=body)
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (201, "Creating")
    assert not {"location", "azure-asyncoperation"} & set(answer.headers)
    let("clear")

    def state() -> str:
        told = plain(sandbox, "GET", path, _VAULTS).body["properties"]["provisioningState"]
        return str(told)

    wait_until(lambda: state() == "Succeeded")


# --- an operation that fails after it was accepted ---


def test_an_operation_that_fails_ends_with_its_code_and_leaves_what_was_half_made(
    sandbox: Sandbox, group: str, let: Let
) -> None:
    path = f"{group}/providers/{_RULES}/rules"
    let(f"fail InternalServerError {_RULES}")
    answer = plain(sandbox, "PUT", path, _NETWORK, body=_HERE)
    assert answer.status == 201, "it was accepted"
    where = answer.headers["azure-asyncoperation"]
    wait_until(lambda: plain(sandbox, "GET", where).body["status"] != "InProgress")
    told = plain(sandbox, "GET", where).body
    assert (told["status"], told["error"]["code"]) == ("Failed", "InternalServerError")
    half = plain(sandbox, "GET", path, _NETWORK).body["properties"]
    assert half["provisioningState"] == "Failed"
    assert "defaultSecurityRules" not in half, "the work itself was not done"


def test_a_refusal_has_the_words_and_lasts_as_long_as_it_was_asked_for(sandbox: Sandbox, group: str) -> None:
    path = f"{group}/providers/{_RULES}/rules"
    values = ["OperationNotAllowed", _RULES]
    faults(sandbox.workspace, "code", values, match="", times="2", message="It is too much.")
    answers = [plain(sandbox, "PUT", path, _NETWORK, body=_HERE) for _ in range(3)]
    assert [one.status for one in answers] == [409, 409, 201]
    assert answers[1].body["error"] == {"code": "OperationNotAllowed", "message": "It is too much."}


def test_a_put_of_what_was_half_made_finishes_it(arm: Arm, group: str, let: Let) -> None:
    path, body = _server(group)
    let("fail InternalServerError flexibleServers")
    with pytest.raises(FailedError) as told:
        arm.put(path, _POSTGRES, body)
    assert told.value.code == "internal-server-error"
    assert "state" not in (arm.get(path, _POSTGRES) or {})["properties"], "no cluster is behind it"
    assert arm.put(path, _POSTGRES, body)["properties"]["state"] == "Ready"
    assert {"postgres"} <= {one["name"] for one in arm.list(f"{path}/databases", _POSTGRES)}
    assert arm.list(f"{path}/configurations", _POSTGRES)
    assert arm.delete(path, _POSTGRES)


def test_what_was_half_made_can_be_deleted(arm: Arm, group: str, let: Let) -> None:
    path, body = _server(group)
    let("fail InternalServerError flexibleServers")
    with pytest.raises(FailedError):
        arm.put(path, _POSTGRES, body)
    assert arm.delete(path, _POSTGRES)
    assert arm.get(path, _POSTGRES) is None


def test_a_deletion_that_fails_leaves_the_resource(arm: Arm, group: str, let: Let) -> None:
    path = f"{group}/providers/{_RULES}/rules"
    arm.put(path, _NETWORK, _HERE)
    let(f"fail Conflict {_RULES}", "DELETE")
    with pytest.raises(FailedError) as told:
        arm.delete(path, _NETWORK)
    assert told.value.code == "conflict"
    assert arm.get(path, _NETWORK) is not None
    assert arm.delete(path, _NETWORK)


def test_a_group_whose_deletion_fails_is_as_it_was_and_takes_resources(
    arm: Arm, group: str, let: Let
) -> None:
    arm.put(f"{group}/providers/{_RULES}/rules", _NETWORK, _HERE)
    let("fail Conflict Microsoft.Resources/resourceGroups", "DELETE")
    with pytest.raises(FailedError):
        arm.delete(group, GROUPS)
    told = arm.get(group, GROUPS)
    assert told is not None
    assert told["properties"]["provisioningState"] == "Succeeded"
    arm.put(f"{group}/providers/{_RULES}/more", _NETWORK, _HERE)
    let("clear")
    assert arm.delete(group, GROUPS)


# --- where nothing may be made ---


def test_a_server_in_a_region_that_is_closed_to_the_subscription_is_refused(
    sandbox: Sandbox, group: str
) -> None:
    path, body = _server(group, "francesouth")
    answer = plain(sandbox, "PUT", path, _POSTGRES, body=body)
    assert answer.refusal == (400, "LocationIsOfferRestricted")
    assert plain(sandbox, "GET", path, _POSTGRES).status == 404


# --- races ---


def test_a_put_that_comes_while_its_resource_is_deleted_makes_it_anew(
    sandbox: Sandbox, arm: Arm, group: str, let: Let
) -> None:
    path = f"{group}/providers/{_RULES}/rules"
    first = arm.put(path, _NETWORK, _HERE)
    let("slow 1", "DELETE")
    gone = plain(sandbox, "DELETE", path, _NETWORK)
    again = plain(sandbox, "PUT", path, _NETWORK, body=_HERE)
    assert (gone.status, again.status) == (202, 201)
    assert plain(sandbox, "GET", gone.headers["azure-asyncoperation"]).body["status"] == "Succeeded"
    wait_until(
        lambda: plain(sandbox, "GET", path, _NETWORK).body["properties"]["provisioningState"] == "Succeeded"
    )
    there = plain(sandbox, "GET", path, _NETWORK).body["properties"]
    assert there["resourceGuid"] != first["properties"]["resourceGuid"]


def test_nothing_is_made_in_a_group_that_is_being_deleted(sandbox: Sandbox, group: str, let: Let) -> None:
    let("stuck Microsoft.Resources/resourceGroups")
    plain(sandbox, "DELETE", group, GROUPS)
    late = plain(sandbox, "PUT", f"{group}/providers/{_RULES}/rules", _NETWORK, body=_HERE)
    assert late.refusal == (409, "ResourceGroupBeingDeleted")


def test_a_put_that_waited_while_its_group_was_deleted_makes_nothing_in_it(
    sandbox: Sandbox, arm: Arm, group: str, let: Let
) -> None:
    path = f"{group}/providers/{_RULES}/rules"
    arm.put(path, _NETWORK, _HERE)
    let(f"stuck {_RULES}")
    plain(sandbox, "DELETE", path, _NETWORK)
    with ThreadPoolExecutor(1) as beside:
        waits = beside.submit(plain, sandbox, "PUT", path, _NETWORK, body=_HERE)
        time.sleep(0.5)  # so that it waits for the deletion before the group's deletion begins
        plain(sandbox, "DELETE", group, GROUPS)
        let("clear")
        late = waits.result()
    assert late.refusal in {(409, "ResourceGroupBeingDeleted"), (404, "ResourceGroupNotFound")}
    wait_until(lambda: arm.get(group, GROUPS) is None)
    assert arm.get(path, _NETWORK) is None


def test_what_was_accepted_before_its_group_is_deleted_goes_with_it(
    sandbox: Sandbox, arm: Arm, group: str, let: Let
) -> None:
    path = f"{group}/providers/{_RULES}/rules"
    let("slow 2", _RULES)
    assert plain(sandbox, "PUT", path, _NETWORK, body=_HERE).status == 201
    assert arm.delete(group, GROUPS)
    assert arm.get(path, _NETWORK) is None
    assert sandbox.make_group(group.rpartition("/")[2])
    assert arm.get(path, _NETWORK) is None, "it does not come back with a group of that name"


def test_what_is_answered_at_its_end_is_waited_for_when_its_group_is_deleted(
    sandbox: Sandbox, arm: Arm, group: str, let: Let
) -> None:
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-app"
    let("pace 1", "userAssignedIdentities")  # two seconds
    with ThreadPoolExecutor(1) as beside:
        made = beside.submit(plain, sandbox, "PUT", path, "2023-01-31", body={"location": "westeurope"})
        time.sleep(0.5)
        assert arm.delete(group, GROUPS)
        assert made.result().status == 201
    sandbox.make_group(group.rpartition("/")[2])
    assert arm.get(path, "2023-01-31") is None


# --- conditions ---


def test_a_change_on_the_condition_of_an_old_etag_is_refused(sandbox: Sandbox, arm: Arm, group: str) -> None:
    path = f"{group}/providers/{_RULES}/rules"
    old = arm.put(path, _NETWORK, _HERE)["etag"]
    new = arm.put(path, _NETWORK, {**_HERE, "tags": {"a": "b"}})["etag"]
    assert old != new
    for method, body in (("PUT", _HERE), ("DELETE", None)):
        answer = plain(sandbox, method, path, _NETWORK, body=body, headers={"If-Match": old})
        assert answer.refusal == (412, "PreconditionFailed")
    assert (arm.get(path, _NETWORK) or {})["tags"] == {"a": "b"}
    assert plain(sandbox, "PUT", path, _NETWORK, body=_HERE, headers={"If-Match": new}).status == 200


def test_a_create_on_the_condition_that_there_is_nothing_is_refused_where_something_is(
    sandbox: Sandbox, group: str
) -> None:
    path, nothing = f"{group}/providers/{_RULES}/rules", {"If-None-Match": "*"}
    first, second = (plain(sandbox, "PUT", path, _NETWORK, body=_HERE, headers=nothing) for _ in range(2))
    assert first.status == 201
    assert second.refusal == (412, "PreconditionFailed")


# --- a service that is busy, and a subnet that is in use ---


def test_who_is_throttled_is_told_when_to_come_again(sandbox: Sandbox, group: str, let: Let) -> None:
    let("throttle 1", "Microsoft.Resources/resourceGroups")
    busy = plain(sandbox, "GET", group, GROUPS)
    assert busy.refusal == (429, "TooManyRequests")
    assert int(busy.headers["retry-after"]) >= 1
    assert plain(sandbox, "GET", group, GROUPS).status == 200


def test_a_delegated_subnet_stays_as_long_as_a_server_is_in_it(
    sandbox: Sandbox, arm: Arm, group: str
) -> None:
    network = f"{group}/providers/Microsoft.Network/virtualNetworks/vnet"
    space = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": []}
    arm.put(network, _NETWORK, {"location": "westeurope", "properties": space})
    service = {"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}
    subnet = f"{network}/subnets/snet-data"
    delegated = {"addressPrefix": "10.1.2.0/24", "delegations": [{"name": "data", "properties": service}]}
    arm.put(subnet, _NETWORK, {"properties": delegated})
    zone = f"{group}/providers/Microsoft.Network/privateDnsZones/one.private.postgres.database.azure.com"
    arm.put(zone, "2024-06-01", {"location": "global", "properties": {}})
    path, body = _server(group)
    place = {"delegatedSubnetResourceId": subnet, "privateDnsZoneArmResourceId": zone}
    arm.put(path, _POSTGRES, {**body, "properties": {**body["properties"], "network": place}})
    refused = plain(sandbox, "DELETE", subnet, _NETWORK)
    assert refused.refusal == (400, "InUseSubnetCannotBeDeleted")
    assert path in refused.body["error"]["message"]
    assert plain(sandbox, "DELETE", network, _NETWORK).status == 400
    arm.delete(path, _POSTGRES)
    assert arm.delete(subnet, _NETWORK)


# --- the activity log ---


def test_the_activity_log_tells_who_asked_for_which_change_of_what(
    sandbox: Sandbox, arm: Arm, group: str
) -> None:
    path = f"{group}/providers/{_RULES}/rules"
    arm.put(path, _NETWORK, _HERE)
    arm.get(path, _NETWORK)
    plain(sandbox, "DELETE", path, _NETWORK)
    log = f"{sandbox.subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    told = [one for one in arm.list(log, "2015-04-01") if one["resourceId"] == path]
    assert sorted(one["operationName"]["value"] for one in told) == [f"{_RULES}/delete", f"{_RULES}/write"]
    assert {one["caller"] for one in told} == {sandbox.told["object_id"]}
    assert {one["resourceGroupName"] for one in told} == {group.rpartition("/")[2]}
    assert {one["resourceType"]["value"] for one in told} == {_RULES}
