"""What is told as somebody else's in a group, from the lists that Resource Manager really answers."""

from __future__ import annotations

from typing import Any

from tenantry.adapters.azure_arm import Arm
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES
from tenantry.targets.azure import foreign, inventory
from tests.support.sandbox import Sandbox

_NAMES = AzureNames.of("kenya", "san", "abc234")
_OURS = {"tags": {"instance": "tnabc"}}
_REGION = {"location": "southafricanorth"}


_DETECTED, _DETECTS = "2023-01-01", "2021-04-01"


def _put(arm: Arm, place: str, token: str, path: str, **body: Any) -> str:
    identity = f"{place}/{path}"
    arm.put(identity, TYPES[f"azure-native:{token}"].version, body)
    return identity


def test_what_somebody_else_put_into_an_instances_resources_is_told_and_nothing_of_its_own(
    sandbox: Sandbox, arm: Arm
) -> None:
    group = inventory.group_id(sandbox.subscription.rpartition("/")[2], _NAMES)
    _put(arm, group.rpartition("/")[0], "resources:ResourceGroup", _NAMES.resource_group, **_REGION, **_OURS)
    space = f"{group}/providers"
    net = _put(
        arm, space, "network:VirtualNetwork", f"Microsoft.Network/virtualNetworks/{_NAMES.network}",
        **_REGION, **_OURS, properties={"addressSpace": {"addressPrefixes": ["10.20.0.0/22"]}},
    )  # fmt: skip
    for number, name in enumerate((_NAMES.app_subnet, _NAMES.endpoints_subnet, "somebodys")):
        prefix = {"addressPrefix": f"10.20.{number}.0/24"}
        _put(arm, net, "network:Subnet", f"subnets/{name}", properties=prefix)
    vault = _put(
        arm, space, "keyvault:Vault", f"Microsoft.KeyVault/vaults/{_NAMES.secrets_vault}", **_REGION, **_OURS,
        properties={
            "tenantId": sandbox.told["directory_id"],
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
        },
    )  # fmt: skip
    _put(arm, vault, "keyvault:Secret", "secrets/password", **_OURS, properties={"value": "x"})
    _put(arm, vault, "keyvault:Secret", "secrets/somebodys", properties={"value": "x"})
    _put(arm, vault, "keyvault:Key", f"keys/{_NAMES.data_key}", **_OURS, properties={"kty": "RSA"})
    zone = _put(
        arm, space, "privatedns:PrivateZone",
        "Microsoft.Network/privateDnsZones/privatelink.vaultcore.azure.net",
        location="Global", **_OURS,
    )  # fmt: skip
    linked = {"location": "Global", "properties": {"virtualNetwork": {"id": net}}}
    _put(
        arm, zone, "privatedns:VirtualNetworkLink", f"virtualNetworkLinks/{_NAMES.network}", **linked, **_OURS
    )
    found = foreign.obstacles(arm, group, "tnabc", names=_NAMES)
    assert sorted(found) == [f"{vault}/secrets/somebodys", f"{net}/subnets/somebodys"]


def _with_component(arm: Arm, subscription: str, names: AzureNames) -> str:
    group = inventory.group_id(subscription.rpartition("/")[2], names)
    _put(arm, group.rpartition("/")[0], "resources:ResourceGroup", names.resource_group, **_REGION, **_OURS)
    space = f"{group}/providers"
    workspace = _put(
        arm, space, "operationalinsights:Workspace",
        f"Microsoft.OperationalInsights/workspaces/{names.workspace}", **_REGION, **_OURS,
        properties={"sku": {"name": "PerGB2018"}},
    )  # fmt: skip
    _put(
        arm, space, "applicationinsights:Component", "Microsoft.Insights/components/insights",
        **_REGION, **_OURS, kind="web",
        properties={"Application_Type": "web", "WorkspaceResourceId": workspace},
    )  # fmt: skip
    return group


def _untagged(arm: Arm, group: str) -> list[str]:
    listed = inventory.resources(arm, group)
    assert {one["location"] for one in listed if not one.get("tags")} <= {"global"}
    return sorted(f"{one['type']}/{one['name']}" for one in listed if not one.get("tags"))


def test_what_azure_makes_for_a_component_comes_late_without_tags_is_not_told_and_goes_with_the_group(
    sandbox: Sandbox, arm: Arm
) -> None:
    group, other = (
        _with_component(arm, sandbox.second, AzureNames.of(one, "san", "abc234")) for one in ("mali", "togo")
    )
    assert _untagged(arm, group) == []
    sandbox.faults("time", "+6m")
    rules = "microsoft.alertsmanagement/smartdetectoralertrules/Failure Anomalies - insights"
    assert _untagged(arm, group) == _untagged(arm, other) == [rules]
    sandbox.faults("time", "+70m")
    calls = "microsoft.insights/actiongroups/Application Insights Smart Detection"
    assert sorted(map(len, (_untagged(arm, group), _untagged(arm, other)))) == [1, 2], "one a subscription"
    holder = group if calls in _untagged(arm, group) else other
    called = arm.get(f"{holder}/providers/{calls}", _DETECTED)
    assert called is not None
    for one in (group, other):
        assert foreign.obstacles(arm, one, "tnabc", names=_NAMES) == {}
        rule = arm.get(f"{one}/providers/{rules}", _DETECTS)
        assert rule is not None
        assert rule["properties"]["actionGroups"]["groupIds"] == [called["id"]]
    arm.delete(holder, TYPES["azure-native:resources:ResourceGroup"].version)
    assert arm.get(f"{holder}/providers/{calls}", _DETECTED) is None
