"""Two subscriptions of one sandbox: seen by Microsoft's client, and neither disturbs the other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

from tenantry.adapters.azure_arm import Arm
from tests.support.sandbox import GROUPS, Sandbox

_VAULTS, _ROLES, _SUBSCRIPTIONS = "2024-11-01", "2022-04-01", "2022-12-01"


@pytest.fixture
def clean(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox; no fault of the test stays."""
    yield sandbox
    sandbox.faults("clear")


def _number(scope: str) -> str:
    return scope.rpartition("/")[2]


def _make_vault(sandbox: Sandbox, arm: Arm, within: str) -> str:
    name = f"kv-{uuid.uuid4().hex[:8]}"
    group = sandbox.make_group(f"rg-{name}", within=within)
    body = {
        "location": "westeurope",
        "properties": {
            "tenantId": sandbox.told["directory_id"],
            "sku": {"family": "A", "name": "standard"},
            "accessPolicies": [],
        },
    }
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
    arm.put(path, _VAULTS, body)
    return path


def test_both_are_listed_and_read(sandbox: Sandbox) -> None:
    with sandbox.client(SubscriptionClient, of_no_subscription=True) as client:
        listed = {one.subscription_id: (one.state, one.tenant_id) for one in client.subscriptions.list()}
        assert listed == {
            _number(one): ("Enabled", sandbox.told["directory_id"])
            for one in (sandbox.subscription, sandbox.second)
        }
        assert client.subscriptions.get(_number(sandbox.second)).id == sandbox.second


def test_groups_of_one_are_not_the_others(sandbox: Sandbox) -> None:
    sandbox.make_group("rg-same")
    with sandbox.client(ResourceManagementClient, _number(sandbox.second)) as client:
        assert "rg-same" not in [one.name for one in client.resource_groups.list()]
        made = client.resource_groups.create_or_update("rg-same", {"location": "francecentral"})
        assert made.id == f"{sandbox.second}/resourceGroups/rg-same"
        client.resource_groups.begin_delete("rg-same").result()
    assert sandbox.arm().get(f"{sandbox.subscription}/resourceGroups/rg-same", GROUPS) is not None


def test_a_deleted_vault_is_listed_and_purged_where_it_was_and_its_name_is_taken_everywhere(
    sandbox: Sandbox, arm: Arm
) -> None:
    vault = _make_vault(sandbox, arm, sandbox.second)
    name = _number(vault)
    arm.delete(vault, _VAULTS)
    with (
        sandbox.client(KeyVaultManagementClient) as first,
        sandbox.client(KeyVaultManagementClient, _number(sandbox.second)) as second,
    ):
        assert name not in [one.name for one in first.vaults.list_deleted()]
        assert name in [one.name for one in second.vaults.list_deleted()]
        wanted = {"name": name, "type": "Microsoft.KeyVault/vaults"}
        assert first.vaults.check_name_availability(wanted).name_available is False
        with pytest.raises(HttpResponseError):
            first.vaults.begin_purge_deleted(name, "westeurope").result()
        second.vaults.begin_purge_deleted(name, "westeurope").result()
        assert name not in [one.name for one in second.vaults.list_deleted()]


def test_a_quota_counts_the_servers_of_its_own_subscription(clean: Sandbox, arm: Arm) -> None:
    clean.faults("quota", "2")
    group = clean.make_group("rg-quota")
    server = {
        "location": "westeurope",
        "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
        "properties": {"version": "17", "administratorLogin": "a", "administratorLoginPassword": "Bb1-" * 4},
    }
    path = f"{group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql-{uuid.uuid4().hex[:8]}"
    arm.put(path, "2025-08-01", server)
    assert _used(clean, clean.subscription) == 2
    assert _used(clean, clean.second) == 0


def _used(sandbox: Sandbox, subscription: str) -> int:
    with sandbox.client(PostgreSQLManagementClient, _number(subscription)) as client:
        usages = {one.name.value: one.current_value for one in client.quota_usages.list("westeurope")}
        return int(usages["cores"])


def test_a_provider_is_registered_in_one_and_not_in_the_other(sandbox: Sandbox) -> None:
    with (
        sandbox.client(ResourceManagementClient) as first,
        sandbox.client(ResourceManagementClient, _number(sandbox.second)) as second,
    ):
        second.providers.unregister("Microsoft.Cache")
        try:
            assert second.providers.get("Microsoft.Cache").registration_state == "NotRegistered"
            assert first.providers.get("Microsoft.Cache").registration_state == "Registered"
        finally:
            second.providers.register("Microsoft.Cache")


def test_an_operation_and_an_event_belong_to_the_subscription_of_their_resource(
    sandbox: Sandbox, arm: Arm
) -> None:
    group = sandbox.make_group("rg-logged", within=sandbox.second)
    gone = arm.call("DELETE", group, version=GROUPS)
    assert sandbox.second in gone.headers["location"]
    log = "/providers/Microsoft.Insights/eventtypes/management/values"
    here, there = (
        {one["resourceId"] for one in arm.list(scope + log, "2015-04-01")}
        for scope in (sandbox.second, sandbox.subscription)
    )
    assert group in here
    assert group not in there


def test_nothing_is_made_or_changed_in_a_disabled_one_and_what_is_there_can_be_deleted(
    clean: Sandbox, arm: Arm
) -> None:
    group = clean.make_group("rg-before", within=clean.second)
    clean.faults("disabled", _number(clean.second))
    assert (arm.get(clean.second, _SUBSCRIPTIONS) or {})["state"] == "Disabled"
    refused = arm.call("PUT", group, version=GROUPS, body={"location": "westeurope", "tags": {"a": "b"}})
    assert (refused.status, refused.body["error"]["code"]) == (409, "ReadOnlyDisabledSubscription")
    assert arm.get(group, GROUPS) is not None
    assert arm.delete(group, GROUPS)
    assert clean.make_group("rg-other"), "the first one is not disabled"


def test_who_has_no_role_in_one_neither_sees_nor_reads_it(sandbox: Sandbox, arm: Arm) -> None:
    owner = next(
        one
        for one in arm.list(f"{sandbox.second}/providers/Microsoft.Authorization/roleAssignments", _ROLES)
        if one["properties"]["scope"] == sandbox.second
    )
    arm.delete(owner["id"], _ROLES)
    try:
        answer = arm.call("GET", sandbox.second, version=_SUBSCRIPTIONS)
        assert (answer.status, answer.body["error"]["code"]) == (403, "AuthorizationFailed")
        listed: list[dict[str, Any]] = list(arm.list("/subscriptions", _SUBSCRIPTIONS))
        assert [one["id"] for one in listed] == [sandbox.subscription]
    finally:
        wanted = ("roleDefinitionId", "principalId")
        arm.put(owner["id"], _ROLES, {"properties": {key: owner["properties"][key] for key in wanted}})


def test_one_that_there_is_not_is_not_found(sandbox: Sandbox, arm: Arm) -> None:
    answer = arm.call("GET", f"/subscriptions/{uuid.uuid4()}", version=_SUBSCRIPTIONS)
    assert (answer.status, answer.body["error"]["code"]) == (404, "SubscriptionNotFound")
    assert sandbox.second != sandbox.subscription
