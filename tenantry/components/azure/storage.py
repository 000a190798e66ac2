"""The storage account of an instance: its containers, closed to the outside, under the instance's key.

What is deleted or overwritten is kept for as long as the database's backups.
Versions are off: they would outlive every deletion that a workload makes, for
good, and with them what people asked to have deleted.
"""

from __future__ import annotations

import pulumi
from pulumi_azure_native import storage

from tenantry.components.azure.credentials import Credentials
from tenantry.components.azure.identity import BLOB_CONTRIBUTOR, Identities, role_assignment
from tenantry.components.azure.network import Link, Network, PrivateEndpoint
from tenantry.components.azure.props import AzureProps

__all__ = ["CONNECTION_STRING", "Storage"]

CONNECTION_STRING = "blobs.connection_string"  # the source of a variable that holds the account's key


class Storage(pulumi.ComponentResource):
    """One account, reached through a private endpoint only."""

    def __init__(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        net: Network,
        identities: Identities,
        credentials: Credentials,
        *,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("tenantry:azure:Storage", "storage", None, opts)
        self._props, self._group = props, group
        self.account = self._account(identities, credentials)
        last = self._service()
        for name in props.profile.containers:
            storage.BlobContainer(
                f"container-{name}",
                resource_group_name=group,
                account_name=self.account.name,
                container_name=name,
                public_access=storage.PublicAccess.NONE,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[last]),
            )
        mine = pulumi.ResourceOptions(parent=self)
        may_write = role_assignment(
            "app-may-write-blobs",
            props,
            role=BLOB_CONTRIBUTOR,
            scope=self.account.id,
            principal_id=identities.app.principal_id,
            opts=mine,
        )
        link = Link(title="storage", name=props.names.storage, resource_id=self.account.id, kind="blob")
        private_endpoint = PrivateEndpoint(props, group, net, link, opts=mine)
        self.ready: list[pulumi.Resource] = [may_write, private_endpoint]
        self.register_outputs({})

    def _account(self, identities: Identities, credentials: Credentials) -> storage.StorageAccount:
        props = self._props
        return storage.StorageAccount(
            "storage",
            resource_group_name=self._group,
            account_name=props.names.storage,
            location=props.region.name,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=f"Standard_{props.placement.storage_in(props.region)}"),
            access_tier=storage.AccessTier.HOT,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            allow_shared_key_access=props.uses(CONNECTION_STRING),
            default_to_o_auth_authentication=True,
            public_network_access=storage.PublicNetworkAccess.DISABLED,
            network_rule_set=storage.NetworkRuleSetArgs(
                bypass=storage.Bypass.NONE, default_action=storage.DefaultAction.DENY
            ),
            identity=storage.IdentityArgs(
                type=storage.IdentityType.USER_ASSIGNED, user_assigned_identities=[identities.key.id]
            ),
            encryption=_customer_managed_key(props, identities, credentials),
            tags=props.all_tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=credentials.key_is_usable),
        )

    def _service(self) -> storage.BlobServiceProperties:
        kept = storage.DeleteRetentionPolicyArgs(
            enabled=True, days=self._props.placement.backup_retention_days
        )
        return storage.BlobServiceProperties(
            "blobs",
            resource_group_name=self._group,
            account_name=self.account.name,
            blob_services_name="default",
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            is_versioning_enabled=False,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def connection_string(self) -> pulumi.Output[str]:
        """Return the connection string with the account's first key, as a secret."""
        listed = storage.list_storage_account_keys_output(
            account_name=self.account.name,
            resource_group_name=self._group,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        props = self._props
        suffix = props.suffixes.blob.removeprefix("blob.")
        told = (
            f"DefaultEndpointsProtocol=https;AccountName={props.names.storage};EndpointSuffix={suffix};"
            f"BlobEndpoint={props.blobs_url};AccountKey="
        )
        return pulumi.Output.secret(listed.apply(lambda found: told + found.keys[0].value))


def _customer_managed_key(
    props: AzureProps, identities: Identities, credentials: Credentials
) -> storage.EncryptionArgs:
    """Return the key without a version, so that Azure takes its newest."""
    return storage.EncryptionArgs(
        key_source=storage.KeySource.MICROSOFT_KEYVAULT,
        key_vault_properties=storage.KeyVaultPropertiesArgs(
            key_vault_uri=props.vault_uri(props.names.keys_vault), key_name=credentials.key.name
        ),
        encryption_identity=storage.EncryptionIdentityArgs(
            encryption_user_assigned_identity=identities.key.id
        ),
    )
