from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tenantry.errors import Problem
from tenantry.model.azure_names import AzureNames
from tenantry.targets.azure import foreign
from tenantry.targets.azure.inventory import assignments, group_id, inventory

_NAMES = AzureNames.of("kenya", "san", "abc234")
_GROUP = group_id("s", _NAMES)


class _Azure:
    """A subscription: bodies by id, and its lists."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.names: list[str] = []
        self.scopes: list[str] = []
        self.locks: list[str] = []
        self.below: dict[str, list[dict[str, Any]]] = {}  # by path of the list

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return self.bodies.get(path)

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        if path.endswith("/hostNameBindings"):
            return [{"id": f"{path}/{one}"} for one in self.names]
        if path.endswith("/roleAssignments"):
            return [{"id": f"{one}{path}/x", "properties": {"scope": one}} for one in self.scopes]
        if path.endswith("/locks"):
            return [{"id": one} for one in self.locks]
        if path in self.below:
            return self.below[path]
        return list(self.bodies.values()) if path.endswith("/resources") else []


def test_a_network_interface_is_the_instances_only_if_it_is_of_a_private_endpoint() -> None:
    azure = _Azure()
    for name, properties in (("ours", {"privateEndpoint": {"id": "x"}}), ("theirs", {})):
        identity = f"{_GROUP}/providers/Microsoft.Network/networkInterfaces/{name}"
        azure.bodies[identity] = {
            "id": identity,
            "type": "Microsoft.Network/networkInterfaces",
            "properties": properties,
        }
    azure.bodies[_GROUP] = {"id": _GROUP, "type": "x/groups", "tags": _OURS}
    assert [one.rpartition("/")[2] for one in _in_the_way(azure)] == ["theirs"]


def test_a_host_name_of_the_instances_own_is_an_asset_and_the_one_from_app_service_is_none() -> None:
    azure = _Azure()
    site = f"{_GROUP}/providers/Microsoft.Web/sites/{_NAMES.site}"
    azure.bodies[_GROUP] = {"id": _GROUP, "type": "Microsoft.Resources/resourceGroups"}
    azure.bodies[site] = {"id": site, "type": "Microsoft.Web/sites"}
    azure.names = [f"{_NAMES.site}.azurewebsites.net", "kenya.example.org"]
    found = inventory(azure, "s", _NAMES)  # type: ignore[arg-type]
    bound = [one.id for one in found if one.type == "Microsoft.Web/sites/hostNameBindings"]
    assert bound == [f"{site}/hostNameBindings/kenya.example.org"]


def test_an_assignment_in_a_group_whose_name_begins_alike_is_not_the_instances() -> None:
    azure = _Azure()
    mine = [_GROUP, f"{_GROUP}/providers/Microsoft.KeyVault/vaults/v", _GROUP.upper()]
    azure.scopes = [*mine, f"{_GROUP}-restore", f"{_GROUP}-restore/providers/x/y/z", "/subscriptions/s", "/"]
    found = assignments(azure, "s", _GROUP)  # type: ignore[arg-type]
    assert [one["properties"]["scope"] for one in found] == mine


def test_what_would_stop_an_erasure_is_named_by_its_id_and_the_instances_own_is_not() -> None:
    azure, types = _Azure(), "Microsoft.Network/publicIPAddresses"
    azure.bodies[_GROUP] = {"id": _GROUP, "type": "x/groups", "tags": {"instance": "tnabc"}}
    for name, tags in (("ours", {"instance": "tnabc"}), ("theirs", {"instance": "tnxyz"}), ("bare", None)):
        one = f"{_GROUP}/providers/{types}/{name}"
        azure.bodies[one] = {"id": one, "type": types, "tags": tags}
    lock = "/providers/Microsoft.Authorization/locks"
    ours = f"{_GROUP}/providers/{types}/ours{lock}/tenantry-holds-data"
    theirs = [f"{_GROUP}{lock}/a", f"/subscriptions/s{lock}/b"]
    azure.locks = [ours, *theirs, f"{_GROUP}-restore{lock}/c"]
    found = _in_the_way(azure)
    foreign_ones = [f"{_GROUP}/providers/{types}/{name}" for name in ("theirs", "bare")]
    assert list(found) == [*foreign_ones, *theirs]
    assert all(identity in one.message and one.hint for identity, one in found.items())


_INSIGHTS = "providers/microsoft.insights"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"{_INSIGHTS}/actiongroups/Application Insights Smart Detection", False),
        ("providers/Microsoft.Insights/actionGroups/application insights smart detection", False),
        ("providers/microsoft.alertsmanagement/smartDetectorAlertRules/Failure Anomalies - appi", False),
        (f"{_INSIGHTS}/actiongroups/Application Insights Smart Detection 2", True),
        (f"{_INSIGHTS}/webtests/Application Insights Smart Detection", True),
    ],
)
def test_what_azure_makes_for_application_insights_is_in_nobodys_way_and_nothing_that_is_only_like_it(
    path: str, *, told: bool
) -> None:
    azure, one = _Azure(), f"{_GROUP}/{path}"
    azure.bodies[_GROUP] = {"id": _GROUP, "type": "x/groups", "tags": _OURS}
    azure.bodies[one] = {"id": one, "type": "/".join(path.split("/")[1:3]), "tags": None}
    assert list(_in_the_way(azure)) == [one] * told


def test_nothing_is_in_the_way_where_there_is_no_group() -> None:
    azure = _Azure()
    azure.locks = ["/subscriptions/s/providers/Microsoft.Authorization/locks/b"]
    assert _in_the_way(azure) == {}


def _in_the_way(azure: _Azure) -> Mapping[str, Problem]:
    arm: Any = azure
    return foreign.obstacles(arm, _GROUP, "tnabc", names=_NAMES)


_OURS: dict[str, Any] = {"instance": "tnabc", "client": "kenya"}


def _with_parts(azure: _Azure, type_: str, path: str, **parts: dict[str, Any] | None) -> list[str]:
    """Put a resource of the instance's into the group, and parts into it by name, with their tags."""
    resource = f"{_GROUP}/providers/{type_}/x"
    azure.bodies[_GROUP] = {"id": _GROUP, "type": "x/groups", "tags": _OURS}
    azure.bodies[resource] = {"id": resource, "type": type_, "tags": _OURS}
    azure.below[f"{resource}/{path}"] = [
        {"id": f"{resource}/{path}/{name}", "tags": tags} for name, tags in parts.items()
    ]
    return [one["id"] for one in azure.below[f"{resource}/{path}"]]


