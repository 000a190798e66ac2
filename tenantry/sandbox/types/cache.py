"""Managed Redis (redisEnterprise): clusters, their database and its keys."""

from __future__ import annotations

import base64
import os
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.types.common import table

__all__ = ["CacheClusters", "CacheDatabases"]

_CLUSTER = "Microsoft.Cache/redisEnterprise"
_KEYS = "cache/keys/"
_PORT = 10000


class CacheClusters(Kind):
    """A cluster; its body only, nothing listens behind it yet."""

    type = _CLUSTER

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse one without a size."""
        del cloud, old
        if not table(new.body.get("sku")).get("name"):
            raise ArmFault(400, "BadRequest", "The sku of a cluster is required.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Give it a host name."""
        del old
        new.properties.setdefault("minimumTlsVersion", "1.2")
        new.properties.setdefault("highAvailability", "Enabled")
        new.properties.update(
            hostName=f"{new.name.lower()}.{new.location}.redis.{cloud.suffix}",
            resourceState="Running",
            redisVersion="7.4",
            redundancyMode="LR" if new.properties["highAvailability"] == "Enabled" else "None",
        )


class CacheDatabases(Kind):
    """The database of a cluster, called ``default``."""

    type = f"{_CLUSTER}/databases"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse another name, as Azure does."""
        del cloud, old
        if new.name.lower() != "default":
            raise ArmFault(400, "BadRequest", "The name of a database is 'default'.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Fill in what Azure fills in."""
        del cloud, old
        defaults = {
            "clientProtocol": "Encrypted",
            "port": _PORT,
            "clusteringPolicy": "OSSCluster",
            "evictionPolicy": "VolatileLRU",
            "accessKeysAuthentication": "Disabled",
        }
        for name, value in defaults.items():
            new.properties.setdefault(name, value)
        new.properties["resourceState"] = "Running"

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Forget its keys."""
        cloud.remember(_KEYS + ids.key(resource.id), None)

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Tell or change its keys."""
        name = _KEYS + ids.key(resource.id)
        keys = cloud.recall(name).get(name)
        if keys is None:
            keys = {"primaryKey": _key(), "secondaryKey": _key()}
        match action.lower():
            case "listkeys":
                pass
            case "regeneratekey":
                which = "secondaryKey" if body.get("keyType") == "Secondary" else "primaryKey"
                keys = {**keys, which: _key()}
            case _:
                return super().action(cloud, resource, action, body)
        cloud.remember(name, keys)
        return keys


def _key() -> str:
    return base64.b64encode(os.urandom(32)).decode()
