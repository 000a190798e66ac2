"""The checks of bodies can fail: what is wrong with a body is found, wherever in it that is."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.azure import arm_types, web_models

_SITE: dict[str, Any] = {
    "location": "westeurope",
    "kind": "app,linux",
    "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/s/one": {}}},
    "properties": {
        "serverFarmId": "/subscriptions/s/plan",
        "httpsOnly": True,
        "siteConfig": {
            "alwaysOn": True,
            "minTlsVersion": "1.3",
            "cors": {"allowedOrigins": ["https://portal.example.org"], "supportCredentials": True},
            "ipSecurityRestrictions": [{"ipAddress": "192.0.2.0/24", "priority": 100}],
        },
    },
}
_STATIC: dict[str, Any] = {
    "location": "westeurope",
    "sku": {"name": "Standard", "tier": "Standard", "capacity": 1},
    "properties": {"allowConfigFileUpdates": True},
}
_BINDING: dict[str, Any] = {"properties": {"sslState": "SniEnabled", "thumbprint": "AB"}}
_SERVER = "azure-native:dbforpostgresql:Server"
_SERVER_BODY: dict[str, Any] = {
    "location": "westeurope",
    "properties": {"version": "17", "storage": {"storageSizeGB": 32}},
}
_TOKENS = {
    "site": ("azure-native:web:WebApp", _SITE),
    "static": ("azure-native:web:StaticSite", _STATIC),
    "binding": ("azure-native:web:WebAppHostNameBinding", _BINDING),
    "server": (_SERVER, _SERVER_BODY),
}


def _with(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a body with something else at a path; a number is a place in a list."""
    changed = copy.deepcopy(body)
    *way, last = path.split("/")
    place: Any = changed
    for step in way:
        place = place[int(step)] if step.isdigit() else place.setdefault(step, {})
    place[last] = value
    return changed


@pytest.mark.parametrize("which", _TOKENS)
def test_a_right_body_has_no_faults(which: str) -> None:
    token, body = _TOKENS[which]
    assert arm_types.faults(token, body) == []


@pytest.mark.parametrize(
    ("which", "path", "value", "fault"),
    [
        ("site", "identity/type", "Nobody", "identity.type: 'Nobody' is no ManagedServiceIdentityType"),
        ("site", "identity/principalId", "p", "identity.principalId: is read-only"),
        ("site", "identity/userAssignedIdentities", [], "identity.userAssignedIdentities: is no object"),
        ("site", "identity", "SystemAssigned", "identity: is no object"),
        ("site", "properties/httpsOnly", "true", "properties.httpsOnly: 'true' is no bool"),
        ("site", "properties/state", "Running", "properties.state: is read-only"),
        ("site", "properties/siteConfig/alwaysOff", True, "SiteConfig does not have it"),
        ("site", "properties/siteConfig/minTlsVersion", "1.4", "'1.4' is no SupportedTlsVersions"),
        ("site", "properties/siteConfig/numberOfWorkers", True, "True is no int"),
        ("site", "properties/siteConfig/cors/allowedOrigins", "*", "allowedOrigins: is no list"),
        ("site", "properties/siteConfig/cors/allowedOrigins", [1], "allowedOrigins[0]: 1 is no str"),
        ("site", "properties/siteConfig/cors/anyOrigin", True, "cors.anyOrigin: CorsSettings does not have"),
        (
            "site",
            "properties/siteConfig/ipSecurityRestrictions/0/priority",
            "first",
            "ipSecurityRestrictions[0].priority: 'first' is no int",
        ),
        ("static", "sku/capacity", "one", "sku.capacity: 'one' is no int"),
        ("static", "sku/size", 1, "sku.size: 1 is no str"),
        ("static", "sku/price", 9, "sku.price: SkuDescription does not have it"),
        ("binding", "properties/sslState", "Sometimes", "'Sometimes' is no SslState"),
        ("server", "properties/storage/storageSizeGB", "32", "'32' is no IntegerType"),
        ("server", "properties/state", "Ready", "properties.state: is read-only"),
        ("server", "properties/owner", "o", "properties.owner: Microsoft's types do not have it"),
    ],
)
def test_what_is_wrong_in_a_request_is_found(which: str, path: str, value: Any, fault: str) -> None:
    token, body = _TOKENS[which]
    (found,) = arm_types.faults(token, _with(body, path, value))
    assert fault in found


def test_what_a_request_lacks_is_found() -> None:
    token, body = _TOKENS["site"]
    assert arm_types.faults(token, {**body, "location": None}) == []
    del (without := copy.deepcopy(body))["location"]
    assert arm_types.faults(token, without) == ["location: is required"]
    assert arm_types.faults(token, without, answer=True) == []


@pytest.mark.parametrize(
    ("which", "path", "value", "fault"),
    [
        ("site", "properties/siteConfig/appSettings", [], "appSettings: is write-only"),
        ("site", "properties/lastModifiedTimeUtc", "yesterday", "'yesterday' is no datetime"),
        ("site", "properties/hostNames", [None], "hostNames[0]: None is no str"),
        ("site", "properties/systemData", {}, "properties.systemData: SiteProperties does not have it"),
        ("server", "properties/administratorLoginPassword", "p", "Password: is write-only"),
    ],
)
def test_what_is_wrong_in_an_answer_is_found(which: str, path: str, value: Any, fault: str) -> None:
    token, body = _TOKENS[which]
    (found,) = arm_types.faults(token, _with(body, path, value), answer=True)
    assert fault in found


def test_what_azure_alone_decides_is_told_in_an_answer() -> None:
    token, body = _TOKENS["site"]
    told = _with(_with(body, "properties/state", "Running"), "identity/principalId", "p")
    told = _with(told, "properties/lastModifiedTimeUtc", "2026-11-28T12:00:00Z")
    assert arm_types.faults(token, {**told, "id": "/x", "type": "t", "etag": "e"}, answer=True) == []


def test_a_type_that_nobody_describes_has_no_oracle() -> None:
    assert arm_types.token_beside("Microsoft.DBforPostgreSQL/flexibleServers/replicas") == ""
    assert not arm_types.has_oracle("")
    assert not arm_types.has_oracle("azure-native:dbforpostgresql:Replica")
    assert not web_models.is_a_model("SiteOfNobody")
