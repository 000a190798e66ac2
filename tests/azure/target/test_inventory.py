from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return self.bodies.get(path)

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        if path.endswith("/hostNameBindings"):
            return [{"id": f"{path}/{one}"} for one in self.names]
        if path.endswith("/roleAssignments"):
            return [{"id": f"{one}{path}/x", "properties": {"scope": one}} for one in self.scopes]
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
    found = foreign.resources(azure, _GROUP, "tnabc")  # type: ignore[arg-type]
    assert [one.rpartition("/")[2] for one in found] == ["theirs"]


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
