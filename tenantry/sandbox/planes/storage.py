"""Storage accounts as Resource Manager sees them: their blob service, containers, keys; deleted ones.

A deleted account keeps its blobs for 14 days. It comes back by a PUT with the
``restoreReference`` that the list of deleted accounts tells, as long as no other
account has its name; a PUT without it makes an empty one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tenantry.sandbox.kinds import ArmFault, Cloud, Handler, Kind, Resource
from tenantry.sandbox.parts import private
from tenantry.sandbox.parts.erasing import erase
from tenantry.sandbox.parts.notes import folder_name, iso, moment, same, tidy
from tenantry.sandbox.planes import storage_rules as rules
from tenantry.sandbox.planes.blob_azurite import check_installed
from tenantry.sandbox.planes.blob_store import Store
from tenantry.sandbox.planes.storage_containers import CONTAINERS, SERVICES, child, container_access
from tenantry.sandbox.planes.storage_keys import (
    access_keys,
    check_encryption,
    forget_keys,
    new_key,
    tell_keys,
)

__all__ = ["StorageAccounts"]

_KEPT = timedelta(days=14)
_NOTES, _DELETED = "storage/account/", "storage/deleted/"
_log = logging.getLogger(__name__)


class StorageAccounts(Kind):
    """The accounts; their children and the front ask it for the store of blobs."""

    type = rules.ACCOUNT

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}  # by folder
        self._lock = threading.RLock()
        self._sweeping = threading.Lock()

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse names that are taken, settings that there are not, and keys that cannot be used."""
        rules.check_account(new, old)
        check_installed()
        if old is None:
            for other in cloud.children("", self.type):
                if other.name.lower() == new.name.lower():
                    raise ArmFault(
                        409,
                        "StorageAccountAlreadyTaken",
                        f"The storage account named {new.name} is already taken.",
                    )
        restored = self._restored(cloud, new) if old is None else None
        before = restored[1]["body"] if restored else old.body if old else {}
        check_encryption(cloud, _merged(new, before))

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make, restore or change it."""
        now = iso(cloud.now())
        if self.note(cloud, new.id) is None:
            restored = self._restored(cloud, new)
            folder = restored[1]["folder"] if restored else folder_name(new.id, cloud.now())
            cloud.remember(_NOTES + tidy(new.id), {"id": new.id, "name": new.name, "folder": folder})
            if restored:
                self._take_over(cloud, new, *restored)
        new.properties.pop("restoreReference", None)
        rules.fill_account(new, old, base=f"https://{self.host(cloud, new.name)}/", made=now)
        cloud.save(new)
        service = f"{new.id}/blobServices/default"
        if cloud.find(service) is None:
            made = child(service, SERVICES, {})
            rules.fill_service(made, None)
            cloud.save(made)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Tell the private endpoints that lead to it."""
        found = private.connections(cloud, resource, required="actionRequired")
        resource.properties["privateEndpointConnections"] = found

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Keep it with its blobs for 14 days."""
        note = self.note(cloud, resource.id)
        if note is None:
            return
        self._let_go(note["folder"])
        now = cloud.now()
        children = [one.body for one in cloud.children(resource.id, CONTAINERS)]
        service = cloud.find(f"{resource.id}/blobServices/default")
        kept = {
            **note,
            "location": resource.location,
            "body": resource.body,
            "service": service.body if service else None,
            "containers": children,
            "at": iso(now),
            "until": iso(now + _KEPT),
        }
        cloud.remember(_DELETED + note["folder"], kept)
        cloud.remember(_NOTES + tidy(resource.id), None)
        forget_keys(cloud, resource.id)

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """List or renew the keys."""
        name = action.lower()
        if name == "listkeys":
            return tell_keys(cloud, resource.id)
        if name == "regeneratekey":
            new_key(cloud, resource.id, str(body.get("keyName") or ""))
            note = self.note(cloud, resource.id)
            if note is not None:
                self.store(cloud, resource).pause()  # the next request starts it with the new key
            return tell_keys(cloud, resource.id)
        return super().action(cloud, resource, action, body)

    def deleted(self, cloud: Cloud, location: str) -> list[dict[str, Any]]:
        """Return the deleted accounts."""
        found = cloud.recall(_DELETED).values()
        return [_told(one) for one in found if location in ("", one["location"])]

    def resume(self, cloud: Cloud) -> None:
        """End what a server that was killed left running; the first request starts it again."""
        for note in cloud.recall(_NOTES).values():
            account = cloud.find(note["id"])
            if account is not None and self.has_data(cloud, account):
                self.store(cloud, account).pause()

    def sweep(self, cloud: Cloud) -> None:
        """Erase accounts and blobs that were kept long enough, and the bytes of what was deleted."""
        with self._sweeping:
            for key, kept in cloud.recall(_DELETED).items():
                if moment(kept["until"]) <= cloud.now():
                    self._let_go(kept["folder"])
                    erase(cloud.folder / "storage" / kept["folder"])
                    cloud.remember(key, None)
            for note in cloud.recall(_NOTES).values():
                account = cloud.find(note["id"])
                if account is not None and self.has_data(cloud, account):
                    self._sweep(cloud, account)

    def stop(self, cloud: Cloud) -> None:
        """End every process."""
        del cloud
        for folder in list(self._stores):
            self._let_go(folder)

    def hosts(self, cloud: Cloud) -> dict[str, Handler]:
        """Answer for accounts' own names."""
        from tenantry.sandbox.planes.blob_plane import BlobPlane

        return {f"*.blob.core.{cloud.suffix}": BlobPlane(cloud, self)}

    # --- for children and the front ---

    def host(self, cloud: Cloud, name: str) -> str:
        """Return the name, and the port where it is another than 443, under which an account is reached."""
        port = cloud.listener().rpartition(":")[2]
        return f"{name}.blob.core.{cloud.suffix}" + ("" if port == "443" else f":{port}")

    def note(self, cloud: Cloud, account_id: str) -> dict[str, Any] | None:
        """Return what is kept about an account."""
        return cloud.recall(_NOTES + tidy(account_id)).get(_NOTES + tidy(account_id))

    def store(self, cloud: Cloud, account: Resource) -> Store:
        """Return what holds an account's blobs."""
        note = self.note(cloud, account.id)
        if note is None:
            raise ArmFault(404, "ResourceNotFound", "The account is not there.")
        with self._lock:
            folder = str(note["folder"])
            if folder not in self._stores:
                self._stores[folder] = Store(
                    cloud.folder / "storage" / folder,
                    account.name,
                    host=self.host(cloud, account.name),
                    now=cloud.now,
                )
            return self._stores[folder]

    def has_data(self, cloud: Cloud, account: Resource) -> bool:
        """Say whether anybody ever asked for its blobs."""
        note = self.note(cloud, account.id)
        return note is not None and (cloud.folder / "storage" / note["folder"]).exists()

    def _sweep(self, cloud: Cloud, account: Resource) -> None:
        keys = access_keys(cloud, account.id)
        try:
            self.store(cloud, account).sweep(keys, lambda: container_access(cloud, account))
        except (ArmFault, OSError):
            _log.exception("what is due in the account %s is not erased yet", account.name)

    def _let_go(self, folder: str) -> None:
        with self._lock:
            store = self._stores.pop(folder, None)
        if store is not None:
            store.close()

    def _restored(self, cloud: Cloud, new: Resource) -> tuple[str, dict[str, Any]] | None:
        """Return what is kept of the account that a PUT wants back."""
        reference = str(new.properties.get("restoreReference") or "")
        if not reference:
            return None
        for key, kept in cloud.recall(_DELETED).items():
            if kept["folder"] == reference.rpartition("|")[2] and same(kept["id"], new.id):
                if not same(kept["location"], new.location):
                    raise ArmFault(409, "InvalidResourceLocation", "An account is restored where it was.")
                return key, kept
        raise ArmFault(404, "DeletedAccountNotFound", f"There is no deleted account {reference}.")

    def _take_over(self, cloud: Cloud, new: Resource, key: str, kept: Mapping[str, Any]) -> None:
        for name, value in kept["body"]["properties"].items():
            new.properties.setdefault(name, value)
        for body in [kept["service"], *kept["containers"]]:
            if body is not None:
                cloud.save(
                    Resource(id=body["id"], type=body["type"], name=body["name"], location="", body=body)
                )
        cloud.remember(key, None)


def _merged(new: Resource, before: Mapping[str, Any]) -> Resource:
    """Return an account as it will be, as far as its encryption goes."""
    encryption = new.properties.get("encryption") or (before.get("properties") or {}).get("encryption")
    body = {**before, **new.body, "properties": {"encryption": encryption}}
    return Resource(id=new.id, type=new.type, name=new.name, location=new.location, body=body)


def _told(kept: Mapping[str, Any]) -> dict[str, Any]:
    subscription = "/".join(kept["id"].split("/")[:3])
    place, name = kept["location"], kept["name"]
    return {
        "id": f"{subscription}/providers/Microsoft.Storage/locations/{place}/deletedAccounts/{name}",
        "name": name,
        "type": "Microsoft.Storage/deletedAccounts",
        "properties": {
            "storageAccountResourceId": kept["id"],
            "location": place,
            "restoreReference": f"{name}|{kept['at']}|{kept['folder']}",
            "creationTime": kept["body"]["properties"].get("creationTime"),
            "deletionTime": kept["at"],
        },
    }
