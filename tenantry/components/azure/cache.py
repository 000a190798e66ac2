"""Azure Managed Redis: one cluster with its database, reached from inside of the network alone.

It keeps nothing on a disk: what a workload puts there may be lost at any time,
and nothing of it is left when the cache is deleted.
"""

from __future__ import annotations

from typing import Final

import pulumi
from pulumi_azure_native import redisenterprise

from tenantry.components.azure.network import Link, Network, PrivateEndpoint
from tenantry.components.azure.props import AzureProps
from tenantry.components.azure.settings import CACHE_PORT

__all__ = ["Cache"]

_DATABASE: Final = "default"  # Azure knows no other


class Cache(pulumi.ComponentResource):
    """One cluster of Managed Redis."""

    def __init__(
        self, props: AzureProps, group: pulumi.Input[str], net: Network, *, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("tenantry:azure:Cache", "cache", None, opts)
        self._group = group
        mine = pulumi.ResourceOptions(parent=self)
        self.cluster = redisenterprise.RedisEnterprise(
            "cache",
            resource_group_name=group,
            cluster_name=props.names.cache,
            location=props.region.name,
            sku=redisenterprise.SkuArgs(name=props.sizes.cache_sku),
            minimum_tls_version=redisenterprise.TlsVersion.TLS_VERSION_1_2,
            high_availability=redisenterprise.HighAvailability.ENABLED,
            public_network_access=redisenterprise.PublicNetworkAccess.DISABLED,
            tags=props.all_tags,
            opts=mine,
        )
        self.database = redisenterprise.Database(
            "cache-database",
            resource_group_name=group,
            cluster_name=self.cluster.name,
            database_name=_DATABASE,
            client_protocol=redisenterprise.Protocol.ENCRYPTED,
            port=int(CACHE_PORT),
            # Libraries of queues use several keys at once, which the cluster protocol refuses.
            clustering_policy=redisenterprise.ClusteringPolicy.NO_CLUSTER,
            # A queue must not lose its jobs to make room: it is told that there is none.
            eviction_policy=redisenterprise.EvictionPolicy.NO_EVICTION,
            access_keys_authentication=redisenterprise.AccessKeysAuthentication.ENABLED,
            opts=mine,
        )
        self.private_endpoint = PrivateEndpoint(
            props,
            group,
            net,
            Link(title="cache", name=props.names.cache, resource_id=self.cluster.id, kind="cache"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.database]),
        )
        self.host: pulumi.Output[str] = self.cluster.host_name
        self.register_outputs({})

    def password(self) -> pulumi.Output[str]:
        """Return the database's first key, as a secret."""
        listed = redisenterprise.list_database_keys_output(
            cluster_name=self.cluster.name,
            database_name=self.database.name,
            resource_group_name=self._group,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        return pulumi.Output.secret(listed.apply(lambda found: found.primary_key))
