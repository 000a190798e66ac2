"""How the operations of each type are told: at once, or by one of Azure's headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["Style", "Way", "spelling", "spellings", "style_of"]


class Way(Enum):
    """How a client learns of an operation's end."""

    AT_ONCE = "at once"  # the answer is the end
    BODY = "body"  # it reads the resource until provisioningState says so
    STATUS = "status"  # Azure-AsyncOperation
    LOCATION = "location"  # Location
    BOTH = "both"


@dataclass(frozen=True, kw_only=True)
class Style:
    """Of one type."""

    put: Way = Way.AT_ONCE
    delete: Way = Way.AT_ONCE
    accepted: bool = False  # PUT is answered with 202, not with 201 and the body
    created: int = 201  # how a PUT that makes something is answered
    state: bool = True  # the body has provisioningState
    tracked: bool = False  # it has a location
    etag: bool = False
    patched_at_once: bool = False  # a PATCH is answered at its end, whatever a PUT is


_SUB = Style(state=False)  # small things that are there at once and have no state
_WEB = Style(state=False, created=200)
_NETWORK = Style(put=Way.STATUS, delete=Way.BOTH, tracked=True, etag=True)
_NETWORK_CHILD = Style(put=Way.STATUS, delete=Way.BOTH, etag=True)
_DNS = Style(put=Way.BOTH, delete=Way.BOTH, accepted=True, tracked=True, etag=True)
_DATABASE_CHILD = Style(put=Way.BOTH, delete=Way.BOTH, accepted=True, state=False)
_ALERT = Style(state=False, tracked=True)

_STYLES: Mapping[str, Style] = {
    "Microsoft.Resources/resourceGroups": Style(delete=Way.LOCATION, tracked=True),
    "Microsoft.ManagedIdentity/userAssignedIdentities": Style(state=False, tracked=True),
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": _SUB,
    "Microsoft.Authorization/roleAssignments": _SUB,
    "Microsoft.Authorization/locks": _SUB,
    "Microsoft.Network/virtualNetworks": _NETWORK,
    "Microsoft.Network/virtualNetworks/subnets": _NETWORK_CHILD,
    "Microsoft.Network/networkSecurityGroups": _NETWORK,
    "Microsoft.Network/networkSecurityGroups/securityRules": _NETWORK_CHILD,
    "Microsoft.Network/privateEndpoints": _NETWORK,
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": _NETWORK_CHILD,
    "Microsoft.Network/networkInterfaces": _NETWORK,
    "Microsoft.Network/privateDnsZones": _DNS,
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": _DNS,
    "Microsoft.Network/privateDnsZones/A": Style(state=False, etag=True),
    "Microsoft.KeyVault/vaults": Style(put=Way.BODY, tracked=True),
    "Microsoft.KeyVault/vaults/keys": Style(state=False, created=200),
    "Microsoft.KeyVault/vaults/secrets": _SUB,
    "Microsoft.Storage/storageAccounts": Style(
        put=Way.LOCATION, accepted=True, tracked=True, patched_at_once=True
    ),
    "Microsoft.Storage/storageAccounts/blobServices": _SUB,
    "Microsoft.Storage/storageAccounts/blobServices/containers": Style(state=False, etag=True),
    "Microsoft.DBforPostgreSQL/flexibleServers": Style(
        put=Way.BOTH, delete=Way.BOTH, accepted=True, state=False, tracked=True
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/databases": _DATABASE_CHILD,
    "Microsoft.DBforPostgreSQL/flexibleServers/configurations": _DATABASE_CHILD,
    "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules": _DATABASE_CHILD,
    "Microsoft.DBforPostgreSQL/flexibleServers/administrators": _DATABASE_CHILD,
    "Microsoft.DBforPostgreSQL/flexibleServers/backups": _DATABASE_CHILD,
    "Microsoft.Web/serverFarms": Style(put=Way.BODY, tracked=True, created=200),
    "Microsoft.Web/sites": Style(state=False, tracked=True, created=200),
    "Microsoft.Web/sites/config": _WEB,
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": _WEB,
    "Microsoft.Web/sites/hostNameBindings": _WEB,
    "Microsoft.Web/certificates": Style(
        put=Way.LOCATION, accepted=True, state=False, tracked=True, patched_at_once=True
    ),
    "Microsoft.Web/staticSites": Style(
        put=Way.BODY, created=200, delete=Way.LOCATION, state=False, tracked=True
    ),
    "Microsoft.Cache/redisEnterprise": Style(put=Way.STATUS, delete=Way.BOTH, tracked=True),
    "Microsoft.Cache/redisEnterprise/databases": Style(put=Way.STATUS, delete=Way.BOTH),
    "Microsoft.OperationalInsights/workspaces": Style(
        put=Way.BOTH, delete=Way.LOCATION, tracked=True, etag=True
    ),
    "Microsoft.OperationalInsights/workspaces/tables": Style(
        put=Way.STATUS, delete=Way.BOTH, accepted=True, state=False
    ),
    "Microsoft.Insights/components": Style(tracked=True, created=200),
    "Microsoft.Insights/webtests": Style(tracked=True, created=200),
    "Microsoft.Insights/actionGroups": _ALERT,
    "Microsoft.Insights/metricAlerts": Style(state=False, tracked=True, created=200),
    "Microsoft.Insights/scheduledQueryRules": _ALERT,
    "Microsoft.Insights/diagnosticSettings": Style(state=False, created=200),
    "Microsoft.AlertsManagement/smartDetectorAlertRules": _ALERT,
    "Microsoft.Consumption/budgets": _SUB,
}


_BY_TYPE = {name.lower(): (name, style) for name, style in _STYLES.items()}


def style_of(type_: str) -> Style:
    """Return how a type behaves; one that is not listed is there at once."""
    return _BY_TYPE.get(type_.lower(), ("", Style()))[1]


def spelling(type_: str) -> str:
    """Return a type as Azure spells it, "" when it is not listed."""
    return _BY_TYPE.get(type_.lower(), ("", Style()))[0]


def spellings() -> list[str]:
    """Return every type that is listed."""
    return list(_STYLES)
