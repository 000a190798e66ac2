"""Virtual networks, their subnets, and security groups."""

from __future__ import annotations

import uuid
from ipaddress import IPv4Network, ip_network
from typing import Any

from tenantry.sandbox import etag, ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.types.common import reference, require, table

__all__ = ["SecurityGroups", "SecurityRules", "Subnets", "VirtualNetworks", "prefixes", "users_of_subnet"]

_NETWORK = "Microsoft.Network/virtualNetworks"
_SUBNET = f"{_NETWORK}/subnets"
_GROUP = "Microsoft.Network/networkSecurityGroups"
_RULE = f"{_GROUP}/securityRules"


class VirtualNetworks(Kind):
    """Subnets come inside its body or as resources of their own; both show the same."""

    type = _NETWORK

    def __init__(self, subnets: Subnets) -> None:
        self._subnets = subnets

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a network without addresses, and one that drops a subnet in use."""
        space = table(new.properties.get("addressSpace")).get("addressPrefixes")
        if not space and not table(new.properties.get("addressSpace")).get("ipamPoolPrefixAllocations"):
            raise ArmFault(400, "InvalidRequestFormat", "The address space of a virtual network is required.")
        for one in space or []:
            _network(str(one))
        if old is not None and "subnets" in new.properties:
            for subnet in self._dropped(cloud, new):
                self._subnets.refuse_in_use(cloud, subnet)

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Keep it, and make its subnets what its body says; without a word on subnets they stay."""
        asked = new.properties.get("subnets")
        before = old.properties if old is not None else {}
        new.properties.update(resourceGuid=before.get("resourceGuid") or str(uuid.uuid4()))
        new.properties.setdefault("enableDdosProtection", False)
        new.properties.setdefault("virtualNetworkPeerings", [])
        if asked is not None:
            for subnet in self._dropped(cloud, new):
                cloud.drop(subnet)
            for one in asked:
                self._subnet(cloud, new, one)
        self.get(cloud, new)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Show the subnets that there are."""
        subnets = cloud.children(resource.id, _SUBNET)
        for one in subnets:
            self._subnets.get(cloud, one)
        resource.properties["subnets"] = [one.body for one in subnets]

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse while one of its subnets is used."""
        for subnet in cloud.children(resource.id, _SUBNET):
            self._subnets.refuse_in_use(cloud, subnet)

    def _dropped(self, cloud: Cloud, new: Resource) -> list[Resource]:
        kept = {str(one.get("name")).lower() for one in new.properties.get("subnets") or []}
        return [one for one in cloud.children(new.id, _SUBNET) if one.name.lower() not in kept]

    def _subnet(self, cloud: Cloud, network: Resource, asked: dict[str, Any]) -> None:
        name = str(asked.get("name"))
        identity = f"{network.id}/subnets/{name}"
        body = {
            "id": identity,
            "name": name,
            "type": _SUBNET,
            "properties": dict(asked.get("properties") or {}),
        }
        new = Resource(id=identity, type=_SUBNET, name=name, location="", body=body)
        old = cloud.find(identity)
        self._subnets.check(cloud, new, network)
        self._subnets.put(cloud, new, old)
        new.properties["provisioningState"] = "Succeeded"
        new.body["etag"] = etag.fresh()
        cloud.save(new)


class Subnets(Kind):
    """A subnet that is delegated, or has endpoints, cannot go while its users are there."""

    type = _SUBNET

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse addresses outside of the network, or of another subnet."""
        del old
        network = cloud.find(ids.parent(new.id))
        assert network is not None
        self.check(cloud, new, network)

    def check(self, cloud: Cloud, new: Resource, network: Resource) -> None:
        """Refuse what ``admit`` does, for a network that need not be kept yet."""
        wanted = prefixes(new)
        if not wanted:
            raise ArmFault(400, "InvalidRequestFormat", f"The subnet {new.name} has no address prefix.")
        space = [
            _network(str(one))
            for one in table(network.properties.get("addressSpace")).get("addressPrefixes") or []
        ]
        for one in wanted:
            if not any(one.subnet_of(whole) for whole in space):
                raise ArmFault(
                    400,
                    "NetcfgSubnetRangeOutsideVnet",
                    f"Subnet '{new.name}' is not valid because its "
                    f"IP address range is outside the IP address range of virtual network "
                    f"'{network.name}'.",
                )
        for other in cloud.children(network.id, _SUBNET):
            if other.name.lower() != new.name.lower() and any(
                one.overlaps(two) for one in wanted for two in prefixes(other)
            ):
                raise ArmFault(
                    400,
                    "NetcfgSubnetRangesOverlap",
                    f"Subnet '{new.name}' is not valid because its IP "
                    f"address range overlaps with that of an existing subnet in virtual network "
                    f"'{network.name}'.",
                )
        reference(cloud, new.properties.get("networkSecurityGroup"), of=new.id)

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Fill in what Azure fills in."""
        del old
        new.properties.setdefault("privateEndpointNetworkPolicies", "Disabled")
        new.properties.setdefault("privateLinkServiceNetworkPolicies", "Enabled")
        delegations = new.properties.setdefault("delegations", [])
        for one in delegations:
            one["id"] = f"{new.id}/delegations/{one.get('name')}"
            one["type"] = f"{_SUBNET}/delegations"
            one.setdefault("properties", {})["provisioningState"] = "Succeeded"
        self.get(cloud, new)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Show who uses it."""
        users = users_of_subnet(cloud, resource.id)
        endpoints = [{"id": one.id} for one in users if one.type == "Microsoft.Network/privateEndpoints"]
        links = [one for one in users if one.type != "Microsoft.Network/privateEndpoints"]
        resource.properties.pop("privateEndpoints", None)
        resource.properties.pop("serviceAssociationLinks", None)
        if endpoints:
            resource.properties["privateEndpoints"] = endpoints
        if links:
            resource.properties["serviceAssociationLinks"] = [
                {
                    "id": f"{resource.id}/serviceAssociationLinks/{one.name}",
                    "name": one.name,
                    "properties": {
                        "linkedResourceType": one.type,
                        "link": one.id,
                        "provisioningState": "Succeeded",
                        "allowDelete": False,
                    },
                }
                for one in links
            ]

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse while it is used."""
        self.refuse_in_use(cloud, resource)

    def refuse_in_use(self, cloud: Cloud, subnet: Resource) -> None:
        """Raise Azure's refusal when somebody uses the subnet."""
        for user in users_of_subnet(cloud, subnet.id):
            raise ArmFault(
                400,
                "InUseSubnetCannotBeDeleted",
                f"Subnet {subnet.name} is in use by {user.id} and "
                "cannot be deleted. In order to delete the subnet, delete all the resources within "
                "the subnet.",
            )


