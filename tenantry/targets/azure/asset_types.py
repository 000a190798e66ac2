"""Every type of asset that an instance on Azure has: how it is listed, erased, kept, and seen to be gone.

A type without a row is listed by nobody. A figure of the bench holds that every
type that the program makes has one, and tests hold the rows against the steps of
erasure and against what Azure lists of the deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = ["ASSET_TYPES", "AssetType", "Listed"]


class Listed(StrEnum):
    """By which look an asset is found, and seen to be gone."""

    GROUP = "the group, by its id"
    RESOURCES = "the list of the group's resources"
    SCOPE = "a list below the group, of what hangs on it or on something in it"
    SUBSCRIPTION = "a list of the subscription, which also has what outlived the group"
    BELOW = "a list below its parent"
    PART = "with its parent, whose part it is; it has no life of its own"


@dataclass(frozen=True, kw_only=True)
class AssetType:
    """One row."""

    listed: Listed
    step: str  # of erasure: by which it goes
    kept_days: int = 0  # how long Azure keeps it recoverable; of a part, as long as what it lies in
    # Types that it lies in → paths of its lists there.
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def absence(self) -> str:
        """How it is seen to be gone: by the look that found it, without the engine and its state."""
        return f"{self.listed} no longer has it"


_GROUP: Final = "delete the resource group"
_SERVER_STEP, _SITE_STEP = "delete the database server", "delete the site"
_DIAGNOSTICS: Final = "delete the settings that send logs"
_SERVER, _SITE = "Microsoft.DBforPostgreSQL/flexibleServers", "Microsoft.Web/sites"
_VAULT, _ACCOUNT = "Microsoft.KeyVault/vaults", "Microsoft.Storage/storageAccounts"
_SERVICE: Final = f"{_ACCOUNT}/blobServices"
_NETWORK, _CACHE = "Microsoft.Network", "Microsoft.Cache/redisEnterprise"
_NAMES_STEP: Final = "take the host name from the site"
_SETTINGS: Final = "providers/Microsoft.Insights/diagnosticSettings"
# Types that send logs or metrics by a diagnostic setting of their own; two more have also one on a part.
_SENDERS: Final = (
    *(_SERVER, _SITE, _VAULT, "Microsoft.OperationalInsights/workspaces", "Microsoft.Web/serverFarms"),
    *("Microsoft.Web/staticSites", f"{_NETWORK}/virtualNetworks", f"{_NETWORK}/networkSecurityGroups"),
)
_PURGED: Final = "delete and purge the secrets"
_KEYS: Final = "delete the vaults of the keys"


def _resource(step: str = _GROUP, *, kept_days: int = 0) -> AssetType:
    return AssetType(listed=Listed.RESOURCES, step=step, kept_days=kept_days)


def _below(parent: str, path: str, step: str = _GROUP, *, kept_days: int = 0) -> AssetType:
    return AssetType(listed=Listed.BELOW, step=step, kept_days=kept_days, parents={parent: (path,)})


def _part(parent: str, step: str, *, kept_days: int = 0) -> AssetType:
    return AssetType(listed=Listed.PART, step=step, kept_days=kept_days, parents={parent: ()})


ASSET_TYPES: Final[Mapping[str, AssetType]] = {
    "Microsoft.Resources/resourceGroups": AssetType(listed=Listed.GROUP, step=_GROUP),
    "Microsoft.Authorization/locks": AssetType(listed=Listed.SCOPE, step="lift the instance's own locks"),
    "Microsoft.Authorization/roleAssignments": AssetType(
        listed=Listed.SUBSCRIPTION, step="delete role assignments"
    ),
    "Microsoft.Consumption/budgets": AssetType(listed=Listed.SCOPE, step=_GROUP),
    _SERVER: _resource(_SERVER_STEP, kept_days=5),
    f"{_SERVER}/databases": _below(_SERVER, "databases", _SERVER_STEP, kept_days=5),
    f"{_SERVER}/configurations": _part(_SERVER, _SERVER_STEP, kept_days=5),
    _SITE: _resource(_SITE_STEP, kept_days=30),
    f"{_SITE}/config": _part(_SITE, "stop the workload, empty its files and its settings"),
    f"{_SITE}/basicPublishingCredentialsPolicies": _part(_SITE, _SITE_STEP),
    f"{_SITE}/hostNameBindings": _below(_SITE, "hostNameBindings", _NAMES_STEP),
    "Microsoft.Web/certificates": _resource(_NAMES_STEP),
    "Microsoft.Web/serverFarms": _resource(),
    "Microsoft.Web/staticSites": _resource(),
    _ACCOUNT: _resource("empty the storage account and delete it", kept_days=14),
    _SERVICE: _part(_ACCOUNT, "empty the storage account and delete it"),
    f"{_SERVICE}/containers": _below(
        _ACCOUNT, "blobServices/default/containers", "empty the storage account and delete it"
    ),
    _VAULT: _resource(_KEYS, kept_days=7),
    f"{_VAULT}/keys": _below(_VAULT, "keys", _KEYS, kept_days=7),
    f"{_VAULT}/secrets": _below(_VAULT, "secrets", _PURGED),
    "Microsoft.OperationalInsights/workspaces": _resource("delete the logs with force"),
    "Microsoft.Insights/diagnosticSettings": AssetType(
        listed=Listed.BELOW,
        step=_DIAGNOSTICS,
        parents={
            **dict.fromkeys(_SENDERS, (_SETTINGS,)),
            _ACCOUNT: (_SETTINGS, f"blobServices/default/{_SETTINGS}"),
            _CACHE: (_SETTINGS, f"databases/default/{_SETTINGS}"),
        },
    ),
    "Microsoft.Insights/components": _resource(),
    "Microsoft.Insights/webtests": _resource(),
    "Microsoft.Insights/actionGroups": _resource(),
    "Microsoft.Insights/metricAlerts": _resource(),
    "Microsoft.Insights/scheduledQueryRules": _resource(),
    "Microsoft.ManagedIdentity/userAssignedIdentities": _resource(),
    f"{_NETWORK}/virtualNetworks": _resource(),
    f"{_NETWORK}/virtualNetworks/subnets": _below(f"{_NETWORK}/virtualNetworks", "subnets"),
    f"{_NETWORK}/networkSecurityGroups": _resource(),
    f"{_NETWORK}/privateEndpoints": _resource(),
    f"{_NETWORK}/privateEndpoints/privateDnsZoneGroups": _below(
        f"{_NETWORK}/privateEndpoints", "privateDnsZoneGroups"
    ),
    f"{_NETWORK}/privateDnsZones": _resource(),
    f"{_NETWORK}/privateDnsZones/virtualNetworkLinks": _below(
        f"{_NETWORK}/privateDnsZones", "virtualNetworkLinks"
    ),
    _CACHE: _resource(),
    f"{_CACHE}/databases": _below(_CACHE, "databases"),
}
