"""Each verb of types that other files do not cover, called through Microsoft's management clients."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.sandbox.clients.conftest import Ground

_GLOBAL = "global"
_READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def names(listed: Any) -> list[str]:
    return [one.name for one in listed]


def test_an_identity(ground: Ground) -> None:
    identities = ground.client("azure.mgmt.msi.ManagedServiceIdentityClient").user_assigned_identities
    where = (ground.group, ground.name("id"))
    made = identities.create_or_update(*where, {"location": ground.region})
    assert uuid.UUID(made.principal_id) != uuid.UUID(made.client_id)
    assert identities.update(*where, {"tags": {"a": "b"}}).principal_id == made.principal_id
    assert identities.get(*where).tags == {"a": "b"}
    assert where[1] in names(identities.list_by_resource_group(ground.group))
    assert where[1] in names(identities.list_by_subscription())
    identities.delete(*where)
    with pytest.raises(ResourceNotFoundError):
        identities.get(*where)


def test_a_role_assignment(ground: Ground) -> None:
    client = ground.client("azure.mgmt.authorization.AuthorizationManagementClient", api_version="2022-04-01")
    roles = client.role_assignments
    definition = f"{ground.sandbox.subscription}/providers/Microsoft.Authorization/roleDefinitions/{_READER}"
    name, who = str(uuid.uuid4()), ground.sandbox.told["object_id"]
    body = {"properties": {"roleDefinitionId": definition, "principalId": who}}
    made = roles.create(ground.group_id, name, body)
    assert (made.scope, made.principal_type) == (ground.group_id, "ServicePrincipal")
    described = {"properties": {**body["properties"], "description": "reads"}}
    assert roles.create(ground.group_id, name, described).description == "reads"
    assert roles.get(ground.group_id, name).principal_id == who
    assert name in names(roles.list_for_scope(ground.group_id, filter="atScope()"))
    assert name in names(roles.list_for_resource_group(ground.group))
    assert roles.delete(ground.group_id, name).name == name
    assert name not in names(roles.list_for_scope(ground.group_id))
    with pytest.raises(ResourceNotFoundError):
        roles.get(ground.group_id, name)


def test_a_lock(ground: Ground) -> None:
    locks = ground.client("azure.mgmt.resource.locks.ManagementLockClient").management_locks
    group, name = ground.name("rg"), ground.name("lock")
    scope = ground.sandbox.make_group(group)
    assert locks.create_or_update_by_scope(scope, name, {"level": "CanNotDelete"}).level == "CanNotDelete"
    changed = locks.create_or_update_by_scope(scope, name, {"level": "CanNotDelete", "notes": "data"})
    assert (changed.notes, locks.get_by_scope(scope, name).notes) == ("data", "data")
    assert names(locks.list_by_scope(scope)) == [name]
    assert names(locks.list_at_resource_group_level(group)) == [name]
    locks.delete_by_scope(scope, name)
    assert names(locks.list_at_resource_group_level(group)) == []


def test_a_network_and_its_subnets(ground: Ground) -> None:
    client = ground.client("azure.mgmt.network.NetworkManagementClient")
    networks, subnets = client.virtual_networks, client.subnets
    where = (ground.group, ground.name("vnet"))
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    body = {"location": ground.region, "properties": space}
    made = networks.begin_create_or_update(*where, body).result()
    assert made.address_space.address_prefixes == ["10.0.0.0/16"]
    assert networks.update_tags(*where, {"tags": {"a": "b"}}).tags == {"a": "b"}
    wanted = {"properties": {"addressPrefix": "10.0.1.0/24"}}
    subnet = subnets.begin_create_or_update(*where, "apps", wanted).result()
    assert (subnet.address_prefix, subnet.provisioning_state) == ("10.0.1.0/24", "Succeeded")
    delegation = {"name": "web", "properties": {"serviceName": "Microsoft.Web/serverFarms"}}
    changed = {"properties": {"addressPrefix": "10.0.1.0/24", "delegations": [delegation]}}
    subnets.begin_create_or_update(*where, "apps", changed).result()
    assert subnets.get(*where, "apps").delegations[0].service_name == "Microsoft.Web/serverFarms"
    assert names(subnets.list(*where)) == ["apps"]
    assert names(networks.get(*where).subnets) == ["apps"]
    assert where[1] in names(networks.list(ground.group))
    assert where[1] in names(networks.list_all())
    subnets.begin_delete(*where, "apps").result()
    assert names(subnets.list(*where)) == []
    networks.begin_delete(*where).result()
    with pytest.raises(ResourceNotFoundError):
        networks.get(*where)


def test_a_security_group(ground: Ground) -> None:
    client = ground.client("azure.mgmt.network.NetworkManagementClient")
    groups = client.network_security_groups
    where = (ground.group, ground.name("nsg"))
    rule = {
        "name": "https",
        "properties": {
            "protocol": "Tcp",
            "access": "Allow",
            "direction": "Inbound",
            "priority": 200,
            "sourceAddressPrefix": "*",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "443",
        },
    }
    body = {"location": ground.region, "properties": {"securityRules": [rule]}}
    made = groups.begin_create_or_update(*where, body).result()
    assert len(made.default_security_rules) == 6
    assert groups.update_tags(*where, {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert names(groups.get(*where).security_rules) == ["https"]
    assert where[1] in names(groups.list(ground.group))
    groups.begin_delete(*where).result()
    assert where[1] not in names(groups.list_all())


def test_a_zone_and_its_links(ground: Ground) -> None:
    client = ground.client("azure.mgmt.privatedns.PrivateDnsManagementClient")
    zones, links = client.private_zones, client.virtual_network_links
    where = (ground.group, f"{ground.name('zone')}.example")
    made = zones.begin_create_or_update(*where, {"location": _GLOBAL}).result()
    assert made.properties.number_of_virtual_network_links == 0
    assert zones.begin_update(*where, {"tags": {"a": "b"}}).result().tags == {"a": "b"}
    link = {
        "location": _GLOBAL,
        "properties": {"virtualNetwork": {"id": _network(ground)}, "registrationEnabled": False},
    }
    linked = links.begin_create_or_update(*where, "net", link).result()
    assert linked.properties.virtual_network_link_state == "Completed"
    assert links.begin_update(*where, "net", {"tags": {"c": "d"}}).result().tags == {"c": "d"}
    assert links.get(*where, "net").properties.registration_enabled is False
    assert names(links.list(*where)) == ["net"]
    assert zones.get(*where).properties.number_of_virtual_network_links == 1
    links.begin_delete(*where, "net").result()
    assert names(links.list(*where)) == []
    assert where[1] in names(zones.list_by_resource_group(ground.group))
    zones.begin_delete(*where).result()
    assert where[1] not in names(zones.list())


def test_a_private_endpoint_and_its_zone_group(ground: Ground) -> None:
    client = ground.client("azure.mgmt.network.NetworkManagementClient")
    endpoints, groups = client.private_endpoints, client.private_dns_zone_groups
    where = (ground.group, ground.name("pe"))
    body = _endpoint(ground)
    made = endpoints.begin_create_or_update(*where, body).result()
    connection = made.private_link_service_connections[0]
    assert connection.private_link_service_connection_state.status == "Approved"
    body["tags"] = {"a": "b"}
    endpoints.begin_create_or_update(*where, body).result()
    found = endpoints.get(*where)
    assert (found.tags, found.custom_dns_configs[0].ip_addresses) == ({"a": "b"}, ["10.9.0.4"])
    assert where[1] in names(endpoints.list(ground.group))
    assert where[1] in names(endpoints.list_by_subscription())

    zone = ground.client("azure.mgmt.privatedns.PrivateDnsManagementClient").private_zones
    zones = [
        zone.begin_create_or_update(ground.group, f"{one}.example", {"location": _GLOBAL}).result().id
        for one in ("first", "second")
    ]
    for one in zones:  # the second time it is an update
        configs = [{"name": "vault", "properties": {"privateDnsZoneId": one}}]
        groups.begin_create_or_update(
            *where, "default", {"properties": {"privateDnsZoneConfigs": configs}}
        ).result()
    told = groups.get(*where, "default").private_dns_zone_configs[0]
    assert told.private_dns_zone_id == zones[1]
    assert told.record_sets[0].ip_addresses == ["10.9.0.4"]
    assert names(groups.list(where[1], ground.group)) == ["default"]
    groups.begin_delete(*where, "default").result()
    assert names(groups.list(where[1], ground.group)) == []
    endpoints.begin_delete(*where).result()
    with pytest.raises(ResourceNotFoundError):
        endpoints.get(*where)


def test_a_workspace(ground: Ground) -> None:
    client = ground.client("azure.mgmt.loganalytics.LogAnalyticsManagementClient")
    workspaces, deleted = client.workspaces, client.deleted_workspaces
    where = (ground.group, ground.name("log"))
    body = {"location": ground.region, "properties": {"retentionInDays": 30}}
    made = workspaces.begin_create_or_update(*where, body).result()
    assert str(uuid.UUID(made.customer_id)) == made.customer_id
    assert workspaces.update(*where, {"properties": {"retentionInDays": 60}}).retention_in_days == 60
    assert workspaces.get(*where).customer_id == made.customer_id
    assert where[1] in names(workspaces.list_by_resource_group(ground.group))
    assert where[1] in names(workspaces.list())
    workspaces.begin_delete(*where).result()
    assert where[1] in names(deleted.list())
    assert where[1] in names(deleted.list_by_resource_group(ground.group))
    again = workspaces.begin_create_or_update(*where, {"location": ground.region}).result()
    assert again.customer_id == made.customer_id
    workspaces.begin_delete(*where, force=True).result()
    assert where[1] not in names(deleted.list())


def test_tables_of_a_workspace(ground: Ground) -> None:
    client = ground.client("azure.mgmt.loganalytics.LogAnalyticsManagementClient")
    workspaces, tables = client.workspaces, client.tables
    workspace = (ground.group, ground.name("log"))
    body = {"location": ground.region, "properties": {"retentionInDays": 30}}
    workspaces.begin_create_or_update(*workspace, body).result()

    def kept(name: str) -> tuple[int, int, int, bool]:
        told = tables.get(*workspace, name)
        archived = told.archive_retention_in_days
        return (
            told.retention_in_days,
            told.total_retention_in_days,
            archived,
            told.retention_in_days_as_default,
        )

    assert kept("AppTraces") == (90, 90, 0, True), "Azure's default below 90 days"
    assert kept("AzureDiagnostics") == (30, 30, 0, True)
    workspaces.update(*workspace, {"properties": {"retentionInDays": 120}})
    assert kept("AppTraces") == kept("AzureDiagnostics") == (120, 120, 0, True)
    days = {"properties": {"retentionInDays": 14, "totalRetentionInDays": 60}}
    assert tables.begin_update(*workspace, "AppTraces", days).result().retention_in_days == 14
    assert kept("AppTraces") == (14, 60, 46, False)
    again = {"properties": {"retentionInDays": 7}}  # a PUT says all: what it leaves out is the default again
    assert tables.begin_create_or_update(*workspace, "AppTraces", again).result().total_retention_in_days == 7
    back = {"properties": {"retentionInDays": -1}}
    assert tables.begin_update(*workspace, "AppTraces", back).result().retention_in_days == 120
    listed = {one.name: one.retention_in_days for one in tables.list_by_workspace(*workspace)}
    assert (listed["AppTraces"], listed["AppMetrics"], listed["Usage"]) == (120, 120, 120)
    assert tables.get(*workspace, "AppTraces").schema.table_type == "Microsoft"
    for name, wrong in (("AppTraces", 3), ("AppTraces", 731), ("AppTracks", 30)):
        with pytest.raises(HttpResponseError):
            tables.begin_update(*workspace, name, {"properties": {"retentionInDays": wrong}}).result()
    with pytest.raises(HttpResponseError):
        tables.begin_delete(*workspace, "AppTraces").result()


def test_a_table_that_was_changed_is_listed_once_and_as_it_is_read(ground: Ground) -> None:
    client = ground.client("azure.mgmt.loganalytics.LogAnalyticsManagementClient")
    workspace, tables = (ground.group, ground.name("log")), client.tables
    client.workspaces.begin_create_or_update(*workspace, {"location": ground.region}).result()
    before = sorted(names(tables.list_by_workspace(*workspace)))
    days = {"properties": {"retentionInDays": 14, "totalRetentionInDays": 14}}
    tables.begin_create_or_update(*workspace, "AppTraces", days).result()
    listed = [(one.name, one.retention_in_days) for one in tables.list_by_workspace(*workspace)]
    assert [one for one in listed if one[0] == "AppTraces"] == [("AppTraces", 14)]
    assert sorted(name for name, _ in listed) == before


def test_a_budget(ground: Ground) -> None:
    budgets = ground.client("azure.mgmt.consumption.ConsumptionManagementClient").budgets
    name = ground.name("budget")
    properties = {
        "amount": 100,
        "category": "Cost",
        "timeGrain": "Monthly",
        "timePeriod": {"startDate": "2026-11-01T00:00:00Z", "endDate": "2031-11-01T00:00:00Z"},
    }
    made = budgets.create_or_update(ground.group_id, name, {"properties": properties})
    assert (made.properties.amount, made.properties.current_spend.amount) == (100, 0)
    changed = {"eTag": made.e_tag, "properties": {**properties, "amount": 200}}
    assert budgets.create_or_update(ground.group_id, name, changed).properties.amount == 200
    assert budgets.get(ground.group_id, name).properties.time_grain == "Monthly"
    assert names(budgets.list(ground.group_id)) == [name]
    budgets.delete(ground.group_id, name)
    assert names(budgets.list(ground.group_id)) == []


def _network(ground: Ground) -> str:
    """Make a network with one subnet, or find it; return its id."""
    client = ground.client("azure.mgmt.network.NetworkManagementClient")
    subnet = {"name": "endpoints", "properties": {"addressPrefix": "10.9.0.0/24"}}
    properties = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}, "subnets": [subnet]}
    body = {"location": ground.region, "properties": properties}
    made = client.virtual_networks.begin_create_or_update(ground.group, "vnet-shared", body).result()
    return str(made.id)


def _endpoint(ground: Ground) -> dict[str, Any]:
    """The body of an endpoint of a vault."""
    vaults = ground.client("azure.mgmt.keyvault.KeyVaultManagementClient").vaults
    properties = {
        "tenantId": ground.sandbox.told["directory_id"],
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
    }
    body = {"location": ground.region, "properties": properties}
    vault = vaults.begin_create_or_update(ground.group, ground.name("kv"), body).result()
    connection = {"name": "vault", "properties": {"privateLinkServiceId": vault.id, "groupIds": ["vault"]}}
    return {
        "location": ground.region,
        "properties": {
            "subnet": {"id": f"{_network(ground)}/subnets/endpoints"},
            "privateLinkServiceConnections": [connection],
        },
    }
