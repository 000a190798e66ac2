"""One instance on Azure: its parts, joined."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import resources

from tenantry.components.azure.alerts import Alerts, Watched
from tenantry.components.azure.cache import Cache
from tenantry.components.azure.credentials import Credentials
from tenantry.components.azure.database import Database
from tenantry.components.azure.identity import Identities
from tenantry.components.azure.locks import Locks
from tenantry.components.azure.monitoring import DiagnosticSetting, Monitoring
from tenantry.components.azure.network import Network
from tenantry.components.azure.portal import Portal
from tenantry.components.azure.props import AzureProps
from tenantry.components.azure.settings import SiteSettings, site_settings
from tenantry.components.azure.storage import CONNECTION_STRING, Storage
from tenantry.components.azure.workload import Workload
from tenantry.model.profile import Service

__all__ = ["AzureInstance"]


class AzureInstance(pulumi.ComponentResource):
    """A resource group with everything that one client's instance consists of."""

    database: Database | None
    storage: Storage | None
    cache: Cache | None
    portal: Portal | None

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
        self.network = Network(props, group, zones=_zones(props), opts=mine)
        self.identities = Identities(props, group, opts=mine)
        self.monitoring = Monitoring(props, group, opts=mine)
        self.credentials = Credentials(
            props, group, self.network, self.identities, secrets=settings.secret, opts=mine
        )
        after = [*self.credentials.readable, *self._services(props, mine)]
        told = self._told(settings)
        after += [
            self.credentials.keep(name, told[source]) for name, source in settings.told_in_secret.items()
        ]
        shown = {name: told[source] for name, source in settings.told.items()}
        self.workload = Workload(
            props,
            group,
            self.network,
            self.identities,
            settings={**settings.references(props), **shown},
            pages=[self.portal.url] if self.portal else [],
            after=after,
            opts=mine,
        )
        self.monitoring.diagnose(self._diagnostic_settings())
        self.alerts = Alerts(props, group, self.monitoring, self._watched(), opts=mine)
        self._lock(mine)
        self.register_outputs({})

    def _services(self, props: AzureProps, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """Make the data services that the profile needs; return what must be there before the site."""
        group, net, after = self.group.name, self.network, list[pulumi.Resource]()
        self.database = self.storage = self.cache = self.portal = None
        if props.needs(Service.DATABASE):
            self.database = Database(props, group, net, self.identities, self.credentials, opts=opts)
            after.append(self.database.private_endpoint)
        if props.needs(Service.BLOBS):
            self.storage = Storage(props, group, net, self.identities, self.credentials, opts=opts)
            after += self.storage.ready
        if props.needs(Service.CACHE):
            self.cache = Cache(props, group, net, opts=opts)
            after.append(self.cache.private_endpoint)
        if props.needs(Service.PORTAL):
            self.portal = Portal(props, group, opts=opts)
        return after

    def _told(self, settings: SiteSettings) -> dict[str, pulumi.Input[str]]:
        """Return what only resources tell, by the source of a variable; keys only where one is asked for."""
        asked = {*settings.told.values(), *settings.told_in_secret.values()}
        known: dict[str, pulumi.Input[str]] = {
            "monitoring.connection_string": self.monitoring.insights.connection_string,
            # What the organisation gives the right to send its e-mail.
            "email.identity": self.identities.app.client_id,
        }
        if self.storage is not None and CONNECTION_STRING in asked:
            known[CONNECTION_STRING] = self.storage.connection_string()
        if self.cache is not None:
            known["cache.host"] = self.cache.host
            if "cache.password" in asked:
                known["cache.password"] = self.cache.password()
        if self.portal is not None:
            known["portal.url"] = self.portal.url
        return known

    def _diagnostic_settings(self) -> dict[str, DiagnosticSetting]:
        """Return what each resource can send by a diagnostic setting, in the instance's own workspace.

        Without one are Application Insights, whose rows lie in that workspace already, so that
        Azure wants another one of it; the private endpoints' network interfaces, which Azure
        makes under names of its own and which have metrics only; and what can send nothing:
        endpoints, zones, identities, alert rules. docs/explanation/azure.md has the sources.
        """
        net = self.network
        settings = {name: DiagnosticSetting(one, logs="audit") for name, one in self._vaults().items()}
        settings |= {
            "site": DiagnosticSetting(self.workload.site.id, logs="allLogs"),
            "plan": DiagnosticSetting(self.workload.plan.id),
            "workspace": DiagnosticSetting(self.monitoring.workspace.id, logs="audit"),
            "network": DiagnosticSetting(net.network.id, logs="allLogs"),
            "app-rules": DiagnosticSetting(net.app_rules.id, logs="allLogs", metrics=False),
            "endpoints-rules": DiagnosticSetting(net.endpoints_rules.id, logs="allLogs", metrics=False),
        }
        if self.database is not None:
            settings["server"] = DiagnosticSetting(self.database.server.id, logs="audit")
        if self.storage is not None:
            blobs = pulumi.Output.concat(self.storage.account.id, "/blobServices/default")
            settings["storage"] = DiagnosticSetting(self.storage.account.id)
            settings["blobs"] = DiagnosticSetting(blobs, logs="audit")
        if self.cache is not None:
            settings["cache"] = DiagnosticSetting(self.cache.cluster.id)
            settings["cache-database"] = DiagnosticSetting(
                self.cache.database.id, logs="allLogs", metrics=False
            )
        if self.portal is not None:
            settings["portal"] = DiagnosticSetting(self.portal.site.id, logs="allLogs", metrics=False)
        return settings

    def _vaults(self) -> dict[str, pulumi.Input[str]]:
        """Return the ids of all vaults, by a name."""
        found: dict[str, pulumi.Input[str]] = {
            "keys-vault": self.credentials.keys_vault.id,
            "secrets-vault": self.credentials.secrets_vault.id,
        }
        if self.credentials.pair_vault is not None:
            found["pair-keys-vault"] = self.credentials.pair_vault.id
        return found

    def _watched(self) -> Watched:
        return Watched(
            site=self.workload.site.id,
            vaults=self._vaults(),
            server=self.database.server.id if self.database else None,
        )

    def _lock(self, opts: pulumi.ResourceOptions) -> None:
        locked = {
            **self._vaults(),
            "workspace": self.monitoring.workspace.id,
            "site": self.workload.site.id,  # the folders lie in it
        }
        if self.database is not None:
            locked["server"] = self.database.server.id
        if self.storage is not None:
            locked["storage"] = self.storage.account.id
        self.locks = Locks(locked, opts=opts)


def _zones(props: AzureProps) -> list[str]:
    """Return the kinds of data services whose names must resolve inside of the network."""
    kinds = {Service.DATABASE: "postgres", Service.BLOBS: "blob", Service.CACHE: "cache"}
    return ["vault", *(kind for service, kind in kinds.items() if props.needs(service))]
