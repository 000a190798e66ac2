"""Readers that are behind, and writes that take as long as on Azure."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.web import WebSiteManagementClient

from tenantry.cli.sandboxing import faults, spans
from tests.support.sandbox import Sandbox

_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"  # of secrets
_READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
_ROLES, _NETWORKS, _LOCKS = "2022-04-01", "2024-05-01", "2020-05-01"
_NETWORK = {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/24"]}}}
_LAG = 300  # seconds of the sandbox's clock, which the tests move


def _let(sandbox: Sandbox, kind: str, *values: str, match: str = "") -> None:
    faults(sandbox.workspace, kind, values, match=match)


@pytest.fixture
def late(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A sandbox whose readers are behind."""
    _let(sandbox, "lag", str(_LAG))
    yield sandbox
    _let(sandbox, "clear")


def _catch_up(sandbox: Sandbox) -> None:
    _let(sandbox, "time", f"+{_LAG + 1}s")


@pytest.fixture
def group(sandbox: Sandbox) -> str:
    name = f"rg-{uuid.uuid4().hex[:8]}"
    sandbox.make_group(name)
    return name


def test_what_was_just_made_is_not_there_for_readers_yet(late: Sandbox) -> None:
    with late.client(ResourceManagementClient) as client:
        made = client.resource_groups.create_or_update("rg-new", {"location": "westeurope"})
        assert made.properties.provisioning_state == "Succeeded"
        with pytest.raises(ResourceNotFoundError):
            client.resource_groups.get("rg-new")
        assert "rg-new" not in [one.name for one in client.resource_groups.list()]
        _catch_up(late)
        assert client.resource_groups.get("rg-new").name == "rg-new"
        assert "rg-new" in [one.name for one in client.resource_groups.list()]


def test_what_was_just_changed_reads_as_it_was(group: str, late: Sandbox) -> None:
    with late.client(ResourceManagementClient) as client:
        client.resource_groups.update(group, {"tags": {"a": "b"}})
        assert client.resource_groups.get(group).tags is None
        _catch_up(late)
        assert client.resource_groups.get(group).tags == {"a": "b"}


def test_what_was_just_deleted_is_still_told(group: str, late: Sandbox) -> None:
    with late.client(ManagedServiceIdentityClient) as client:
        identities = client.user_assigned_identities
        identities.create_or_update(group, "gone", {"location": "westeurope"})
        _catch_up(late)
        identities.delete(group, "gone")
        assert identities.get(group, "gone").name == "gone"
        assert [one.name for one in identities.list_by_resource_group(group)] == ["gone"]
        _catch_up(late)
        with pytest.raises(ResourceNotFoundError):
            identities.get(group, "gone")
        assert list(identities.list_by_resource_group(group)) == []


def test_who_wrote_learns_the_end_of_the_operation_at_once(group: str, late: Sandbox) -> None:
    arm = late.arm()
    path = f"{late.subscription}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/net"
    accepted = arm.call("PUT", path, version=_NETWORKS, body=_NETWORK)
    asked = arm.call("GET", accepted.headers["azure-asyncoperation"])
    assert asked.body["status"] == "Succeeded"
    assert arm.call("GET", path, version=_NETWORKS).status == 404
    _catch_up(late)
    assert arm.call("GET", path, version=_NETWORKS).body["properties"]["provisioningState"] == "Succeeded"


def test_a_role_is_not_in_force_at_once_and_ends_not_at_once(group: str, late: Sandbox) -> None:
    vault = _vault(late, group)
    _catch_up(late)
    with _secrets(late, vault) as secrets:
        late.assign(vault["id"], _OFFICER)
        with pytest.raises(HttpResponseError, match="not authorized"):
            secrets.set_secret("one", "value")
        _catch_up(late)
        secrets.set_secret("one", "value")
        arm, around = late.arm(), f"{vault['id']}/providers/Microsoft.Authorization/roleAssignments"
        for one in arm.list(around, _ROLES):
            if one["properties"]["scope"] == vault["id"]:
                arm.delete(one["id"], _ROLES)
        assert secrets.get_secret("one").value == "value"
        _catch_up(late)
        with pytest.raises(HttpResponseError, match="not authorized"):
            secrets.get_secret("one")


def test_a_new_identity_is_not_found_by_who_does_not_say_of_which_type_it_is(
    group: str, late: Sandbox
) -> None:
    with late.client(ManagedServiceIdentityClient) as client:
        new = client.user_assigned_identities.create_or_update(group, "new", {"location": "westeurope"})
    arm = late.arm()
    scope = f"{late.subscription}/resourceGroups/{group}"
    definition = f"{late.subscription}/providers/Microsoft.Authorization/roleDefinitions/{_READER}"
    properties = {"roleDefinitionId": definition, "principalId": new.principal_id}
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    refused = arm.call("PUT", path, version=_ROLES, body={"properties": properties})
    assert (refused.status, refused.body["error"]["code"]) == (400, "PrincipalNotFound")
    told = {"properties": {**properties, "principalType": "ServicePrincipal"}}
    assert arm.call("PUT", path, version=_ROLES, body=told).status == 201


