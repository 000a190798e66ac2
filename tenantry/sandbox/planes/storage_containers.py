"""The blob service of a storage account, and its containers, as Resource Manager sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.notes import iso, moment
from tenantry.sandbox.planes import storage_rules as rules
from tenantry.sandbox.planes.blob_index import KeptContainer
from tenantry.sandbox.planes.blob_store import Policy
from tenantry.sandbox.planes.storage_keys import access_keys

if TYPE_CHECKING:
    from tenantry.sandbox.planes.storage import StorageAccounts

__all__ = [
    "CONTAINERS",
    "SERVICES",
    "BlobServices",
    "Containers",
    "child",
    "container_access",
    "container_resource",
    "fill_container",
    "policy_of",
]

SERVICES = f"{rules.ACCOUNT}/blobServices"
CONTAINERS = f"{SERVICES}/containers"


class BlobServices(Kind):
    """``blobServices/default``: what is kept of deleted blobs, and for how long."""

    type = SERVICES
    implied = True

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse what there is not."""
        del cloud, old
        rules.check_service(new)

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Change it."""
        del cloud
        rules.fill_service(new, old)


class Containers(Kind):
    """Containers; those that were made over HTTPS are here, too."""

    type = CONTAINERS

    def __init__(self, accounts: StorageAccounts) -> None:
        self._accounts = accounts

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse what there is not."""
        del old
        account = _account(cloud, new)
        rules.check_container(new, public=bool(account.properties.get("allowBlobPublicAccess")))

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make or change it. Azurite has it when it is started, if not at once."""
        for name, value in (old.properties if old else {}).items():
            new.properties.setdefault(name, value)
        fill_container(cloud, new)
        account = _account(cloud, new)
        if self._accounts.has_data(cloud, account):
            store = self._accounts.store(cloud, account)
            with store.inside():
                store.wire(access_keys(cloud, account.id), lambda: container_access(cloud, account))
                store.make_container(new.name, _access(new.properties))

    def listed(self, cloud: Cloud, parent: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the deleted containers, when ``$include=deleted`` asks for them."""
        account = cloud.find(parent.split("/blobServices/", maxsplit=1)[0])
        asked = {name.lower(): value.lower() for name, value in query.items()}.get("$include", "")
        if account is None or "deleted" not in asked or not self._accounts.has_data(cloud, account):
            return []
        kept = self._accounts.store(cloud, account).index.containers()
        return [_told(account, one, cloud.now()) for one in kept]

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Delete it with its blobs; they are kept where the blob service says so."""
        from tenantry.sandbox.planes.blob_calls import delete_container

        account = _account(cloud, resource)
        policy = policy_of(cloud, account)
        if not policy.container_days and not self._accounts.has_data(cloud, account):
            return  # nobody ever had anything in it
        store = self._accounts.store(cloud, account)
        with store.inside():
            store.wire(access_keys(cloud, account.id), lambda: container_access(cloud, account))
            delete_container(store, resource.name, policy)


def fill_container(cloud: Cloud, new: Resource) -> None:
    """Complete the body of a container."""
    defaults: dict[str, Any] = {
        "publicAccess": "None",
        "leaseStatus": "Unlocked",
        "leaseState": "Available",
        "hasImmutabilityPolicy": False,
        "hasLegalHold": False,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": False,
        "immutableStorageWithVersioning": {"enabled": False},
        "deleted": False,
        "remainingRetentionDays": 0,
    }
    for name, value in defaults.items():
        new.properties.setdefault(name, value)
    new.properties["lastModifiedTime"] = iso(cloud.now())


def container_access(cloud: Cloud, account: Resource) -> dict[str, str]:
    """Return the containers of an account, and which of them are public, in the words of the wire."""
    return {one.name: _access(one.properties) for one in cloud.children(account.id, CONTAINERS)}


def policy_of(cloud: Cloud, account: Resource) -> Policy:
    """Return what an account keeps of what is deleted."""
    service = cloud.find(f"{account.id}/blobServices/default")
    properties = service.properties if service else {}
    blobs = properties.get("deleteRetentionPolicy") or {}
    containers = properties.get("containerDeleteRetentionPolicy") or {}
    return Policy(
        days=int(blobs.get("days") or 0) if blobs.get("enabled") else 0,
        container_days=int(containers.get("days") or 0) if containers.get("enabled") else 0,
        versions=bool(properties.get("isVersioningEnabled")),
        permanent=bool(blobs.get("allowPermanentDelete")),
    )


def container_resource(account: Resource, name: str) -> Resource:
    """Return a container as Resource Manager knows it, to be filled."""
    return child(f"{account.id}/blobServices/default/containers/{name}", CONTAINERS, {})


def _access(properties: Mapping[str, Any]) -> str:
    access = str(properties.get("publicAccess") or "None").lower()
    return "" if access == "none" else access


def _account(cloud: Cloud, resource: Resource) -> Resource:
    found = cloud.find(resource.id.split("/blobServices/", maxsplit=1)[0])
    if found is None:
        raise ArmFault(404, "ResourceNotFound", "The account is not there.")
    return found


def child(identity: str, type_: str, properties: dict[str, Any]) -> Resource:
    """Return something below an account that nobody has kept yet."""
    name = identity.rpartition("/")[2]
    body = {"id": identity, "name": name, "type": type_, "properties": properties}
    return Resource(id=identity, type=type_, name=name, location="", body=body)


def _told(account: Resource, kept: KeptContainer, now: datetime) -> dict[str, Any]:
    found = container_resource(account, kept.name).body
    left = moment(kept.until) - now
    found["properties"] = {
        "publicAccess": kept.access.capitalize() or "None",
        "deleted": True,
        "version": kept.version,
        "deletedTime": kept.deleted,
        "remainingRetentionDays": max(0, math.ceil(left / timedelta(days=1))),
    }
    return found
