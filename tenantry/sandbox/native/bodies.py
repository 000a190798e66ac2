"""Between a program's inputs and Resource Manager's bodies.

The package flattens ``properties`` and gives some things other names than the
wire has. The exceptions are few and written down here; a test holds every body
that is sent against Microsoft's own types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tenantry.model.azure_types import TYPES

__all__ = ["from_body", "to_body"]

_ENVELOPE: Final = frozenset(
    {
        *("location", "tags", "sku", "kind", "identity", "zones", "extendedLocation", "managedBy"),
        *("plan", "etag", "eTag", "properties"),
    }
)
_OF_A_PART: Final = frozenset({"id", "name", "type", "etag", "location", "tags"})
# Things, and lists of things, that are flattened themselves: the network's parts.
_PARTS: Final = frozenset(
    {
        *("securityRules", "delegations", "privateLinkServiceConnections", "subnets", "ipConfigurations"),
        *("manualPrivateLinkServiceConnections", "privateDnsZoneConfigs"),
        *("subnet", "networkSecurityGroup", "routeTable"),
    }
)
_NETWORK: Final = "azure-native:network:"

# The package's name → the wire's, on the top level and at any depth.
_TOP: Final[Mapping[str, Mapping[str, str]]] = {
    "azure-native:storage:StorageAccount": {
        "networkRuleSet": "networkAcls",
        "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
        "enableNfsV3": "isNfsV3Enabled",
    },
    "azure-native:applicationinsights:Component": {
        "applicationType": "Application_Type",
        "flowType": "Flow_Type",
        "requestSource": "Request_Source",
        "hockeyAppId": "HockeyAppId",
        "samplingPercentage": "SamplingPercentage",
        "retentionInDays": "RetentionInDays",
        "disableIpMasking": "DisableIpMasking",
        "immediatePurgeDataOn30Days": "ImmediatePurgeDataOn30Days",
        "workspaceResourceId": "WorkspaceResourceId",
        "ingestionMode": "IngestionMode",
        "disableLocalAuth": "DisableLocalAuth",
        "forceCustomerStorageForProfiler": "ForceCustomerStorageForProfiler",
        "connectionString": "ConnectionString",
        "instrumentationKey": "InstrumentationKey",
        "appId": "AppId",
    },
    "azure-native:applicationinsights:WebTest": {
        "syntheticMonitorId": "SyntheticMonitorId",
        "webTestName": "Name",
        "webTestKind": "Kind",
        **{
            name[0].lower() + name[1:]: name
            for name in (
                *("Description", "Enabled", "Frequency", "Timeout", "RetryEnabled", "Locations"),
                *("Configuration", "Request", "ValidationRules"),
            )
        },
    },
}
_DEEP: Final[Mapping[str, Mapping[str, str]]] = {
    "azure-native:storage:StorageAccount": {
        "encryptionIdentity": "identity",
        "encryptionUserAssignedIdentity": "userAssignedIdentity",
        "encryptionFederatedIdentityClientId": "federatedIdentityClientId",
        "iPAddressOrRange": "value",
        "virtualNetworkResourceId": "id",
        "keyVaultProperties": "keyvaultproperties",
        "keyName": "keyname",
        "keyVaultUri": "keyvaulturi",
        "keyVersion": "keyversion",
    },
    "azure-native:keyvault:Key": {
        "expires": "exp",
        "notBefore": "nbf",
        "releasePolicy": "release_policy",
    },
    "azure-native:keyvault:Secret": {"expires": "exp", "notBefore": "nbf"},
    "azure-native:monitor:MetricAlert": {"odataType": "odata.type"},
    "azure-native:applicationinsights:WebTest": {
        "location": "Id",
        **{
            name[0].lower() + name[1:]: name
            for name in (
                *("WebTest", "RequestUrl", "Headers", "HttpVerb", "RequestBody", "ParseDependentRequests"),
                *("FollowRedirects", "ContentValidation", "ContentMatch", "IgnoreCase", "PassIfTextFound"),
                *("SSLCheck", "SSLCertRemainingLifetimeCheck", "ExpectedHttpStatusCode"),
                "IgnoreHttpStatusCode",
            )
        },
    },
}
# On the top level of these, what is an envelope's elsewhere lies under properties.
_INNER: Final[Mapping[str, frozenset[str]]] = {
    "azure-native:operationalinsights:Workspace": frozenset({"sku"}),
}
# These are not flattened: the program gives ``properties`` itself.
_WHOLE: Final = frozenset(
    {
        "azure-native:keyvault:Vault",
        "azure-native:keyvault:Key",
        "azure-native:keyvault:Secret",
        "azure-native:web:WebAppApplicationSettings",
    }
)
# Given as ``properties``, told flat; told whole as well, so that drift can be seen.
_BOTH: Final = frozenset({"azure-native:keyvault:Key"})
# Maps whose keys are somebody's own words.
_FREE: Final = frozenset({"tags", "metadata", "userAssignedIdentities"})


def to_body(token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a PUT for the inputs of a resource."""
    body: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    path = frozenset(TYPES[token].path_inputs) - ({"webTestName"} if token.endswith(":WebTest") else set())
    for key, value in inputs.items():
        if key.startswith("__") or key in path or key == "azureApiVersion":
            continue
        wire = _TOP.get(token, {}).get(key, key)
        place = body if _is_outer(token, key) else properties
        place[wire] = _nested(value, key, _renamer(_DEEP.get(token, {})), _pack_parts(token))
    if properties:
        body["properties"] = {**body.get("properties", {}), **properties}
    return body