def test_a_database_of_somebody_elses_on_the_instances_server_is_in_the_way() -> None:
    azure = _Azure()
    own = dict.fromkeys(("app", "postgres", "azure_sys", "azure_maintenance"))
    *_, theirs = _with_parts(
        azure, "Microsoft.DBforPostgreSQL/flexibleServers", "databases", **own, reporting=None
    )
    found = _in_the_way(azure)
    assert [(one, told.code) for one, told in found.items()] == [(theirs, "foreign-resource")]


def test_a_subnet_of_somebody_elses_is_in_the_way() -> None:
    azure = _Azure()
    own: dict[str, Any] = {_NAMES.app_subnet: None, _NAMES.endpoints_subnet: None}
    *_, theirs = _with_parts(azure, "Microsoft.Network/virtualNetworks", "subnets", **own, vpn=None)
    assert list(_in_the_way(azure)) == [theirs]


@pytest.mark.parametrize("path", ["keys", "secrets"])
def test_what_somebody_put_into_a_vault_is_in_the_way_and_what_has_the_tag_is_not(path: str) -> None:
    azure = _Azure()
    *_, theirs = _with_parts(azure, "Microsoft.KeyVault/vaults", path, data=_OURS, withdrawn=_OURS, x=None)
    assert list(_in_the_way(azure)) == [theirs]


def test_a_container_that_the_workload_may_have_made_is_not_in_the_way() -> None:
    azure = _Azure()
    made: dict[str, Any] = {"uploads": None, "$logs": None, "of-the-workload": None}
    _with_parts(azure, "Microsoft.Storage/storageAccounts", "blobServices/default/containers", **made)
    assert _in_the_way(azure) == {}


def test_what_lies_in_somebody_elses_resource_is_told_once() -> None:
    azure = _Azure()
    _with_parts(azure, "Microsoft.KeyVault/vaults", "secrets", x=None)
    (vault,) = [one for one in azure.bodies if one != _GROUP]
    azure.bodies[vault]["tags"] = None
    assert list(_in_the_way(azure)) == [vault]
