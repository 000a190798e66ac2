"""A portal: a Static Web App of the instance's own. Its files are public and hold no client data."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import web

from tenantry.components.azure.props import AzureProps
from tenantry.model.azure_sizes import portal_region

__all__ = ["Portal"]


class Portal(pulumi.ComponentResource):
    """One Static Web App, empty until somebody uploads what was built for this instance."""

    def __init__(self, props: AzureProps, group: pulumi.Input[str], *, opts: pulumi.ResourceOptions) -> None:
        super().__init__("tenantry:azure:Portal", "portal", None, opts)
        self.site = web.StaticSite(
            "portal",
            resource_group_name=group,
            name=props.names.portal,
            location=portal_region(props.region),
            sku=web.SkuDescriptionArgs(name=props.sizes.portal_sku, tier=props.sizes.portal_sku),
            staging_environment_policy=web.StagingEnvironmentPolicy.DISABLED,
            allow_config_file_updates=True,
            tags=props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.url: pulumi.Output[str] = pulumi.Output.concat("https://", self.site.default_hostname)
        self.register_outputs({})
