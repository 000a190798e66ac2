"""The types that the components make, by Pulumi token, and which of them hold client data."""

from __future__ import annotations

from typing import Final

__all__ = ["DATA_TOKENS", "TOKENS"]

_P: Final = "azure-native"

# What a plan must not delete or replace by the way. The engine's adapter refuses such a plan and tells why;
# the program sets Pulumi's own `protect` as well, for whoever runs the engine by hand. An erasure meets
# neither: it deletes through Resource Manager, and then removes the stack as a whole.
DATA_TOKENS: Final = frozenset(
    {
        f"{_P}:dbforpostgresql:Server",
        f"{_P}:dbforpostgresql:Database",
        f"{_P}:keyvault:Vault",
        f"{_P}:keyvault:Key",  # without it nothing of database and storage can be read
        f"{_P}:storage:StorageAccount",
        f"{_P}:storage:BlobContainer",
        f"{_P}:operationalinsights:Workspace",
        f"{_P}:resources:ResourceGroup",
        f"{_P}:web:WebApp",  # the folders lie in its /home
    }
)

TOKENS: Final = DATA_TOKENS | frozenset(
    {
        f"{_P}:applicationinsights:Component",
        f"{_P}:applicationinsights:WebTest",
        f"{_P}:authorization:ManagementLockByScope",
        f"{_P}:authorization:RoleAssignment",
        f"{_P}:consumption:Budget",
        f"{_P}:dbforpostgresql:Configuration",
        f"{_P}:keyvault:Secret",
        f"{_P}:managedidentity:UserAssignedIdentity",
        f"{_P}:monitor:ActionGroup",
        f"{_P}:monitor:DiagnosticSetting",
        f"{_P}:monitor:MetricAlert",
        f"{_P}:monitor:ScheduledQueryRule",
        f"{_P}:network:NetworkSecurityGroup",
        f"{_P}:network:PrivateDnsZoneGroup",
        f"{_P}:network:PrivateEndpoint",
        f"{_P}:network:Subnet",
        f"{_P}:network:VirtualNetwork",
        f"{_P}:privatedns:PrivateZone",
        f"{_P}:privatedns:VirtualNetworkLink",
        f"{_P}:redisenterprise:Database",
        f"{_P}:redisenterprise:RedisEnterprise",
        f"{_P}:storage:BlobServiceProperties",
        f"{_P}:web:AppServicePlan",
        f"{_P}:web:Certificate",
        f"{_P}:web:StaticSite",
        f"{_P}:web:WebAppApplicationSettings",
        f"{_P}:web:WebAppFtpAllowed",
        f"{_P}:web:WebAppHostNameBinding",
        f"{_P}:web:WebAppScmAllowed",
    }
)
