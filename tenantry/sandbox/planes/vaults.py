"""Vaults as Resource Manager sees them: soft delete, purge, purge protection; their keys and secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tenantry.sandbox.kinds import ArmFault, Cloud, Handler, Kind, Resource
from tenantry.sandbox.parts.notes import iso, moment
from tenantry.sandbox.planes.vault_access import (
    check_enabled,
    check_network,
    check_rights,
    has_private_endpoint,
)
from tenantry.sandbox.planes.vault_objects import Objects, new_key
from tenantry.sandbox.planes.vault_plane import VaultPlane
from tenantry.sandbox.watch.counting import observed_read

__all__ = ["VaultKeys", "VaultSecrets", "Vaults", "deleted_vaults", "objects_of"]

_VAULT = "Microsoft.KeyVault/vaults"
_NAME = re.compile(r"(?=.{3,24}$)[A-Za-z](?:[A-Za-z0-9]|-(?=[A-Za-z0-9]))+")
_OBJECT = re.compile(r"[0-9A-Za-z-]{1,127}")
_DELETED = "vault/deleted/"
_SHORTEST, _LONGEST = 7, 90
_NETWORK: Mapping[str, Any] = {
    "bypass": "AzureServices",
    "defaultAction": "Allow",
    "ipRules": [],
    "virtualNetworkRules": [],
}
_SITES = "127.0.0.1"  # where requests of sites come from that have no private endpoint


class Vaults(Kind):
    """A deleted vault keeps its name, and its objects, until it is purged or its days are over."""

    type = _VAULT

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse bad names and days, names of deleted vaults, and to give up purge protection."""
        properties = new.properties
        if not _NAME.fullmatch(new.name):
            raise ArmFault(400, "VaultNameNotValid", f"The vault name '{new.name}' is invalid.")
        days = properties.get("softDeleteRetentionInDays", _LONGEST)
        if not _SHORTEST <= int(days) <= _LONGEST:
            raise _bad("softDeleteRetentionInDays must be between 7 and 90.")
        if properties.get("enablePurgeProtection") is False:
            raise _bad('The property "enablePurgeProtection" cannot be set to false.')
        if old is None:
            self._admit_new(cloud, new)
            return
        before = old.properties
        if "softDeleteRetentionInDays" in properties and days != before.get("softDeleteRetentionInDays"):
            raise _bad("softDeleteRetentionInDays cannot be changed.")

    def _admit_new(self, cloud: Cloud, new: Resource) -> None:
        if not new.properties.get("tenantId") or not new.properties.get("sku"):
            raise _bad("A vault needs tenantId and sku.")
        recover = str(new.properties.get("createMode", "")).lower() == "recover"
        kept = deleted_vaults(cloud).get(new.name.lower())
        if kept is not None and not recover:
            raise ArmFault(
                409,
                "ConflictError",
                f"A vault with the same name already exists in deleted state. You need to either recover or "
                f"purge existing key vault. Name: {new.name}",
            )
        for other in cloud.children("", _VAULT):
            if other.name.lower() == new.name.lower() and other.id.lower() != new.id.lower():
                raise ArmFault(409, "VaultAlreadyExists", f"The vault name '{new.name}' is already in use.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make, recover or change it."""
        properties = new.properties
        recover = str(properties.pop("createMode", "")).lower() == "recover"
        before: dict[str, Any] = dict(old.properties) if old else {}
        kept = deleted_vaults(cloud).get(new.name.lower())
        if recover and kept is not None:
            before = kept["body"]["properties"]
            for body in kept.get("objects") or []:
                identity = f"{new.id}/{body['type'].rpartition('/')[2]}/{body['name']}"
                cloud.save(Resource(identity, body["type"], body["name"], "", {**body, "id": identity}))
            cloud.remember(_DELETED + new.name.lower(), None)
        for name, value in before.items():
            properties.setdefault(name, value)
        properties.setdefault("accessPolicies", [])
        properties.setdefault("enableSoftDelete", True)
        properties.setdefault("softDeleteRetentionInDays", _LONGEST)
        properties.setdefault("enableRbacAuthorization", False)
        properties.setdefault("publicNetworkAccess", "Enabled")
        for name in ("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"):
            properties.setdefault(name, False)
        if properties.get("networkAcls"):
            properties["networkAcls"] = {**_NETWORK, **properties["networkAcls"]}
        properties["vaultUri"] = f"https://{new.name}.vault.{cloud.suffix}/"

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Keep it with its keys and secrets; role assignments go."""
        now = cloud.now()
        days = int(resource.properties.get("softDeleteRetentionInDays", _LONGEST))
        note = {
            "id": resource.id,
            "name": resource.name,
            "location": resource.location,
            "body": resource.body,
            "objects": [
                one.body
                for kind in ("keys", "secrets")
                for one in cloud.children(resource.id, f"{_VAULT}/{kind}")
            ],
            "at": iso(now),
            "until": iso(now + timedelta(days=days)),
        }
        cloud.remember(_DELETED + resource.name.lower(), note)

    def deleted(self, cloud: Cloud, location: str) -> list[dict[str, Any]]:
        """Return the deleted vaults."""
        found = deleted_vaults(cloud).values()
        return [_told(one) for one in found if location in ("", one["location"].replace(" ", "").lower())]

    def purge(self, cloud: Cloud, location: str, name: str) -> None:
        """Forget a deleted vault with everything in it."""
        del location
        kept = deleted_vaults(cloud).get(name.lower())
        if kept is None:
            raise ArmFault(404, "DeletedVaultNotFound", f"The specified deleted vault {name} does not exist.")
        if kept["body"]["properties"].get("enablePurgeProtection"):
            raise ArmFault(405, "MethodNotAllowed", "Operation 'DeletedVaultPurge' is not allowed.")
        self._forget(cloud, name)

    def secret(self, cloud: Cloud, uri: str, *, principal: str) -> str:
        """Return a secret as a site's identity reads it, through the vault's private endpoint."""
        host, _, path = uri.removeprefix("https://").partition("/")
        parts = path.strip("/").split("/")
        vault = next(
            (one for one in cloud.children("", _VAULT) if one.name.lower() == host.split(".")[0].lower()),
            None,
        )
        if vault is None or len(parts) < 2 or parts[0] != "secrets":  # noqa: PLR2004 - secrets/<name>
            raise ArmFault(404, "VaultNotFound", f"There is no secret at {uri}.")
        with observed_read(cloud, vault, uri, client=_SITES):
            if not has_private_endpoint(cloud, vault):
                check_network(vault, _SITES, principal=principal)
            check_rights(cloud, vault, principal, "secrets", "get", name=parts[1])
            version = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004
            record = objects_of(cloud, vault, "secrets").find(parts[1], version)
            check_enabled(record, "get")
            return str(record["value"])

    def sweep(self, cloud: Cloud) -> None:
        """Forget vaults and objects that were kept long enough."""
        for name, kept in deleted_vaults(cloud).items():
            if moment(kept["until"]) <= cloud.now():
                self._forget(cloud, name)
        for vault in cloud.children("", _VAULT):
            for kind in ("secrets", "keys"):
                objects_of(cloud, vault, kind).sweep()

    def hosts(self, cloud: Cloud) -> dict[str, Handler]:
        """Answer for vaults' own names."""
        return {f"*.vault.{cloud.suffix}": VaultPlane(cloud)}

    @staticmethod
    def _forget(cloud: Cloud, name: str) -> None:
        Objects.forget(cloud, name)
        cloud.remember(_DELETED + name.lower(), None)


class _Object(Kind):
    """A key or a secret of a vault, made through Resource Manager: a PUT makes a version where it must."""

    word = ""

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a bad name, and one that is deleted and kept."""
        del old
        if not _OBJECT.fullmatch(new.name):
            raise ArmFault(400, "BadParameter", f"The {self.word[:-1]} name '{new.name}' is invalid.")
        for name, _, _ in self._objects(cloud, new).names(deleted=True):
            if name == new.name.lower():
                raise ArmFault(
                    409, "Conflict", f"{new.name} is currently in a deleted but recoverable state."
                )

    def _objects(self, cloud: Cloud, resource: Resource) -> Objects:
        vault = cloud.find(resource.id.rsplit("/", 2)[0])
        if vault is None:
            raise ArmFault(404, "ResourceNotFound", "The vault is not there.")
        return objects_of(cloud, vault, self.word)


class VaultSecrets(_Object):
    """Secrets; the value goes in and never comes out this way."""

    type = f"{_VAULT}/secrets"
    word = "secrets"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Take the value out of the body at once: it goes into the vault, and nowhere else."""
        super().admit(cloud, new, old)
        value = new.properties.pop("value", None)
        objects = self._objects(cloud, new)
        if old is None and value is None:
            raise ArmFault(400, "BadParameter", "A secret needs a value.")
        if value is None or (old is not None and _same_value(objects, new.name, str(value))):
            return
        content = {"value": str(value), "contentType": new.properties.get("contentType")}
        objects.add(new.name, {**content, "tags": new.body.get("tags") or {}}, _times(new))

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Say where it is."""
        del old
        objects = self._objects(cloud, new)
        record = objects.find(new.name)
        new.properties.update(
            attributes=record["attributes"],
            secretUri=objects.uri(new.name),
            secretUriWithVersion=objects.uri(new.name, record["version"]),
        )


class VaultKeys(_Object):
    """Keys; the private part never leaves the vault."""

    type = f"{_VAULT}/keys"
    word = "keys"

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make it once; a second PUT changes nothing of the key."""
        objects = self._objects(cloud, new)
        properties = new.properties
        if old is None:
            kty = str(properties.get("kty") or "RSA")
            made = new_key(
                kty, int(properties.get("keySize") or 2048), str(properties.get("curveName") or "P-256")
            )
            operations = properties.get("keyOps") or ["wrapKey", "unwrapKey"]
            objects.add(
                new.name, {**made, "key_ops": operations, "tags": new.body.get("tags") or {}}, _times(new)
            )
        record = objects.find(new.name)
        properties.setdefault("kty", record["kty"])
        properties.update(
            attributes={**record["attributes"], "recoveryLevel": "Recoverable", "exportable": False},
            keyOps=record["key_ops"],
            keyUri=objects.uri(new.name),
            keyUriWithVersion=objects.uri(new.name, record["version"]),
        )


def objects_of(cloud: Cloud, vault: Resource, kind: str) -> Objects:
    """Return the objects of a vault."""
    return Objects(
        cloud,
        vault.name,
        kind,
        kept_days=int(vault.properties.get("softDeleteRetentionInDays", _LONGEST)),
        protected=bool(vault.properties.get("enablePurgeProtection")),
    )


def deleted_vaults(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Return what is kept of deleted vaults, by name in lower case."""
    return {key.removeprefix(_DELETED): note for key, note in cloud.recall(_DELETED).items()}


def _told(note: dict[str, Any]) -> dict[str, Any]:
    subscription = "/".join(note["id"].split("/")[:3])
    place = note["location"].replace(" ", "").lower()
    properties = note["body"]["properties"]
    return {
        "id": f"{subscription}/providers/Microsoft.KeyVault/locations/{place}/deletedVaults/{note['name']}",
        "name": note["name"],
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": note["id"],
            "location": note["location"],
            "tags": note["body"].get("tags") or {},
            "deletionDate": note["at"],
            "scheduledPurgeDate": note["until"],
            **({"purgeProtectionEnabled": True} if properties.get("enablePurgeProtection") else {}),
        },
    }


def _same_value(objects: Objects, name: str, value: str) -> bool:
    try:
        return bool(objects.find(name)["value"] == value)
    except ArmFault:
        return False


def _times(new: Resource) -> dict[str, Any]:
    given = new.properties.get("attributes") or {}
    return {key: given[key] for key in ("enabled", "exp", "nbf") if key in given}


def _bad(message: str) -> ArmFault:
    return ArmFault(400, "BadRequest", message)
