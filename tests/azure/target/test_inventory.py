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
        self.locks: list[str] = []

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return self.bodies.get(path)

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        if path.endswith("/hostNameBindings"):
            return [{"id": f"{path}/{one}"} for one in self.names]
        if path.endswith("/roleAssignments"):
            return [{"id": f"{one}{path}/x", "properties": {"scope": one}} for one in self.scopes]
        if path.endswith("/locks"):
            return [{"id": one} for one in self.locks]
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
    found = foreign.obstacles(azure, _GROUP, "tnabc")  # type: ignore[arg-type]
    foreign_ones = [f"{_GROUP}/providers/{types}/{name}" for name in ("theirs", "bare")]
    assert list(found) == [*foreign_ones, *theirs]
    assert all(identity in one.message and one.hint for identity, one in found.items())


def test_nothing_is_in_the_way_where_there_is_no_group() -> None:
    azure = _Azure()
    azure.locks = ["/subscriptions/s/providers/Microsoft.Authorization/locks/b"]
    assert foreign.obstacles(azure, _GROUP, "tnabc") == {}  # type: ignore[arg-type]