def test_a_deleted_vault_is_listed_late_and_a_purged_one_is_listed_still(group: str, late: Sandbox) -> None:
    with late.client(KeyVaultManagementClient) as client:
        name = _vault(late, group)["name"]
        _catch_up(late)
        client.vaults.delete(group, name)
        assert name not in [one.name for one in client.vaults.list_deleted()]
        _catch_up(late)
        assert name in [one.name for one in client.vaults.list_deleted()]
        client.vaults.begin_purge_deleted(name, "westeurope").result()
        assert name in [one.name for one in client.vaults.list_deleted()]
        _catch_up(late)
        assert name not in [one.name for one in client.vaults.list_deleted()]


def test_a_lag_of_one_type_leaves_the_others_alone(group: str, sandbox: Sandbox) -> None:
    _let(sandbox, "lag", "300", match="userAssignedIdentities")
    with (
        sandbox.client(ResourceManagementClient) as client,
        sandbox.client(ManagedServiceIdentityClient) as identities,
    ):
        client.resource_groups.update(group, {"tags": {"a": "b"}})
        assert client.resource_groups.get(group).tags == {"a": "b"}
        identities.user_assigned_identities.create_or_update(group, "new", {"location": "westeurope"})
        with pytest.raises(ResourceNotFoundError):
            identities.user_assigned_identities.get(group, "new")
    _let(sandbox, "clear")


def test_at_azures_pace_a_write_takes_as_long_and_its_time_is_kept(group: str, sandbox: Sandbox) -> None:
    _let(sandbox, "pace", "10")
    began = time.time()
    path = f"{sandbox.subscription}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/net"
    sandbox.arm().put(path, _NETWORKS, _NETWORK)
    took = time.time() - began
    _let(sandbox, "clear")
    (span,) = [one for one in spans(sandbox.workspace) if one["start"] >= began]
    assert (span["method"], span["id"].rpartition("/")[2]) == ("PUT", "net")
    assert 0.8 <= span["end"] - span["start"] <= took, "eight seconds, ten times as fast"


def _vault(sandbox: Sandbox, group: str) -> dict[str, Any]:
    body = {
        "location": "westeurope",
        "properties": {
            "tenantId": sandbox.told["directory_id"],
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "softDeleteRetentionInDays": 7,
        },
    }
    name = f"kv-{uuid.uuid4().hex[:8]}"
    path = f"{sandbox.subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{name}"
    answer = sandbox.arm().call("PUT", path, version="2024-11-01", body=body)
    assert answer.status == 201, answer.body
    return dict(answer.body)


def _secrets(sandbox: Sandbox, vault: dict[str, Any]) -> SecretClient:
    return SecretClient(
        vault["properties"]["vaultUri"],
        sandbox.credential(),
        connection_verify=sandbox.told["ca_file"],
        verify_challenge_resource=False,
        retry_total=0,
    )


def test_a_lock_holds_for_a_while_after_it_was_taken_away(group: str, sandbox: Sandbox) -> None:
    arm = sandbox.arm()
    path = f"{sandbox.subscription}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/net"
    lock = f"{path}/providers/Microsoft.Authorization/locks/holds"
    arm.put(path, _NETWORKS, _NETWORK)
    arm.put(lock, _LOCKS, {"properties": {"level": "CanNotDelete"}})
    _let(sandbox, "lag", str(_LAG))
    try:
        arm.delete(lock, _LOCKS)
        for held in (path, path.partition("/providers/")[0]):
            refused = arm.call("DELETE", held, version=_NETWORKS)
            assert (refused.status, refused.body["error"]["code"]) == (409, "ScopeLocked")
        _catch_up(sandbox)
        assert arm.call("DELETE", path, version=_NETWORKS).status < 300
    finally:
        _let(sandbox, "clear")


def test_our_own_client_waits_until_what_it_wrote_is_seen(group: str, sandbox: Sandbox) -> None:
    _let(sandbox, "lag", "1")
    path = f"{sandbox.subscription}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/net"
    made = sandbox.arm().put(path, _NETWORKS, _NETWORK)
    _let(sandbox, "clear")
    assert made["properties"]["provisioningState"] == "Succeeded"


def test_a_site_tells_how_its_references_are_resolved(group: str, sandbox: Sandbox) -> None:
    vault = _vault(sandbox, group)
    arm, around = sandbox.arm(), f"{sandbox.subscription}/resourceGroups/{group}/providers/Microsoft.Web"
    name = f"app-{uuid.uuid4().hex[:8]}"
    arm.put(f"{around}/serverfarms/plan", "2025-05-01", {"location": "westeurope", "sku": {"name": "B1"}})
    plan = {"serverFarmId": f"{around}/serverfarms/plan"}
    arm.put(f"{around}/sites/{name}", "2025-05-01", {"location": "westeurope", "properties": plan})
    reference = f"@Microsoft.KeyVault(SecretUri={vault['properties']['vaultUri']}secrets/one)"
    settings = {"properties": {"ONE": reference, "TWO": "plain"}}
    arm.put_only(f"{around}/sites/{name}/config/appsettings", "2025-05-01", settings)
    with sandbox.client(WebSiteManagementClient) as client:
        (told,) = client.web_apps.get_app_settings_key_vault_references(group, name)
    assert (told.name, told.properties.status, told.properties.secret_name) == (
        "ONE",
        "MSINotEnabled",
        "one",
    )
    path = f"{around}/sites/{name}/config/configreferences/appsettings/refresh"
    assert arm.call("POST", path, version="2025-05-01").status == 200
