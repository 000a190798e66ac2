"""App Service: the plan, the site, its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_azure_native import web

from tenantry.components.azure.host_name import HostName
from tenantry.components.azure.identity import Identities
from tenantry.components.azure.network import Network
from tenantry.components.azure.props import AzureProps, Binding

__all__ = ["Workload", "start_command"]

_STACKS = {"node": "NODE|{}-lts", "python": "PYTHON|{}"}
_NO_ALWAYS_ON = frozenset({"Free", "Shared"})


class Workload(pulumi.ComponentResource):
    """One site on a plan of its own. Only it is public."""

    def __init__(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        net: Network,
        identities: Identities,
        *,
        settings: Mapping[str, pulumi.Input[str]],
        pages: Sequence[pulumi.Input[str]],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Pages of the origins ``pages`` may ask the site, with the person's cookies.

        ``after`` is what must be there before its settings: secrets, roles, the database's private endpoint.
        """
        super().__init__("tenantry:azure:Workload", "workload", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        self.plan = web.AppServicePlan(
            "plan",
            resource_group_name=group,
            name=props.names.plan,
            location=props.region.name,
            kind="linux",
            reserved=True,  # Azure's word for Linux
            sku=web.SkuDescriptionArgs(
                name=props.sizes.plan_sku, tier=props.sizes.plan_tier, capacity=props.sizes.plan_workers
            ),
            tags=props.all_tags,
            opts=mine,
        )
        self.site = web.WebApp(
            "site",
            resource_group_name=group,
            name=props.names.site,
            location=props.region.name,
            kind="app,linux",
            server_farm_id=self.plan.id,
            enabled=props.running,
            https_only=True,
            client_affinity_enabled=False,
            public_network_access="Enabled",
            virtual_network_subnet_id=net.app_subnet.id,
            key_vault_reference_identity=identities.app.id,
            identity=web.ManagedServiceIdentityArgs(
                type=web.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[identities.app.id],
            ),
            site_config=web.SiteConfigArgs(
                linux_fx_version=_stack(props),
                app_command_line=start_command(props),
                always_on=props.sizes.plan_tier not in _NO_ALWAYS_ON,
                ftps_state="Disabled",
                min_tls_version="1.2",
                scm_min_tls_version="1.2",
                http20_enabled=True,
                health_check_path=props.profile.health.path,
                vnet_route_all_enabled=True,
                number_of_workers=props.sizes.plan_workers,
                cors=web.CorsSettingsArgs(allowed_origins=list(pages), support_credentials=True)
                if pages
                else None,
            ),
            tags=props.all_tags,
            opts=mine,
        )
        self._forbid_passwords(group, mine)
        named = self._named(props, group, mine)
        self.settings = web.WebAppApplicationSettings(
            "settings",
            resource_group_name=group,
            name=self.site.name,
            properties=dict(settings),
            # Only with them it is the workload; an empty site need not wait minutes for the database.
            # They tell it its URL, too: not before it is served there.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*after, *named]),
        )
        self.register_outputs({})

    def _forbid_passwords(self, group: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
        """Passwords for publishing are off: tenantry publishes with its own token."""
        for name, kind in (("ftp", web.WebAppFtpAllowed), ("scm", web.WebAppScmAllowed)):
            kind(
                f"no-{name}-passwords",
                resource_group_name=group,
                name=self.site.name,
                allow=False,
                opts=opts,
            )

    def _named(
        self, props: AzureProps, group: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        """Bind the instance's own host name, if it is as far as that."""
        if not props.hostname or props.binding is Binding.NONE:
            return []
        return [HostName(props, group, self.plan, self.site, opts=opts).binding]


def start_command(props: AzureProps) -> str:
    """Return what the site starts. A site has one process that listens; others start beside it."""
    listening = [one for one in props.profile.processes if one.listens]
    others = [one for one in props.profile.processes if not one.listens]
    folders = " ".join(f"/home/data/{one.name}" for one in props.profile.folders)
    parts = [f"mkdir -p {folders}"] if folders else []
    parts += [f"({' '.join(one.command)} &)" for one in others]
    parts += [f"exec {' '.join(one.command)}" for one in listening]
    return "; ".join(parts)


def _stack(props: AzureProps) -> str:
    runtime = props.profile.runtime
    return _STACKS.get(runtime.name, "{}").format(runtime.version)
