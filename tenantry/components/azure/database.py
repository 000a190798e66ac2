"""PostgreSQL flexible server and the instance's database on it."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dbforpostgresql

from tenantry.components.azure.credentials import Credentials
from tenantry.components.azure.identity import Identities
from tenantry.components.azure.network import Link, Network, PrivateEndpoint
from tenantry.components.azure.props import ADMINISTRATOR, AzureProps

__all__ = ["Database"]

_SETTINGS = {
    "log_connections": "on",
    "log_disconnections": "on",
    "log_statement": "none",  # values of statements are personal data
    "require_secure_transport": "on",
}


class Database(pulumi.ComponentResource):
    """One server with one database, reached through a private endpoint only."""

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
        super().__init__("tenantry:azure:Database", "database", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        self.server = dbforpostgresql.Server(
            "server",
            resource_group_name=group,
            server_name=props.names.server,
            location=props.region.name,
            version=props.postgres_version,
            administrator_login=ADMINISTRATOR,
            administrator_login_password=pulumi.Output.secret(props.administrator_password),
            sku=dbforpostgresql.SkuArgs(name=props.sizes.server_sku, tier=props.sizes.server_tier),
            storage=dbforpostgresql.StorageArgs(
                storage_size_gb=props.sizes.server_storage_gib, auto_grow="Enabled"
            ),
            auth_config=dbforpostgresql.AuthConfigArgs(
                active_directory_auth="Disabled",
                password_auth="Enabled",  # noqa: S106 - a switch
            ),
            backup=dbforpostgresql.BackupArgs(
                backup_retention_days=props.placement.backup_retention_days,
                geo_redundant_backup="Enabled" if props.geo_backup else "Disabled",
            ),
            high_availability=dbforpostgresql.HighAvailabilityArgs(
                mode="ZoneRedundant" if props.zone_redundant else "Disabled"
            ),
            network=dbforpostgresql.NetworkArgs(public_network_access="Disabled"),
            identity=dbforpostgresql.UserAssignedIdentityArgs(
                type="UserAssigned", user_assigned_identities=_used(identities)
            ),
            data_encryption=_customer_managed_key(identities, credentials),
            tags=props.all_tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=credentials.key_is_usable,
                # Azure chooses it, and changes it when the standby takes over or the server is revived.
                ignore_changes=["availabilityZone", "highAvailability.standbyAvailabilityZone"],
            ),
        )
        self.database = dbforpostgresql.Database(
            "app-database",
            resource_group_name=group,
            server_name=self.server.name,
            database_name=props.names.database,
            charset="UTF8",
            collation="en_US.utf8",
            opts=mine,
        )
        last: pulumi.Resource = self.database
        for name, value in _SETTINGS.items():
            # One after the other: the server takes one change at a time.
            last = dbforpostgresql.Configuration(
                f"setting-{name}",
                resource_group_name=group,
                server_name=self.server.name,
                configuration_name=name,
                value=value,
                source="user-override",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[last]),
            )
        self.private_endpoint = PrivateEndpoint(
            props,
            group,
            net,
            Link(title="server", name=props.names.server, resource_id=self.server.id, kind="postgres"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[last]),
        )
        self.register_outputs({})


def _used(identities: Identities) -> pulumi.Output[dict[str, dbforpostgresql.UserIdentityArgs]]:
    ids = [identities.key.id, *([identities.pair_key.id] if identities.pair_key else [])]
    return pulumi.Output.all(*ids).apply(
        lambda found: {one: dbforpostgresql.UserIdentityArgs() for one in found}
    )


def _customer_managed_key(
    identities: Identities, credentials: Credentials
) -> dbforpostgresql.DataEncryptionArgs:
    pair: dict[str, pulumi.Input[str]] = {}
    if credentials.pair_key is not None and identities.pair_key is not None:
        pair = {
            "geo_backup_key_uri": credentials.pair_key.key_uri_with_version,
            "geo_backup_user_assigned_identity_id": identities.pair_key.id,
        }
    return dbforpostgresql.DataEncryptionArgs(
        type="AzureKeyVault",
        primary_key_uri=credentials.key.key_uri_with_version,
        primary_user_assigned_identity_id=identities.key.id,
        **pair,
    )
