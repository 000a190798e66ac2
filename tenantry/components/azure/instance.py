"""One instance on Azure: its parts, joined."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import resources

from tenantry.components.azure.alerts import Alerts, Watched
from tenantry.components.azure.credentials import Credentials
from tenantry.components.azure.database import Database
from tenantry.components.azure.guard import Guard
from tenantry.components.azure.identity import Identities
from tenantry.components.azure.monitoring import Monitoring
from tenantry.components.azure.network import Network
from tenantry.components.azure.props import AzureProps
from tenantry.components.azure.settings import SiteSettings, site_settings
from tenantry.components.azure.storage import CONNECTION_STRING, Storage
from tenantry.components.azure.workload import Workload
from tenantry.model.profile import Service

__all__ = ["AzureInstance"]


class AzureInstance(pulumi.ComponentResource):
    """A resource group with everything that one client's instance consists of."""

    def __init__(self, props: AzureProps) -> None:
        super().__init__("tenantry:azure:Instance", "instance", None, None)
        mine = pulumi.ResourceOptions(parent=self)
        self.group = resources.ResourceGroup(
            "group",
            resource_group_name=props.names.resource_group,
            location=props.region.name,
            tags=props.all_tags,
            opts=mine,
        )
        group = self.group.name
        settings = site_settings(props)
        has_database = props.needs(Service.DATABASE)
        has_blobs = props.needs(Service.BLOBS)
        zones = ["vault", *(["postgres"] if has_database else []), *(["blob"] if has_blobs else [])]
        self.network = Network(props, group, zones=zones, opts=mine)
        self.identities = Identities(props, group, opts=mine)
        self.monitoring = Monitoring(props, group, opts=mine)
        self.credentials = Credentials(
            props, group, self.network, self.identities, secrets=settings.secret, opts=mine
        )
        after: list[pulumi.Resource] = [*self.credentials.readable]
        self.database: Database | None = None
        if has_database:
            self.database = Database(props, group, self.network, self.identities, self.credentials, opts=mine)
            after.append(self.database.door)
        self.storage: Storage | None = None
        if has_blobs:
            self.storage = Storage(props, group, self.network, self.identities, self.credentials, opts=mine)
            after += self.storage.ready
        after += self._keep_what_is_told(settings)
        self.workload = Workload(
            props,
            group,
            self.network,
            self.identities,
            settings=settings.references(props),
            after=after,
            opts=mine,
        )
        self._watch()
        self.alerts = Alerts(props, group, self.monitoring, self._watched(), opts=mine)
        self._guard(mine)
        self.register_outputs({})

    def _keep_what_is_told(self, settings: SiteSettings) -> list[pulumi.Resource]:
        """Put into the vault what only resources tell: keys that Azure made."""
        known: dict[str, pulumi.Input[str]] = {}
        if "monitoring.connection_string" in settings.told.values():
            known["monitoring.connection_string"] = self.monitoring.insights.connection_string
        if self.storage is not None and CONNECTION_STRING in settings.told.values():
            known[CONNECTION_STRING] = self.storage.connection_string()
        return [self.credentials.keep(name, known[source]) for name, source in settings.told.items()]

    def _watch(self) -> None:
        kept: dict[str, tuple[pulumi.Input[str], list[str]]] = {
            "keys-vault": (self.credentials.keys_vault.id, ["audit"]),
            "secrets-vault": (self.credentials.secrets_vault.id, ["audit"]),
            "site": (self.workload.site.id, ["allLogs"]),
        }
        if self.database is not None:
            kept["server"] = (self.database.server.id, ["audit"])
        if self.storage is not None:
            blobs = pulumi.Output.concat(self.storage.account.id, "/blobServices/default")
            kept["blobs"] = (blobs, ["audit"])
        self.monitoring.keep_logs(kept)

    def _watched(self) -> Watched:
        return Watched(
            site=self.workload.site.id,
            vaults={
                "keys-vault": self.credentials.keys_vault.id,
                "secrets-vault": self.credentials.secrets_vault.id,
            },
            server=self.database.server.id if self.database else None,
        )

    def _guard(self, opts: pulumi.ResourceOptions) -> None:
        guarded: dict[str, pulumi.Input[str]] = {
            "keys-vault": self.credentials.keys_vault.id,
            "secrets-vault": self.credentials.secrets_vault.id,
        }
        if self.database is not None:
            guarded["server"] = self.database.server.id
        if self.storage is not None:
            guarded["storage"] = self.storage.account.id
        self.locks = Guard(guarded, opts=opts)
