"""Virtual network, subnets, security groups, private endpoints and their DNS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network, privatedns

from tenantry.components.azure.props import AzureProps
from tenantry.components.azure.settings import CACHE_PORT, DATABASE_PORT

__all__ = ["Link", "Network", "PrivateEndpoint"]

# Private addresses, the same in every instance: networks of instances are never joined.
_SPACE, _APP, _ENDPOINTS = "10.20.0.0/22", "10.20.0.0/24", "10.20.1.0/24"
_SUBRESOURCES = {"vault": "vault", "postgres": "postgresqlServer", "blob": "blob", "cache": "redisEnterprise"}


@dataclass(frozen=True, kw_only=True)
class Link:
    """A data service that is reached through a private endpoint."""

    title: str  # "secrets-vault"
    name: str  # of the resource
    resource_id: pulumi.Input[str]
    kind: str  # a key of the table above


class Network(pulumi.ComponentResource):
    """One virtual network: a subnet for the site, one for the endpoints of data services."""

    def __init__(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        *,
        zones: Sequence[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """``zones`` are the kinds of data services whose names must resolve inside."""
        super().__init__("tenantry:azure:Network", "network", None, opts)
        self._props, self._group = props, group
        mine = pulumi.ResourceOptions(parent=self)
        self.network = network.VirtualNetwork(
            "network",
            resource_group_name=group,
            virtual_network_name=props.names.network,
            location=props.region.name,
            address_space=network.AddressSpaceArgs(address_prefixes=[_SPACE]),
            tags=props.all_tags,
            opts=mine,
        )
        self.app_rules = self._rules("app-rules", props.names.app_rules, [])
        self.endpoints_rules = self._rules(
            "endpoints-rules", props.names.endpoints_rules, [_from_app(), _nobody()]
        )
        self.app_subnet = self._subnet(
            "app-subnet",
            props.names.app_subnet,
            _APP,
            self.app_rules,
            delegated="Microsoft.Web/serverFarms",
        )
        # One after the other: Azure works on one subnet of a network at a time.
        self.endpoints_subnet = self._subnet(
            "endpoints-subnet",
            props.names.endpoints_subnet,
            _ENDPOINTS,
            self.endpoints_rules,
            after=self.app_subnet,
        )
        self.zones = {kind: self._zone(kind) for kind in zones}
        self.register_outputs({})

    def _rules(
        self, name: str, called: str, rules: list[network.SecurityRuleArgs]
    ) -> network.NetworkSecurityGroup:
        return network.NetworkSecurityGroup(
            name,
            resource_group_name=self._group,
            network_security_group_name=called,
            location=self._props.region.name,
            security_rules=rules,
            tags=self._props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _subnet(
        self,
        name: str,
        called: str,
        prefix: str,
        rules: network.NetworkSecurityGroup,
        *,
        delegated: str = "",
        after: pulumi.Resource | None = None,
    ) -> network.Subnet:
        delegation = network.DelegationArgs(name="delegation", service_name=delegated)
        return network.Subnet(
            name,
            resource_group_name=self._group,
            virtual_network_name=self.network.name,
            subnet_name=called,
            address_prefix=prefix,
            default_outbound_access=bool(delegated),  # the site calls services outside; endpoints call nobody
            delegations=[delegation] if delegated else [],
            network_security_group=network.NetworkSecurityGroupArgs(id=rules.id),
            private_endpoint_network_policies="Enabled",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after] if after else []),
        )

    def _zone(self, kind: str) -> privatedns.PrivateZone:
        props = self._props
        zone = privatedns.PrivateZone(
            f"zone-{kind}",
            resource_group_name=self._group,
            private_zone_name=_zone_name(kind, props),
            location="Global",
            tags=props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        privatedns.VirtualNetworkLink(
            f"zone-link-{kind}",
            resource_group_name=self._group,
            private_zone_name=zone.name,
            virtual_network_link_name=props.names.network,
            location="Global",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=self.network.id),
            tags=props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return zone


class PrivateEndpoint(pulumi.ComponentResource):
    """The only way to a data service, inside of the network."""

    def __init__(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        net: Network,
        link: Link,
        *,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("tenantry:azure:PrivateEndpoint", f"endpoint-{link.title}", None, opts)
        name = props.names.endpoint(link.name)
        mine = pulumi.ResourceOptions(parent=self)
        self.endpoint = network.PrivateEndpoint(
            f"endpoint-{link.title}",
            resource_group_name=group,
            private_endpoint_name=name,
            location=props.region.name,
            subnet=network.SubnetArgs(id=net.endpoints_subnet.id),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=name,
                    private_link_service_id=link.resource_id,
                    group_ids=[_SUBRESOURCES[link.kind]],
                )
            ],
            tags=props.all_tags,
            opts=mine,
        )
        self.names = network.PrivateDnsZoneGroup(
            f"endpoint-names-{link.title}",
            resource_group_name=group,
            private_endpoint_name=self.endpoint.name,
            private_dns_zone_group_name="default",
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(name=link.kind, private_dns_zone_id=net.zones[link.kind].id)
            ],
            opts=mine,
        )
        self.register_outputs({})


def _zone_name(kind: str, props: AzureProps) -> str:
    suffixes = props.suffixes
    return {
        "vault": suffixes.vault.replace("vault.", "privatelink.vaultcore.", 1),
        "postgres": f"privatelink.{suffixes.postgres}",
        "blob": f"privatelink.{suffixes.blob}",
        "cache": f"privatelink.{suffixes.cache}",
    }[kind]


def _from_app() -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name="from-app",
        priority=100,
        direction="Inbound",
        access="Allow",
        protocol="Tcp",
        source_address_prefix=_APP,
        source_port_range="*",
        destination_address_prefix=_ENDPOINTS,
        destination_port_ranges=["443", DATABASE_PORT, CACHE_PORT],
    )


def _nobody() -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name="nobody-else",
        priority=4000,
        direction="Inbound",
        access="Deny",
        protocol="*",
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="*",
    )
