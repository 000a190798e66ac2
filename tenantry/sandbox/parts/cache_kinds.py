"""Managed Redis (redisEnterprise): clusters, their one database, its keys; a real Redis stands behind.

The server is one process in memory: what it holds is gone with the sandbox's
stop, as with a cache. Not here: shards and the cluster protocol, modules,
persistence, replicas in other regions, sign-in by directory.
"""

from __future__ import annotations

import base64
import os
import threading
from typing import Any

from tenantry.errors import TenantryError
from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts import private
from tenantry.sandbox.parts.gate import Gate
from tenantry.sandbox.parts.listener import Background, Peer
from tenantry.sandbox.parts.notes import folder_name
from tenantry.sandbox.parts.postgres import Issue
from tenantry.sandbox.parts.programs import MissingProgram
from tenantry.sandbox.parts.redis_server import RedisServer
from tenantry.sandbox.types.common import table

__all__ = ["kinds"]

_CLUSTER = "Microsoft.Cache/redisEnterprise"
_KEYS, _NOTES = "cache/keys/", "cache/database/"
_PORT = 10000
_MEGABYTES = {"Balanced_B0": 500, "Balanced_B1": 1000, "Balanced_B3": 3000, "Balanced_B5": 6000}
_EVICTION = {
    "NoEviction": "noeviction",
    "AllKeysLRU": "allkeys-lru",
    "AllKeysLFU": "allkeys-lfu",
    "AllKeysRandom": "allkeys-random",
    "VolatileLRU": "volatile-lru",
    "VolatileLFU": "volatile-lfu",
    "VolatileTTL": "volatile-ttl",
    "VolatileRandom": "volatile-random",
}


