"""The private ways into the services of one instance."""

from __future__ import annotations

from tenantry.adapters.azure_blobs import AccountBlobs
from tenantry.components.azure.props import AzureProps
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import resource_id
from tenantry.model.profile import Service
from tenantry.ports import Lease
from tenantry.targets.azure import deploying, inventory, lent_roles, way_in
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.way_to_blobs import ToBlobs
from tenantry.targets.azure.way_to_database import ToDatabase
from tenantry.targets.azure.way_to_vault import ToVault

__all__ = ["account_blobs", "shut", "to_blobs", "to_vault"]


def to_vault(clients: Clients, names: AzureNames) -> ToVault:
    """Return the way to the vault of the secrets."""
    inputs = {"resourceGroupName": names.resource_group, "vaultName": names.secrets_vault}
    vault = resource_id("azure-native:keyvault:Vault", inputs, clients.access.subscription_id)
    return ToVault(clients.arm, vault, clients.vault(names.secrets_vault))


def to_blobs(
    clients: Clients, names: AzureNames, blobs: AccountBlobs | None = None, *, role: str = ""
) -> ToBlobs:
    """Return the way to the blobs; to enter by it takes their client and a role."""
    inputs = {"resourceGroupName": names.resource_group, "accountName": names.storage}
    account = resource_id("azure-native:storage:StorageAccount", inputs, clients.access.subscription_id)
    return ToBlobs(clients.arm, account, blobs, vault=to_vault(clients, names), role=role)


def account_blobs(clients: Clients, names: AzureNames) -> AccountBlobs:
    """Return a client of the instance's blobs."""
    cloud = clients.access.cloud
    return AccountBlobs(
        names.storage, suffix=cloud.blob_suffix, credential=clients.credential, ca_file=cloud.ca_file
    )


def shut(clients: Clients, props: AzureProps, lease: Lease) -> None:
    """Withdraw what a killed run left in any of the instance's services; one that is not there is closed."""
    if props.needs(Service.DATABASE):
        server = deploying.server_id(props.subscription_id, props.names)
        way_in.shut(ToDatabase(clients.arm, server), lease)
    way_in.shut(to_vault(clients, props.names), lease)
    if props.needs(Service.BLOBS):
        way_in.shut(to_blobs(clients, props.names), lease)
    group = inventory.group_id(props.subscription_id, props.names)
    lent_roles.withdraw(clients.arm, group, lease=lease)
