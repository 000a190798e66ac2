"""Managed Redis as azure-mgmt-redisenterprise and redis-py see it: each verb of each type."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import redis
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.redisenterprise import RedisEnterpriseManagementClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.sandbox import Sandbox

_REGION = "francecentral"


class _Caches:
    """One cluster with its database."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.group = f"rg-{uuid.uuid4().hex[:8]}"
        sandbox.make_group(self.group, _REGION)
        self.client = sandbox.client(RedisEnterpriseManagementClient)

    def make(self, **more: Any) -> Any:
        name = f"amr-{uuid.uuid4().hex[:10]}"
        wanted = {
            "location": _REGION,
            "sku": {"name": "Balanced_B0"},
            "properties": {"minimumTlsVersion": "1.2", "publicNetworkAccess": "Enabled", **more},
        }
        made = self.client.redis_enterprise.begin_create(self.group, name, wanted).result()
        properties = {
            "clientProtocol": "Encrypted",
            "clusteringPolicy": "NoCluster",
            "evictionPolicy": "NoEviction",
            "accessKeysAuthentication": "Enabled",
        }
        database = {"properties": properties}
        self.client.databases.begin_create(self.group, name, "default", database).result()
        return made

    def key(self, name: str, which: str = "primary_key") -> str:
        return str(getattr(self.client.databases.list_keys(self.group, name, "default"), which))

    def open(self, cluster: Any, password: str) -> redis.Redis:
        return redis.Redis(
            host=cluster.host_name,
            port=10000,
            password=password,
            ssl=True,
            ssl_ca_certs=self.sandbox.told["ca_file"],
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
        )


@pytest.fixture(scope="module")
def caches(sandbox: Sandbox) -> _Caches:
    return _Caches(sandbox)


@pytest.fixture(scope="module")
def cluster(caches: _Caches) -> Any:
    return caches.make()


def test_a_cluster_is_read_and_listed(caches: _Caches, cluster: Any) -> None:
    found = caches.client.redis_enterprise.get(caches.group, cluster.name)
    assert (found.sku.name, found.resource_state) == ("Balanced_B0", "Running")
    listed = [one.name for one in caches.client.redis_enterprise.list_by_resource_group(caches.group)]
    assert cluster.name in listed
    assert cluster.name in [one.name for one in caches.client.redis_enterprise.list()]


def test_its_database_is_read_and_listed(caches: _Caches, cluster: Any) -> None:
    found = caches.client.databases.get(caches.group, cluster.name, "default")
    assert (found.port, found.eviction_policy, found.clustering_policy) == (
        10000,
        "NoEviction",
        "NoCluster",
    )
    listed = [one.name for one in caches.client.databases.list_by_cluster(caches.group, cluster.name)]
    assert listed == ["default"]


@pytest.mark.parametrize("which", ["primary_key", "secondary_key"])
def test_each_key_opens_a_real_redis_over_tls(caches: _Caches, cluster: Any, which: str) -> None:
    with caches.open(cluster, caches.key(cluster.name, which)) as client:
        assert client.set("greeting", which)
        assert client.get("greeting") == which.encode()


def test_a_wrong_key_opens_nothing(caches: _Caches, cluster: Any) -> None:
    with caches.open(cluster, "wrong") as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_what_azure_keeps_to_itself_is_refused(caches: _Caches, cluster: Any) -> None:
    with (
        caches.open(cluster, caches.key(cluster.name)) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.config_get("*")


def test_a_new_key_takes_the_old_ones_place_and_what_is_stored_stays(caches: _Caches, cluster: Any) -> None:
    before = caches.key(cluster.name, "secondary_key")
    with caches.open(cluster, before) as client:
        client.set("kept", "yes")
    caches.client.databases.begin_regenerate_key(
        caches.group, cluster.name, "default", {"keyType": "Secondary"}
    ).result()
    with caches.open(cluster, before) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with caches.open(cluster, caches.key(cluster.name, "secondary_key")) as client:
        assert client.get("kept") == b"yes"


def test_another_eviction_policy_holds_at_once(caches: _Caches) -> None:
    cluster = caches.make()
    caches.client.databases.begin_update(
        caches.group, cluster.name, "default", {"properties": {"evictionPolicy": "AllKeysLRU"}}
    ).result()
    with caches.open(cluster, caches.key(cluster.name)) as client:
        assert client.info("memory")["maxmemory_policy"] == "allkeys-lru"


def test_without_public_access_nobody_outside_of_its_network_reaches_it(caches: _Caches) -> None:
    cluster = caches.make(publicNetworkAccess="Disabled")
    with (
        caches.open(cluster, caches.key(cluster.name)) as client,
        pytest.raises(redis.ConnectionError),
    ):
        client.ping()


def test_a_database_has_the_name_default(caches: _Caches, cluster: Any) -> None:
    with pytest.raises(HttpResponseError, match="default"):
        caches.client.databases.begin_create(caches.group, cluster.name, "other", {}).result()


def test_a_deleted_cluster_is_gone_at_once_and_so_is_its_host_name(caches: _Caches) -> None:
    cluster = caches.make()
    key = caches.key(cluster.name)
    caches.client.databases.begin_delete(caches.group, cluster.name, "default").result()
    caches.client.redis_enterprise.begin_delete(caches.group, cluster.name).result()
    with pytest.raises(ResourceNotFoundError):
        caches.client.redis_enterprise.get(caches.group, cluster.name)
    with caches.open(cluster, key) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_a_cluster_takes_its_redis_with_it(caches: _Caches) -> None:
    folders = caches.sandbox.disk / "parts" / "caches"
    before = set(folders.iterdir())
    cluster = caches.make()
    (made,) = set(folders.iterdir()) - before
    pid = int((made / "process").read_text().split()[0])
    caches.client.redis_enterprise.begin_delete(caches.group, cluster.name).result()
    assert not made.exists()
    assert not Path("/proc", str(pid)).exists()
