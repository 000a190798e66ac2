"""The keys of an account: those that callers sign with, and the one of a vault that encrypts it."""

from __future__ import annotations

import base64
import secrets
from typing import Any
from urllib.parse import urlsplit

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts.notes import iso, tidy
from tenantry.sandbox.planes.vault_access import check_rights, check_use
from tenantry.sandbox.planes.vaults import objects_of

__all__ = ["access_keys", "check_encryption", "forget_keys", "key_is_usable", "new_key", "tell_keys"]

_NOTES = "storage/keys/"
_VAULT = "Microsoft.KeyVault/vaults"
_BYTES = 64


def access_keys(cloud: Cloud, account_id: str) -> list[str]:
    """Return key1 and key2, which are made the first time."""
    return [str(one["value"]) for one in _keys(cloud, account_id)]


def tell_keys(cloud: Cloud, account_id: str) -> dict[str, Any]:
    """Return what ``listKeys`` answers."""
    return {"keys": [{**one, "permissions": "FULL"} for one in _keys(cloud, account_id)]}


def new_key(cloud: Cloud, account_id: str, name: str) -> None:
    """Make key1 or key2 anew. ArmFault 400 for another name."""
    keys = _keys(cloud, account_id)
    found = next((one for one in keys if one["keyName"] == name.lower()), None)
    if found is None:
        raise ArmFault(400, "InvalidKeyName", f"The key name '{name}' is invalid.")
    found.update(_made(cloud, name.lower()))
    cloud.remember(_NOTES + tidy(account_id), {"keys": keys})


def forget_keys(cloud: Cloud, account_id: str) -> None:
    """Forget the keys of an account that is deleted."""
    cloud.remember(_NOTES + tidy(account_id), None)


def _keys(cloud: Cloud, account_id: str) -> list[dict[str, Any]]:
    name = _NOTES + tidy(account_id)
    found = cloud.recall(name).get(name)
    if found is None:
        found = {"keys": [_made(cloud, one) for one in ("key1", "key2")]}
        cloud.remember(name, found)
    keys: list[dict[str, Any]] = found["keys"]
    return keys


def _made(cloud: Cloud, name: str) -> dict[str, Any]:
    value = base64.b64encode(secrets.token_bytes(_BYTES)).decode()
    return {"keyName": name, "value": value, "creationTime": iso(cloud.now())}


# --- customer-managed keys ---


def key_is_usable(cloud: Cloud, account: Resource) -> bool:
    """Say whether the key that encrypts an account can be used; true for one of Azure's own."""
    try:
        check_encryption(cloud, account)
    except ArmFault:
        return False
    return True


def check_encryption(cloud: Cloud, account: Resource) -> None:
    """Refuse a key that is not there, is off, or that the account's identity may not use."""
    encryption = account.properties.get("encryption") or {}
    if str(encryption.get("keySource") or "").lower() != "microsoft.keyvault":
        return
    wanted = encryption.get("keyvaultproperties") or {}
    host = urlsplit(str(wanted.get("keyvaulturi") or "")).hostname or ""
    vault = next(
        (
            one
            for one in cloud.children("", _VAULT)
            if f"{one.name}.vault.{cloud.suffix}".lower() == host.lower()
        ),
        None,
    )
    if vault is None:
        raise ArmFault(
            400, "KeyVaultVaultNotFound", f"The key vault {host} is not found to unwrap the encryption key."
        )
    if not vault.properties.get("enablePurgeProtection"):
        raise ArmFault(400, "KeyVaultPolicyError", "Keyvault policy recoverable is not set.")
    principal = _principal(cloud, account, encryption)
    name, version = str(wanted.get("keyname") or ""), str(wanted.get("keyversion") or "")
    try:
        check_rights(cloud, vault, principal, "keys", "wrapkey")
    except ArmFault:
        raise ArmFault(
            400,
            "KeyVaultAuthenticationFailure",
            "The operation failed because of authentication issue on the keyvault.",
        ) from None
    try:
        record = objects_of(cloud, vault, "keys").find(name, version)
    except ArmFault:
        raise ArmFault(
            400, "KeyVaultEncryptionKeyNotFound", f"The key {name} is not found in the key vault."
        ) from None
    check_use(record, "wrapkey", cloud.now())


def _principal(cloud: Cloud, account: Resource, encryption: dict[str, Any]) -> str:
    """Return who the account is for the vault."""
    identity = account.body.get("identity") or {}
    named = str((encryption.get("identity") or {}).get("userAssignedIdentity") or "")
    if not named:
        return str(identity.get("principalId") or "")
    mine = {tidy(str(one)) for one in identity.get("userAssignedIdentities") or {}}
    found = cloud.find(named)
    if found is None or tidy(named) not in mine:
        raise ArmFault(
            400, "UserAssignedIdentityNotFound", f"The identity '{named}' is not one of the account."
        )
    return str(found.properties.get("principalId") or "")
