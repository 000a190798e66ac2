from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tenantry.model.azure_names import AzureNames
from tenantry.model.status import Asset
from tenantry.targets.azure.erasure import foreign
from tenantry.targets.azure.inventory import group_id, inventory, prove_absent

_NAMES = AzureNames.of("kenya", "san", "abc234")
_GROUP = group_id("s", _NAMES)
_VAULT = f"{_GROUP}/providers/Microsoft.KeyVault/vaults/kvs-kenya-san-abc234"
_ASSIGNMENT = f"{_VAULT}/providers/Microsoft.Authorization/roleAssignments/one"


class _Azure:
    """A subscription: bodies by id, and its lists."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.assignments: list[dict[str, Any]] = []
        self.names: list[str] = []

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return self.bodies.get(path)

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        if path.endswith("/roleAssignments"):
            return self.assignments
        if path.endswith("/hostNameBindings"):
            return [{"id": f"{path}/{one}"} for one in self.names]
        return list(self.bodies.values()) if path.endswith("/resources") else []


def test_a_role_assignment_that_outlived_the_group_is_not_absent() -> None:
    azure = _Azure()
    azure.assignments = [{"id": _ASSIGNMENT, "properties": {"scope": _VAULT}}]
    known = frozenset({Asset(id=_ASSIGNMENT, type="Microsoft.Authorization/roleAssignments")})
    found = prove_absent(azure, "s", _NAMES, known, now=datetime.now(UTC))  # type: ignore[arg-type]
    assert {one.asset.id: one.absent for one in found} == {_ASSIGNMENT: False, _GROUP: True}


def test_a_network_interface_is_the_instances_only_if_it_is_of_a_private_endpoint() -> None:
    azure = _Azure()
    for name, properties in (("ours", {"privateEndpoint": {"id": "x"}}), ("theirs", {})):
        identity = f"{_GROUP}/providers/Microsoft.Network/networkInterfaces/{name}"
        azure.bodies[identity] = {
            "id": identity,
            "type": "Microsoft.Network/networkInterfaces",
            "properties": properties,
        }
    found = foreign(azure, _GROUP, "tnabc")  # type: ignore[arg-type]
    assert [one.rpartition("/")[2] for one in found] == ["theirs"]


def test_a_host_name_of_the_instances_own_is_an_asset_and_the_one_from_app_service_is_none() -> None:
    azure = _Azure()
    site = f"{_GROUP}/providers/Microsoft.Web/sites/{_NAMES.site}"
    azure.bodies[_GROUP] = {"id": _GROUP, "type": "Microsoft.Resources/resourceGroups"}
    azure.names = [f"{_NAMES.site}.azurewebsites.net", "kenya.example.org"]
    found = inventory(azure, "s", _NAMES)  # type: ignore[arg-type]
    bound = [one.id for one in found if one.type == "Microsoft.Web/sites/hostNameBindings"]
    assert bound == [f"{site}/hostNameBindings/kenya.example.org"]
