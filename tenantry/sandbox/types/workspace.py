"""Log Analytics workspaces: deleted ones can be recovered for 14 days."""

from __future__ import annotations

import base64
import os
import uuid
from datetime import timedelta
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.notes import iso, moment

__all__ = ["Workspaces"]

_KEPT = timedelta(days=14)
_DELETED = "workspaces/deleted/"
_KEYS = "workspaces/keys/"
_SKUS = {
    "pergb2018",
    "free",
    "standalone",
    "pernode",
    "capacityreservation",
    "standard",
    "premium",
    "lacluster",
}


class Workspaces(Kind):
    """A PUT of a deleted one's name in its group recovers it; ``force=true`` leaves nothing to recover."""

    type = "Microsoft.OperationalInsights/workspaces"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a price or retention that there is not, and a recovery in another region."""
        sku = str((new.properties.get("sku") or {}).get("name") or "PerGB2018")
        if sku.lower() not in _SKUS:
            raise ArmFault(400, "InvalidParameter", f"The sku '{sku}' is not valid.")
        days = new.properties.get("retentionInDays")
        if days is not None and not (days in {-1, 7} or 30 <= int(days) <= 730):  # noqa: PLR2004
            raise ArmFault(
                400, "InvalidParameter", "'RetentionInDays' property doesn't match the SKU limits."
            )
        kept = self._kept(cloud, new.id) if old is None else None
        if kept is not None and kept["location"] != new.location:
            raise ArmFault(409, "Conflict", f"The workspace name '{new.name}' is already in use.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make or recover it."""
        before: dict[str, Any] = dict(old.properties) if old is not None else {}
        kept = self._kept(cloud, new.id)
        if kept is not None:
            before = kept["body"]["properties"]
            for body in kept.get("tables") or []:
                cloud.save(Resource(body["id"], f"{self.type}/tables", body["name"], "", body))
            cloud.remember(_DELETED + ids.key(new.id), None)
        now = iso(cloud.now())
        properties = new.properties
        properties.setdefault("sku", {"name": "PerGB2018"})
        properties["sku"].setdefault("lastSkuUpdate", now)
        properties.setdefault("retentionInDays", before.get("retentionInDays", 30))
        properties.setdefault("features", {})
        properties["features"].setdefault("enableLogAccessUsingOnlyResourcePermissions", True)
        properties.setdefault("workspaceCapping", {"dailyQuotaGb": -1.0})
        properties["workspaceCapping"].update(
            quotaNextResetTime=iso(cloud.now() + timedelta(hours=12)), dataIngestionStatus="RespectQuota"
        )
        for name in ("publicNetworkAccessForIngestion", "publicNetworkAccessForQuery"):
            properties.setdefault(name, "Enabled")
        properties.update(
            customerId=before.get("customerId") or str(uuid.uuid4()),
            createdDate=before.get("createdDate") or now,
            modifiedDate=now,
        )

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Keep it for 14 days, its rows too."""
        note = {
            "body": resource.body,
            "tables": [one.body for one in cloud.children(resource.id, f"{self.type}/tables")],
            "location": resource.location,
            "until": iso(cloud.now() + _KEPT),
        }
        cloud.remember(_DELETED + ids.key(resource.id), note)

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Tell its keys."""
        if action.lower() not in {"sharedkeys", "listkeys"}:
            return super().action(cloud, resource, action, body)
        name = _KEYS + ids.key(resource.id)
        keys = cloud.recall(name).get(name)
        if keys is None:
            keys = {
                one: base64.b64encode(os.urandom(64)).decode()
                for one in ("primarySharedKey", "secondarySharedKey")
            }
            cloud.remember(name, keys)
        return keys

    def deleted(self, cloud: Cloud, location: str) -> list[dict[str, Any]]:
        """Return the deleted ones."""
        found = cloud.recall(_DELETED).values()
        return [one["body"] for one in found if location in ("", one["location"])]

    def purge(self, cloud: Cloud, location: str, name: str) -> None:
        """Forget a deleted one with its rows; ``name`` is its whole id."""
        del location
        self._forget(cloud, _DELETED + ids.key(name))

    def sweep(self, cloud: Cloud) -> None:
        """Forget what was kept long enough."""
        for key, note in cloud.recall(_DELETED).items():
            if moment(note["until"]) <= cloud.now():
                self._forget(cloud, key)

    @staticmethod
    def _forget(cloud: Cloud, key: str) -> None:
        note = cloud.recall(key).get(key)
        if note is not None:
            cloud.erase_logs(str(note["body"]["properties"].get("customerId")))
        cloud.remember(key, None)
        cloud.remember(key.replace(_DELETED, _KEYS), None)

    @staticmethod
    def _kept(cloud: Cloud, resource_id: str) -> dict[str, Any] | None:
        name = _DELETED + ids.key(resource_id)
        return cloud.recall(name).get(name)
