"""Who may do what with a vault's objects, and from where."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any

from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.parts.notes import everywhere, same
from tenantry.sandbox.planes.vault_objects import vault_error

__all__ = ["check_enabled", "check_network", "check_rights", "check_use", "has_private_endpoint"]

_ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
_READER_OF_SECRETS = "4633458b-17de-408a-b874-0445c86b69e6"
_OFFICER_OF_SECRETS = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
_OFFICER_OF_KEYS = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603"
_USER_OF_KEYS = "12338af0-0e69-4776-bea7-57ae8d297424"
_ENCRYPTION_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
_READS = frozenset({"get"})
_USES = frozenset({"get", "wrapkey", "unwrapkey"})
# Beside these, the administrator may do everything.
_MAY: dict[str, dict[str, frozenset[str] | None]] = {
    "secrets": {_READER_OF_SECRETS: _READS, _OFFICER_OF_SECRETS: None},
    "keys": {
        _OFFICER_OF_KEYS: None,
        _ENCRYPTION_USER: _USES,
        _USER_OF_KEYS: _USES | {"encrypt", "decrypt", "sign", "verify", "list"},
    },
}


def check_network(vault: Resource, address: str, *, principal: str) -> None:
    """Refuse an address that the vault's firewall does not let in."""
    properties = vault.properties
    who = f"Caller: oid={principal}\r\nVault: {vault.name};location={vault.location}"
    if str(properties.get("publicNetworkAccess", "Enabled")).lower() == "disabled":
        raise vault_error(
            403,
            "Forbidden",
            "Public network access is disabled and request is not from a trusted service nor via an approved "
            f"private link.\r\n{who}",
            inner="ForbiddenByConnection",
        )
    rules = properties.get("networkAcls") or {}
    if str(rules.get("defaultAction", "Allow")).lower() == "allow":
        return
    for rule in rules.get("ipRules") or []:
        with contextlib.suppress(ValueError):
            if ip_address(address) in ip_network(str(rule.get("value")), strict=False):
                return
    raise vault_error(
        403,
        "Forbidden",
        "Client address is not authorized and caller is not a trusted service.\r\n"
        f"Client address: {address}\r\n{who}",
        inner="ForbiddenByFirewall",
    )


def check_enabled(record: Mapping[str, Any], operation: str) -> None:
    """Refuse to read or use a version that was disabled."""
    if not record["attributes"].get("enabled", True):
        what = "key" if "kty" in record else "secret"
        raise vault_error(
            403,
            "Forbidden",
            f"Operation {operation} is not allowed on a disabled {what}.",
            inner=f"{what.capitalize()}Disabled",
        )


def check_use(record: Mapping[str, Any], verb: str, now: datetime) -> None:
    """Refuse a use that the key was not made for; before and after its time it only unwraps and decrypts."""
    check_enabled(record, verb)
    if verb not in {str(one).lower() for one in record["key_ops"]}:
        raise vault_error(403, "Forbidden", f"Operation {verb} is not permitted on this key.")
    begins, ends = record["attributes"].get("nbf"), record["attributes"].get("exp")
    early = begins is not None and now.timestamp() < begins
    late = ends is not None and now.timestamp() >= ends
    if verb in {"wrapkey", "encrypt"} and (early or late):
        raise vault_error(
            403,
            "Forbidden",
            f"Operation {verb} is not allowed on a key that is {'not yet valid' if early else 'expired'}.",
            inner="KeyNotYetValid" if early else "KeyExpired",
        )


def check_rights(
    cloud: Cloud, vault: Resource, principal: str, kind: str, operation: str, *, name: str = ""
) -> None:
    """Refuse what neither a role nor an access policy allows; a role may be on one object by name, too."""
    scope = f"{vault.id}/{kind}/{name}" if name else vault.id
    allowed = (
        _by_role(cloud, scope, principal, kind, operation)
        if vault.properties.get("enableRbacAuthorization")
        else _by_policy(vault, principal, kind, operation)
    )
    if not allowed:
        raise vault_error(
            403,
            "Forbidden",
            "Caller is not authorized to perform action on resource.\r\n"
            f"Caller: oid={principal}\r\nAction: 'Microsoft.KeyVault/vaults/{kind}/{operation}/action'\r\n"
            f"Resource: '{vault.id}'",
            inner="ForbiddenByRbac" if vault.properties.get("enableRbacAuthorization") else "AccessDenied",
        )


def has_private_endpoint(cloud: Cloud, vault: Resource) -> bool:
    """Say whether a private endpoint leads to a vault."""
    return any(
        same(str((link.get("properties") or {}).get("privateLinkServiceId") or ""), vault.id)
        for endpoint in everywhere(cloud, vault.id, "Microsoft.Network/privateEndpoints")
        for link in endpoint.properties.get("privateLinkServiceConnections") or []
    )


def _by_role(cloud: Cloud, scope: str, principal: str, kind: str, operation: str) -> bool:
    roles = cloud.roles(principal, scope)
    if _ADMINISTRATOR in roles:
        return True
    for role, operations in _MAY[kind].items():
        if role in roles and (operations is None or operation in operations):
            return True
    return False


def _by_policy(vault: Resource, principal: str, kind: str, operation: str) -> bool:
    for policy in vault.properties.get("accessPolicies") or []:
        if str(policy.get("objectId", "")).lower() == principal.lower():
            granted: list[Any] = (policy.get("permissions") or {}).get(kind) or []
            words = {str(one).lower() for one in granted}
            if words & {"all", operation}:
                return True
    return False
