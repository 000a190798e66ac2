"""The instance's own host name on its site: the binding, and a certificate that App Service manages.

Azure goes round in a circle here: a certificate is made for a name that is bound,
and a binding with TLS names the certificate. So there are stages, and whoever
declares says which one it is; nothing here looks.
"""

from __future__ import annotations

import pulumi
from pulumi_azure_native import web

from tenantry.components.azure.props import AzureProps, Binding

__all__ = ["HostName"]


class HostName(pulumi.ComponentResource):
    """One name of one site."""

    binding: web.WebAppHostNameBinding

    def __init__(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        plan: web.AppServicePlan,
        site: web.WebApp,
        *,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """The order of the two resources is that in which Azure lets them be made, and taken away again."""
        super().__init__("tenantry:azure:HostName", "host-name", None, opts)
        if props.binding is Binding.SECURED:
            # A certificate that a binding uses cannot be deleted: the binding goes first.
            certificate = self._certify(props, group, plan, after=[])
            self.binding = self._bind(props, group, site, certificate=certificate)
        else:
            self.binding = self._bind(props, group, site, certificate=None)
            if props.binding is Binding.CERTIFIED:
                self._certify(props, group, plan, after=[self.binding])
        self.register_outputs({})

    def _bind(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        site: web.WebApp,
        *,
        certificate: web.Certificate | None,
    ) -> web.WebAppHostNameBinding:
        """Bind the name; with a certificate, as its thumbprint is now: App Service renews it."""
        return web.WebAppHostNameBinding(
            f"binding-{props.hostname}",
            resource_group_name=group,
            name=site.name,
            host_name=props.hostname,
            site_name=props.names.site,
            host_name_type=web.HostNameType.VERIFIED,
            custom_host_name_dns_record_type=web.CustomHostNameDnsRecordType.C_NAME,
            ssl_state=None if certificate is None else web.SslState.SNI_ENABLED,
            thumbprint=None if certificate is None else certificate.thumbprint,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _certify(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        plan: web.AppServicePlan,
        *,
        after: list[pulumi.Resource],
    ) -> web.Certificate:
        return web.Certificate(
            f"certificate-{props.hostname}",
            resource_group_name=group,
            name=props.names.certificate(props.hostname),
            location=props.region.name,
            server_farm_id=plan.id,
            canonical_name=props.hostname,
            tags=props.all_tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