def from_body(token: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource's outputs, under the package's names."""
    found: dict[str, Any] = {}
    deep = _renamer({wire: name for name, wire in _DEEP.get(token, {}).items()})
    top = {wire: name for name, wire in _TOP.get(token, {}).items()}
    inner = {} if token in _WHOLE - _BOTH else body.get("properties") or {}
    for key, value in inner.items():
        name = top.get(key, key)
        found[name] = _nested(value, name, deep, _unpack_parts(token))
    for key, value in body.items():
        if key != "properties" or token in _WHOLE:
            found[key] = _nested(value, key, deep, _unpack_parts(token))
    return found


def _is_outer(token: str, key: str) -> bool:
    if key in _INNER.get(token, frozenset()):
        return False
    return key in _ENVELOPE or (token.startswith(_NETWORK) and key in _OF_A_PART)


_Rename = Callable[[str], str]
_Parts = Callable[[str, Any], Any]


def _renamer(names: Mapping[str, str]) -> _Rename:
    return lambda name: names.get(name, name)


def _nested(value: Any, key: str, rename: _Rename, parts: _Parts) -> Any:
    if key == "userAssignedIdentities" and isinstance(value, list):
        return {identity: {} for identity in value}
    if key in _FREE:
        return value
    if isinstance(value, Mapping):
        found = {rename(name): _nested(one, name, rename, parts) for name, one in value.items()}
        return parts(key, found)
    if isinstance(value, list):
        return [parts(key, _nested(one, "", rename, parts)) for one in value]
    return value


def _pack_parts(token: str) -> _Parts:
    def pack(key: str, part: Any) -> Any:
        if not token.startswith(_NETWORK) or key not in _PARTS or not isinstance(part, dict):
            return part
        outer = {name: value for name, value in part.items() if name in _OF_A_PART}
        inner = {name: value for name, value in part.items() if name not in _OF_A_PART}
        return {**outer, "properties": inner} if inner else outer

    return pack


def _unpack_parts(token: str) -> _Parts:
    def unpack(key: str, part: Any) -> Any:
        if not token.startswith(_NETWORK) or key not in _PARTS or not isinstance(part, dict):
            return part
        return {**part.pop("properties", {}), **part}

    return unpack
