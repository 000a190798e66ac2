"""The types that have no real part behind them: what Azure asks of them, and what it refuses."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tenantry.adapters.azure_answers import Answer
from tenantry.adapters.azure_arm import Arm
from tests.support.sandbox import Sandbox

NETWORK, ROLES, LOCKS, IDENTITIES = "2024-05-01", "2022-04-01", "2020-05-01", "2023-01-31"
_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"


@pytest.fixture
def group(sandbox: Sandbox) -> str:
    return sandbox.make_group(f"rg-{uuid.uuid4().hex[:6]}")


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


def make_identity(arm: Arm, group: str, name: str = "id-app") -> dict[str, Any]:
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    return arm.put(path, IDENTITIES, {"location": "westeurope"})


def make_network(arm: Arm, group: str) -> str:
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/vnet"
    space = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": []}
    arm.put(path, NETWORK, {"location": "westeurope", "properties": space})
    return path


def test_an_identity_keeps_its_principal_and_its_successor_is_somebody_else(arm: Arm, group: str) -> None:
    first = make_identity(arm, group)
    assert make_identity(arm, group)["properties"] == first["properties"]
    arm.delete(first["id"], IDENTITIES)
    assert make_identity(arm, group)["properties"]["principalId"] != first["properties"]["principalId"]


def test_a_role_is_given_once_and_outlives_the_principal(arm: Arm, group: str) -> None:
    principal = make_identity(arm, group)["properties"]["principalId"]
    subscription = group.partition("/resourceGroups/")[0]
    role = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{_OFFICER}"
    body = {"properties": {"roleDefinitionId": role, "principalId": principal}}
    at = f"{subscription}/providers/Microsoft.Authorization/roleAssignments"
    path = f"{at}/{uuid.uuid4()}"
    assert arm.put(path, ROLES, body)["properties"]["scope"] == subscription
    again = arm.call("PUT", f"{at}/{uuid.uuid4()}", version=ROLES, body=body)
    assert code(again) == (409, "RoleAssignmentExists")
    nobody = {"properties": {**body["properties"], "principalId": str(uuid.uuid4())}}
    assert code(arm.call("PUT", f"{at}/{uuid.uuid4()}", version=ROLES, body=nobody)) == (
        400,
        "PrincipalNotFound",
    )
    arm.delete(group, "2024-03-01")
    assert arm.get(path, ROLES) is not None
    assert arm.delete(path, ROLES)


def test_a_lock_keeps_what_is_below_and_what_is_around(arm: Arm, group: str) -> None:
    network = make_network(arm, group)
    lock = f"{network}/providers/Microsoft.Authorization/locks/keep"
    arm.put(lock, LOCKS, {"properties": {"level": "CanNotDelete", "notes": "data"}})
    for path in (network, group):
        assert code(arm.call("DELETE", path, version=NETWORK)) == (409, "ScopeLocked")
    assert [one["name"] for one in arm.list(f"{group}/providers/Microsoft.Authorization/locks", LOCKS)] == [
        "keep"
    ]
    arm.delete(lock, LOCKS)
    assert arm.delete(network, NETWORK)


def test_a_read_only_lock_forbids_changes_too(arm: Arm, group: str) -> None:
    lock = f"{group}/providers/Microsoft.Authorization/locks/still"
    arm.put(lock, LOCKS, {"properties": {"level": "ReadOnly"}})
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
    assert code(arm.call("PUT", path, version=IDENTITIES, body={"location": "westeurope"})) == (
        409,
        "ScopeLocked",
    )
    arm.delete(lock, LOCKS)


def test_a_subnet_shows_inside_its_network_and_stays_while_an_endpoint_is_in_it(arm: Arm, group: str) -> None:
    network = make_network(arm, group)
    subnet = f"{network}/subnets/snet-endpoints"
    arm.put(subnet, NETWORK, {"properties": {"addressPrefix": "10.1.2.0/24"}})
    shown = (arm.get(network, NETWORK) or {})["properties"]["subnets"]
    assert [one["id"] for one in shown] == [subnet]
    overlapping = {"properties": {"addressPrefix": "10.1.2.128/25"}}
    assert code(arm.call("PUT", f"{network}/subnets/two", version=NETWORK, body=overlapping)) == (
        400,
        "NetcfgSubnetRangesOverlap",
    )
    outside = {"properties": {"addressPrefix": "10.9.2.0/24"}}
    assert code(arm.call("PUT", f"{network}/subnets/two", version=NETWORK, body=outside)) == (
        400,
        "NetcfgSubnetRangeOutsideVnet",
    )
    target = make_cache(arm, group)
    zone, endpoint = make_endpoint(arm, group, subnet, target)
    assert code(arm.call("DELETE", subnet, version=NETWORK)) == (400, "InUseSubnetCannotBeDeleted")
    found = arm.get(endpoint, NETWORK) or {}
    address = found["properties"]["customDnsConfigs"][0]["ipAddresses"]
    assert address == ["10.1.2.4"]
    records = arm.list(f"{zone}/A", "2024-06-01")
    assert [one["properties"]["aRecords"] for one in records] == [[{"ipv4Address": address[0]}]]
    interface = found["properties"]["networkInterfaces"][0]["id"]
    assert code(arm.call("DELETE", interface, version=NETWORK)) == (400, "NicInUseWithPrivateEndpoint")
    arm.delete(endpoint, NETWORK)
    assert arm.get(interface, NETWORK) is None
    assert arm.list(f"{zone}/A", "2024-06-01") == []
    assert arm.delete(subnet, NETWORK)


def test_a_group_goes_with_everything_that_depends_on_each_other(arm: Arm, group: str) -> None:
    network = make_network(arm, group)
    subnet = f"{network}/subnets/snet-endpoints"
    rules = f"{group}/providers/Microsoft.Network/networkSecurityGroups/nsg"
    made = arm.put(rules, NETWORK, {"location": "westeurope", "properties": {}})
    assert len(made["properties"]["defaultSecurityRules"]) == 6
    guarded = {"addressPrefix": "10.1.3.0/24", "networkSecurityGroup": {"id": rules}}
    arm.put(subnet, NETWORK, {"properties": guarded})
    assert code(arm.call("DELETE", rules, version=NETWORK))[1] == "InUseNetworkSecurityGroupCannotBeDeleted"
    make_endpoint(arm, group, subnet, make_cache(arm, group))
    arm.delete(group, "2024-03-01")
    assert arm.get(group, "2024-03-01") is None
    assert arm.get(network, NETWORK) is None


def test_a_deleted_workspace_comes_back_for_fourteen_days(sandbox: Sandbox, arm: Arm, group: str) -> None:
    path = f"{group}/providers/Microsoft.OperationalInsights/workspaces/log-one"
    body = {"location": "westeurope", "properties": {"retentionInDays": 90}}
    lists = f"{group}/providers/Microsoft.OperationalInsights/deletedWorkspaces"
    first = arm.put(path, "2023-09-01", body)
    arm.delete(path, "2023-09-01")
    assert [one["id"] for one in arm.list(lists, "2023-09-01")] == [path]
    back = arm.put(path, "2023-09-01", body)
    assert back["properties"]["customerId"] == first["properties"]["customerId"]
    arm.delete(path, "2023-09-01", force="true")
    assert arm.list(lists, "2023-09-01") == []
    arm.put(path, "2023-09-01", body)
    arm.delete(path, "2023-09-01")
    sandbox.faults("time", "+15d")
    assert arm.list(lists, "2023-09-01") == []
    again = arm.put(path, "2023-09-01", body)
    assert again["properties"]["customerId"] != first["properties"]["customerId"]


def make_cache(arm: Arm, group: str) -> str:
    path = f"{group}/providers/Microsoft.Cache/redisEnterprise/cache"
    arm.put(path, "2025-07-01", {"location": "westeurope", "sku": {"name": "Balanced_B0"}, "properties": {}})
    return path


def make_endpoint(arm: Arm, group: str, subnet: str, target: str) -> tuple[str, str]:
    zone = f"{group}/providers/Microsoft.Network/privateDnsZones/privatelink.redis.azure.net"
    arm.put(zone, "2024-06-01", {"location": "global"})
    link = {"virtualNetwork": {"id": subnet.partition("/subnets/")[0]}, "registrationEnabled": False}
    arm.put(f"{zone}/virtualNetworkLinks/one", "2024-06-01", {"location": "global", "properties": link})
    endpoint = f"{group}/providers/Microsoft.Network/privateEndpoints/pe"
    connection = {
        "name": "c",
        "properties": {"privateLinkServiceId": target, "groupIds": ["redisEnterprise"]},
    }
    properties = {"subnet": {"id": subnet}, "privateLinkServiceConnections": [connection]}
    arm.put(endpoint, NETWORK, {"location": "westeurope", "properties": properties})
    zones = {"privateDnsZoneConfigs": [{"name": "z", "properties": {"privateDnsZoneId": zone}}]}
    arm.put(f"{endpoint}/privateDnsZoneGroups/default", NETWORK, {"properties": zones})
    return zone, endpoint
