"""The types of resources that an instance on Azure consists of: Pulumi's token, and Resource Manager's id.

Neither the package nor the provider tells Resource Manager's type or path, so
they are written down here. The versions are those of pulumi-azure-native 3.29.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

__all__ = ["TYPES", "AzureType", "Scope", "lies_in", "resource_id", "subscription_of"]

_P: Final = "azure-native"


class Scope(Enum):
    """What the id of a type begins with."""

    SUBSCRIPTION = "subscription"
    GROUP = "group"
    ANY = "any"  # the id of any resource; the first input names it


@dataclass(frozen=True, kw_only=True)
class AzureType:
    """One type."""

    token: str
    arm_type: str
    version: str
    names: tuple[str, ...]  # per segment of the type: the input with the name, or "=constant"
    scope: Scope = Scope.GROUP
    scope_input: str = "resourceGroupName"
    singleton: bool = False  # it is there with its parent; a create is an update

    @property
    def path_inputs(self) -> tuple[str, ...]:
        """The inputs that are part of the id."""
        named = tuple(name for name in self.names if not name.startswith("="))
        return named if self.scope is Scope.SUBSCRIPTION else (self.scope_input, *named)


def _type(token: str, arm_type: str, version: str, *names: str, **more: Any) -> AzureType:
    return AzureType(token=f"{_P}:{token}", arm_type=arm_type, version=version, names=names, **more)


_WEB, _NETWORK, _SERVER = "Microsoft.Web", "Microsoft.Network", "Microsoft.DBforPostgreSQL/flexibleServers"
_ACCOUNT, _POLICIES = "Microsoft.Storage/storageAccounts", "basicPublishingCredentialsPolicies"
_SCOPED: Final[Mapping[str, Any]] = {"scope": Scope.ANY, "scope_input": "scope"}

_ALL: Final = (
    _type("applicationinsights:Component", "Microsoft.Insights/components", "2020-02-02", "resourceName"),
    _type("applicationinsights:WebTest", "Microsoft.Insights/webtests", "2022-06-15", "webTestName"),
    _type(
        "authorization:ManagementLockByScope",
        "Microsoft.Authorization/locks",
        "2020-05-01",
        "lockName",
        **_SCOPED,
    ),
    _type(
        "authorization:RoleAssignment",
        "Microsoft.Authorization/roleAssignments",
        "2022-04-01",
        "roleAssignmentName",
        **_SCOPED,
    ),
    _type("consumption:Budget", "Microsoft.Consumption/budgets", "2024-08-01", "budgetName", **_SCOPED),
    _type(
        "dbforpostgresql:Configuration",
        f"{_SERVER}/configurations",
        "2025-08-01",
        *("serverName", "configurationName"),
        singleton=True,
    ),
    _type("dbforpostgresql:Database", f"{_SERVER}/databases", "2025-08-01", "serverName", "databaseName"),
    _type("dbforpostgresql:Server", _SERVER, "2025-08-01", "serverName"),
    _type("keyvault:Key", "Microsoft.KeyVault/vaults/keys", "2024-11-01", "vaultName", "keyName"),
    _type("keyvault:Secret", "Microsoft.KeyVault/vaults/secrets", "2024-11-01", "vaultName", "secretName"),
    _type("keyvault:Vault", "Microsoft.KeyVault/vaults", "2024-11-01", "vaultName"),
    _type(
        "managedidentity:UserAssignedIdentity",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        "2023-01-31",
        "resourceName",
    ),
    _type("monitor:ActionGroup", "Microsoft.Insights/actionGroups", "2024-10-01-preview", "actionGroupName"),
    _type(
        "monitor:DiagnosticSetting",
        "Microsoft.Insights/diagnosticSettings",
        "2021-05-01-preview",
        "name",
        scope=Scope.ANY,
        scope_input="resourceUri",
    ),
    _type("monitor:MetricAlert", "Microsoft.Insights/metricAlerts", "2018-03-01", "ruleName"),
    _type(
        "monitor:ScheduledQueryRule",
        "Microsoft.Insights/scheduledQueryRules",
        "2025-01-01-preview",
        "ruleName",
    ),
    _type(
        "network:NetworkSecurityGroup",
        f"{_NETWORK}/networkSecurityGroups",
        "2024-05-01",
        "networkSecurityGroupName",
    ),
    _type(
        "network:PrivateDnsZoneGroup",
        f"{_NETWORK}/privateEndpoints/privateDnsZoneGroups",
        "2024-05-01",
        *("privateEndpointName", "privateDnsZoneGroupName"),
    ),
    _type("network:PrivateEndpoint", f"{_NETWORK}/privateEndpoints", "2024-05-01", "privateEndpointName"),
    _type(
        "network:Subnet",
        f"{_NETWORK}/virtualNetworks/subnets",
        "2024-05-01",
        *("virtualNetworkName", "subnetName"),
    ),
    _type("network:VirtualNetwork", f"{_NETWORK}/virtualNetworks", "2024-05-01", "virtualNetworkName"),
    _type(
        "operationalinsights:Workspace",
        "Microsoft.OperationalInsights/workspaces",
        "2023-09-01",
        "workspaceName",
    ),
    _type("privatedns:PrivateZone", f"{_NETWORK}/privateDnsZones", "2024-06-01", "privateZoneName"),
    _type(
        "privatedns:VirtualNetworkLink",
        f"{_NETWORK}/privateDnsZones/virtualNetworkLinks",
        "2024-06-01",
        *("privateZoneName", "virtualNetworkLinkName"),
    ),
    _type(
        "redisenterprise:Database",
        "Microsoft.Cache/redisEnterprise/databases",
        "2025-07-01",
        *("clusterName", "databaseName"),
    ),
    _type("redisenterprise:RedisEnterprise", "Microsoft.Cache/redisEnterprise", "2025-07-01", "clusterName"),
    _type(
        "resources:ResourceGroup",
        "Microsoft.Resources/resourceGroups",
        "2024-03-01",
        "resourceGroupName",
        scope=Scope.SUBSCRIPTION,
        scope_input="",
    ),
    _type(
        "storage:BlobContainer",
        f"{_ACCOUNT}/blobServices/containers",
        "2024-01-01",
        *("accountName", "=default", "containerName"),
    ),
    _type(
        "storage:BlobServiceProperties",
        f"{_ACCOUNT}/blobServices",
        "2024-01-01",
        *("accountName", "blobServicesName"),
        singleton=True,
    ),
    _type("storage:StorageAccount", _ACCOUNT, "2024-01-01", "accountName"),
    _type("web:AppServicePlan", f"{_WEB}/serverfarms", "2025-05-01", "name"),
    _type("web:Certificate", f"{_WEB}/certificates", "2025-05-01", "name"),
    _type("web:StaticSite", f"{_WEB}/staticSites", "2025-05-01", "name"),
    _type("web:WebApp", f"{_WEB}/sites", "2025-05-01", "name"),
    _type(
        "web:WebAppApplicationSettings",
        f"{_WEB}/sites/config",
        "2025-05-01",
        *("name", "=appsettings"),
        singleton=True,
    ),
    _type(
        "web:WebAppFtpAllowed",
        f"{_WEB}/sites/{_POLICIES}",
        "2025-05-01",
        *("name", "=ftp"),
        singleton=True,
    ),
    _type(
        "web:WebAppHostNameBinding",
        f"{_WEB}/sites/hostNameBindings",
        "2025-05-01",
        *("name", "hostName"),
    ),
    _type(
        "web:WebAppScmAllowed",
        f"{_WEB}/sites/{_POLICIES}",
        "2025-05-01",
        *("name", "=scm"),
        singleton=True,
    ),
)

TYPES: Final[Mapping[str, AzureType]] = {one.token: one for one in _ALL}


def resource_id(token: str, inputs: Mapping[str, Any], subscription_id: str) -> str:
    """Return the id that a resource has or will have.

    Args:
        token: of a type in ``TYPES``.
        inputs: of the resource, under Pulumi's names; those of the path must be there.
        subscription_id: the subscription, where no input says more.

    Raises:
        KeyError: the token, or an input of the path, is not there.
    """
    kind = TYPES[token]
    subscription = f"/subscriptions/{subscription_id}"
    if kind.scope is Scope.SUBSCRIPTION:
        return f"{subscription}/resourceGroups/{inputs['resourceGroupName']}"
    base = f"{subscription}/resourceGroups/{inputs['resourceGroupName']}" if kind.scope is Scope.GROUP else ""
    if kind.scope is Scope.ANY:
        base = "/" + str(inputs[kind.scope_input]).strip("/")
    namespace, *segments = kind.arm_type.split("/")
    path = f"{base}/providers/{namespace}"
    for segment, name in zip(segments, kind.names, strict=True):
        path += f"/{segment}/{name[1:] if name.startswith('=') else inputs[name]}"
    return path


def lies_in(identity: str, place: str) -> bool:
    """Say whether an id is that of a place or of something in it; a longer name beside it is not."""
    return f"{identity.lower().rstrip('/')}/".startswith(f"{place.lower().rstrip('/')}/")


def subscription_of(identity: str) -> str:
    """Return the id of the subscription that a resource lies in."""
    return "/".join(identity.split("/")[:3])