class CacheClusters(Kind):
    """Clusters: a host name, a size, and who reaches them."""

    type = _CLUSTER

    def __init__(self, databases: CacheDatabases) -> None:
        self._databases = databases

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
        new.properties.setdefault("publicNetworkAccess", "Enabled")
        new.properties.update(
            hostName=_host(cloud, new),
            resourceState="Running",
            redundancyMode="LR" if new.properties["highAvailability"] == "Enabled" else "None",
        )

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """End the Redis behind it: a resource below another goes without being asked."""
        for one in cloud.children(resource.id, self._databases.type):
            self._databases.delete(cloud, one)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Tell of its private endpoints."""
        found = private.connections(cloud, resource)
        resource.properties["privateEndpointConnections"] = found


class CacheDatabases(Kind):
    """The database of a cluster, called ``default``: the Redis that runs."""

    type = f"{_CLUSTER}/databases"

    def __init__(self, issue: Issue) -> None:
        self._issue = issue
        self._servers: dict[str, RedisServer] = {}  # by the database's id
        self._gates: dict[str, Gate] = {}
        self._background: Background | None = None
        self._lock = threading.RLock()

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse another name, as Azure does, and what an existing one cannot become."""
        del cloud
        if new.name.lower() != "default":
            raise ArmFault(400, "BadRequest", "The name of a database is 'default'.")
        policy = str(new.properties.get("evictionPolicy") or "VolatileLRU")
        if policy not in _EVICTION:
            raise ArmFault(400, "BadRequest", f"{policy} is no eviction policy.")
        for name in ("clusteringPolicy", "port"):
            was = old.properties.get(name) if old else None
            if was is not None and new.properties.get(name, was) != was:
                raise ArmFault(400, "BadRequest", f"{name} of a database cannot be changed.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Start the Redis, or change the one that runs."""
        defaults: dict[str, Any] = {
            "clientProtocol": "Encrypted",
            "port": _PORT,
            "clusteringPolicy": "OSSCluster",
            "evictionPolicy": "VolatileLRU",
            "accessKeysAuthentication": "Disabled",
        }
        for name, value in {**defaults, **(old.properties if old else {})}.items():
            new.properties.setdefault(name, value)
        try:
            self._run(cloud, new)
            version = self._server(cloud, new).version()
        except TenantryError as error:
            raise ArmFault(500, "InternalServerError", error.message) from None
        except MissingProgram as error:
            raise ArmFault(500, "InternalServerError", f"The sandbox needs {error}.") from None
        new.properties.update(resourceState="Running", redisVersion=version)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Tell whether it runs."""
        running = self._server(cloud, resource).running
        resource.properties["resourceState"] = "Running" if running else "Disabled"

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """End it and erase what there is of it. Azure keeps nothing of a cache, nor does this."""
        here = ids.key(resource.id)
        with self._lock:
            gate = self._gates.pop(here, None)
            if gate is not None:
                gate.stop()
            self._server(cloud, resource).erase()
            self._servers.pop(here, None)
        note = cloud.recall(_NOTES + here).get(_NOTES + here) or {}
        if note.get("host"):
            cloud.release(str(note["host"]))
        for key in (_KEYS, _NOTES):
            cloud.remember(key + here, None)

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Tell or change its keys."""
        match action.lower():
            case "listkeys":
                return self._keys(cloud, resource)
            case "regeneratekey":
                which = "secondaryKey" if body.get("keyType") == "Secondary" else "primaryKey"
                keys = {**self._keys(cloud, resource), which: _key()}
                cloud.remember(_KEYS + ids.key(resource.id), keys)
                self._run(cloud, resource)
                return keys
            case _:
                return super().action(cloud, resource, action, body)

    def resume(self, cloud: Cloud) -> None:
        """Start every Redis again, empty."""
        for resource in self._all(cloud):
            self._run(cloud, resource)

    def stop(self, cloud: Cloud) -> None:
        """End every Redis and the thread of the doors."""
        with self._lock:
            for gate in self._gates.values():
                gate.stop()
            self._gates.clear()
            for resource in self._all(cloud):
                self._server(cloud, resource).stop()
            if self._background is not None:
                self._background.close()
                self._background = None

    def _all(self, cloud: Cloud) -> list[Resource]:
        named = [str(note["id"]) for note in cloud.recall(_NOTES).values()]
        return [found for one in named if (found := cloud.find(one)) is not None]

    def _run(self, cloud: Cloud, database: Resource) -> None:
        """Start the Redis of a database as it is wanted, and open its door."""
        cluster = cloud.find(ids.parent(database.id))
        assert cluster is not None, database.id
        size = str(table(cluster.body.get("sku")).get("name"))
        signs_in = database.properties.get("accessKeysAuthentication") == "Enabled"
        keys = self._keys(cloud, database)
        settings = {
            "maxmemory": f"{_MEGABYTES.get(size, 500)}mb",
            "maxmemory-policy": _EVICTION[str(database.properties["evictionPolicy"])],
        }
        with self._lock:
            self._server(cloud, database).apply(settings, list(keys.values()) if signs_in else [])
            self._open(cloud, cluster, database)

    def _open(self, cloud: Cloud, cluster: Resource, database: Resource) -> None:
        here = ids.key(database.id)
        if here in self._gates:
            return
        if self._background is None:
            self._background = Background()
        server, host = self._server(cloud, database), _host(cloud, cluster)
        note = cloud.recall(_NOTES + here)[_NOTES + here]
        cloud.remember(_NOTES + here, {**note, "host": host})
        files = server.folder / "tls.crt", server.folder / "tls.key"
        for path, data in zip(files, self._issue([host]), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(data)
        gate = Gate(
            self._background,
            address=(cloud.address(host), int(database.properties["port"])),
            inner=server.socket,
            certificate=files[0],
            key=files[1],
            admits=lambda peer: _admits(cloud, cluster.id, peer),
        )
        gate.start()
        self._gates[here] = gate

    def _server(self, cloud: Cloud, database: Resource) -> RedisServer:
        here = ids.key(database.id)
        with self._lock:
            if here not in self._servers:
                note = cloud.recall(_NOTES + here).get(_NOTES + here)
                if note is None:
                    note = {"id": database.id, "folder": folder_name(database.id, cloud.now())}
                    cloud.remember(_NOTES + here, note)
                self._servers[here] = RedisServer(cloud.folder / "caches" / str(note["folder"]))
            return self._servers[here]

    @staticmethod
    def _keys(cloud: Cloud, database: Resource) -> dict[str, Any]:
        name = _KEYS + ids.key(database.id)
        keys = cloud.recall(name).get(name)
        if keys is None:
            keys = {"primaryKey": _key(), "secondaryKey": _key()}
            cloud.remember(name, keys)
        return keys


def kinds(issue: Issue) -> list[Kind]:
    """Return the clusters and their databases."""
    databases = CacheDatabases(issue)
    return [CacheClusters(databases), databases]


def _admits(cloud: Cloud, cluster_id: str, peer: Peer) -> bool:
    """Say whether somebody reaches a cluster: from everywhere, or through a private endpoint alone."""
    cluster = cloud.find(cluster_id)
    if cluster is None:
        return False
    public = cluster.properties.get("publicNetworkAccess") != "Disabled"
    return public or private.enters(cloud, cluster, private.site_of(cloud, peer.uid))


def _host(cloud: Cloud, cluster: Resource) -> str:
    region = cluster.location.replace(" ", "").lower()
    return f"{cluster.name.lower()}.{region}.redis.{cloud.suffix}"


def _key() -> str:
    return base64.b64encode(os.urandom(32)).decode()