class SecurityGroups(Kind):
    """With the six rules that each has."""

    type = _GROUP

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Keep it, and make its rules what its body says."""
        before = old.properties if old is not None else {}
        new.properties.update(
            resourceGuid=before.get("resourceGuid") or str(uuid.uuid4()),
            defaultSecurityRules=[_default_rule(new.id, one) for one in _DEFAULTS],
        )
        asked = new.properties.get("securityRules")
        if asked is not None:
            kept = {str(one.get("name")).lower() for one in asked}
            for rule in cloud.children(new.id, _RULE):
                if rule.name.lower() not in kept:
                    cloud.drop(rule)
            for one in asked:
                name = str(one.get("name"))
                identity = f"{new.id}/securityRules/{name}"
                properties = {**table(one.get("properties")), "provisioningState": "Succeeded"}
                body = {
                    "id": identity,
                    "name": name,
                    "type": _RULE,
                    "etag": etag.fresh(),
                    "properties": properties,
                }
                rule = Resource(id=identity, type=_RULE, name=name, location="", body=body)
                _check_rule(rule)
                cloud.save(rule)
        self.get(cloud, new)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Show its rules, and the subnets that it guards."""
        resource.properties["securityRules"] = [one.body for one in cloud.children(resource.id, _RULE)]
        resource.properties.pop("subnets", None)
        if users := _guarded(cloud, resource):
            resource.properties["subnets"] = [{"id": one.id} for one in users]

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse while a subnet is guarded by it."""
        for user in _guarded(cloud, resource):
            raise ArmFault(
                400,
                "InUseNetworkSecurityGroupCannotBeDeleted",
                f"Network security group "
                f"{resource.id} cannot be deleted because it is in use by the following resources: "
                f"{user.id}.",
            )


class SecurityRules(Kind):
    """A rule as a resource of its own."""

    type = _RULE

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a rule that says nothing."""
        del cloud, old
        _check_rule(new)


def users_of_subnet(cloud: Cloud, subnet_id: str) -> list[Resource]:
    """Return what lies in a subnet: endpoints, servers and sites."""
    found, here = [], ids.key(subnet_id)
    for one in cloud.children(ids.group_of(subnet_id).rpartition("/resource")[0] or ""):
        properties = table(one.body.get("properties"))
        names = (
            table(properties.get("subnet")).get("id")
            if one.type == "Microsoft.Network/privateEndpoints"
            else None,
            table(properties.get("network")).get("delegatedSubnetResourceId"),
            properties.get("virtualNetworkSubnetId"),
        )
        if any(isinstance(name, str) and ids.key(name) == here for name in names):
            found.append(one)
    return found


def prefixes(subnet: Resource) -> list[IPv4Network]:
    """Return the addresses of a subnet."""
    several = subnet.properties.get("addressPrefixes") or []
    one = subnet.properties.get("addressPrefix")
    return [_network(str(text)) for text in ([one] if one else several)]


def _network(text: str) -> IPv4Network:
    try:
        found = ip_network(text)
    except ValueError:
        raise ArmFault(
            400, "InvalidCIDRNotation", f"The address prefix {text} has an invalid CIDR notation."
        ) from None
    if not isinstance(found, IPv4Network):
        raise ArmFault(400, "InvalidCIDRNotation", "The sandbox has no IPv6.")
    return found


def _guarded(cloud: Cloud, group: Resource) -> list[Resource]:
    around = ids.group_of(group.id).rpartition("/resource")[0]
    return [
        one
        for one in cloud.children(around, _SUBNET)
        if ids.key(str(table(one.properties.get("networkSecurityGroup")).get("id") or ""))
        == ids.key(group.id)
    ]


def _check_rule(rule: Resource) -> None:
    require(rule, "protocol", "access", "direction", "priority")
    if not 100 <= int(rule.properties["priority"]) <= 4096:  # noqa: PLR2004 - Azure's limits
        raise ArmFault(
            400, "SecurityRuleInvalidPriority", f"Security rule {rule.name} has an invalid priority."
        )


# name, priority, direction, access, source, destination
_DEFAULTS = (
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
)


def _default_rule(group: str, rule: tuple[str, int, str, str, str, str]) -> dict[str, Any]:
    name, priority, direction, access, source, destination = rule
    return {
        "id": f"{group}/defaultSecurityRules/{name}",
        "name": name,
        "type": f"{_GROUP}/defaultSecurityRules",
        "properties": {
            "provisioningState": "Succeeded",
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "access": access,
            "priority": priority,
            "direction": direction,
        },
    }
