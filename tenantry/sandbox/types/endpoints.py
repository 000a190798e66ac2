"""Private endpoints, their network interfaces, and the zones that their names are written into."""

from __future__ import annotations

import uuid
from typing import Any

from tenantry.sandbox import etag, ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.types.common import reference, require, table
from tenantry.sandbox.types.network import prefixes

__all__ = ["NetworkInterfaces", "PrivateEndpoints", "ZoneGroups", "public_name"]

_ENDPOINT = "Microsoft.Network/privateEndpoints"
_INTERFACE = "Microsoft.Network/networkInterfaces"
_RECORD = "Microsoft.Network/privateDnsZones/A"
_RESERVED = 4  # addresses at the beginning of a subnet that Azure keeps
# What a target is called in public, by its type and the kind of connection.
_NAMES = {
    "microsoft.keyvault/vaults": "{name}.vault.{suffix}",
    "microsoft.storage/storageaccounts": "{name}.blob.core.{suffix}",
    "microsoft.dbforpostgresql/flexibleservers": "{name}.postgres.database.{suffix}",
    "microsoft.web/sites": "{name}.azurewebsites.{suffix}",
    "microsoft.cache/redisenterprise": "{name}.{region}.redis.{suffix}",
}


class PrivateEndpoints(Kind):
    """Approved at once; each has an interface with an address of its subnet."""

    type = _ENDPOINT

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse one without subnet or target, and a change of either."""
        require(new, "subnet")
        reference(cloud, new.properties["subnet"], of=new.id)
        connections = _connections(new)
        if not connections:
            raise ArmFault(400, "InvalidRequestFormat", "A private endpoint needs a private link connection.")
        for one in connections:
            target = str(table(one.get("properties")).get("privateLinkServiceId") or "")
            reference(cloud, target, of=new.id)
            if not table(one.get("properties")).get("groupIds"):
                raise ArmFault(400, "InvalidRequestFormat", "A private link connection needs groupIds.")
        if old is not None and ids.key(_subnet(old)) != ids.key(_subnet(new)):
            raise ArmFault(
                400,
                "CannotUpdatePrivateEndpointSubnet",
                "The subnet of a private endpoint cannot be changed.",
            )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Give it an interface and approve its connections."""
        before = old.properties if old is not None else {}
        interfaces = before.get("networkInterfaces")
        if interfaces:
            address = _address_of(cloud, str(interfaces[0]["id"]))
        else:
            address, interfaces = self._interface(cloud, new)
        names = [
            self._approve(cloud, new, kind, one)
            for kind in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
            for one in new.properties.setdefault(kind, [])
        ]
        new.properties.update(
            networkInterfaces=interfaces,
            customDnsConfigs=[{"fqdn": name, "ipAddresses": [address]} for name in names if name],
        )
        new.properties.setdefault("ipConfigurations", [])
        new.properties.setdefault("customNetworkInterfaceName", "")

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Take its interface and its names away."""
        for one in cloud.children(resource.id, f"{_ENDPOINT}/privateDnsZoneGroups"):
            remove_records(cloud, one)
        for one in resource.properties.get("networkInterfaces") or []:
            found = cloud.find(str(one["id"]))
            if found is not None:
                cloud.drop(found)

    def _approve(self, cloud: Cloud, new: Resource, kind: str, one: dict[str, Any]) -> str:
        target = cloud.find(str(one["properties"]["privateLinkServiceId"]))
        one["id"], one["type"] = f"{new.id}/{kind}/{one.get('name')}", f"{_ENDPOINT}/{kind}"
        one["etag"] = etag.fresh()
        one["properties"].update(
            provisioningState="Succeeded",
            privateLinkServiceConnectionState={
                "status": "Approved",
                "description": "Auto-approved",
                "actionsRequired": "None",
            },
        )
        return public_name(target, cloud.suffix) if target is not None else ""

    def _interface(self, cloud: Cloud, new: Resource) -> tuple[str, list[dict[str, Any]]]:
        subnet = cloud.find(_subnet(new))
        assert subnet is not None
        address = _free_address(cloud, subnet)
        name = str(new.properties.get("customNetworkInterfaceName") or f"{new.name}.nic.{uuid.uuid4()}")
        identity = f"{ids.group_of(new.id)}/providers/{_INTERFACE}/{name}"
        properties = {
            "provisioningState": "Succeeded",
            "resourceGuid": str(uuid.uuid4()),
            "privateEndpoint": {"id": new.id},
            "ipConfigurations": [
                {
                    "name": "privateEndpointIpConfig",
                    "id": f"{identity}/ipConfigurations/privateEndpointIpConfig",
                    "properties": {
                        "provisioningState": "Succeeded",
                        "privateIPAddress": address,
                        "privateIPAllocationMethod": "Dynamic",
                        "subnet": {"id": subnet.id},
                        "primary": True,
                        "privateIPAddressVersion": "IPv4",
                    },
                }
            ],
        }
        body = {
            "id": identity,
            "name": name,
            "type": _INTERFACE,
            "location": new.location,
            "etag": etag.fresh(),
            "properties": properties,
        }
        cloud.save(Resource(id=identity, type=_INTERFACE, name=name, location=new.location, body=body))
        return address, [{"id": identity}]


class NetworkInterfaces(Kind):
    """Only those of private endpoints."""

    type = _INTERFACE

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse to make one: the sandbox has no machines."""
        del cloud, new, old
        raise ArmFault(
            400, "NotSupported", "The sandbox makes network interfaces for private endpoints only."
        )

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse while its endpoint is there."""
        owner = str(table(resource.properties.get("privateEndpoint")).get("id") or "")
        if owner and cloud.find(owner) is not None:
            raise ArmFault(
                400,
                "NicInUseWithPrivateEndpoint",
                f"Network interface {resource.id} cannot be deleted "
                f"because it is currently in use with a private endpoint ({owner}).",
            )


class ZoneGroups(Kind):
    """Writes an endpoint's names into private zones."""

    type = f"{_ENDPOINT}/privateDnsZoneGroups"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse one that names no zone, or one that is not there."""
        del old
        require(new, "privateDnsZoneConfigs")
        for one in new.properties["privateDnsZoneConfigs"]:
            reference(cloud, str(table(one.get("properties")).get("privateDnsZoneId") or "-"), of=new.id)

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Write the records."""
        if old is not None:
            remove_records(cloud, old)
        endpoint = cloud.find(ids.parent(new.id))
        assert endpoint is not None
        for one in new.properties["privateDnsZoneConfigs"]:
            zone = str(one["properties"]["privateDnsZoneId"])
            one["properties"]["recordSets"] = [
                _record(cloud, zone, str(config["fqdn"]), list(config["ipAddresses"]))
                for config in endpoint.properties.get("customDnsConfigs") or []
            ]

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Take the records away."""
        remove_records(cloud, resource)


def public_name(target: Resource, suffix: str) -> str:
    """Return the full name under which a resource is known, "" for one that has none."""
    pattern = _NAMES.get(target.type.lower(), "")
    region = target.location.replace(" ", "").lower()
    return pattern.format(name=target.name.lower(), region=region, suffix=suffix)


def remove_records(cloud: Cloud, group: Resource) -> None:
    """Take away what a zone group wrote."""
    for one in group.properties.get("privateDnsZoneConfigs") or []:
        properties = table(one.get("properties"))
        for record in properties.get("recordSets") or []:
            found = cloud.find(f"{properties['privateDnsZoneId']}/A/{record['recordSetName']}")
            if found is not None:
                cloud.drop(found)


def _record(cloud: Cloud, zone: str, fqdn: str, addresses: list[str]) -> dict[str, Any]:
    name = fqdn.split(".", maxsplit=1)[0]
    identity = f"{zone}/A/{name}"
    properties = {
        "fqdn": f"{name}.{zone.rpartition('/')[2]}.",
        "ttl": 10,
        "isAutoRegistered": False,
        "aRecords": [{"ipv4Address": one} for one in addresses],
    }
    body = {
        "id": identity,
        "name": name,
        "type": _RECORD,
        "etag": str(uuid.uuid4()),
        "properties": properties,
    }
    cloud.save(Resource(id=identity, type=_RECORD, name=name, location="", body=body))
    return {
        "recordType": "A",
        "recordSetName": name,
        "fqdn": fqdn,
        "ttl": 10,
        "provisioningState": "Succeeded",
        "ipAddresses": addresses,
    }


def _connections(endpoint: Resource) -> list[dict[str, Any]]:
    properties = endpoint.properties
    automatic = properties.get("privateLinkServiceConnections") or []
    return [*automatic, *(properties.get("manualPrivateLinkServiceConnections") or [])]


def _subnet(endpoint: Resource) -> str:
    return str(table(endpoint.properties.get("subnet")).get("id") or "")


def _address_of(cloud: Cloud, interface: str) -> str:
    found = cloud.find(interface)
    configurations = found.properties["ipConfigurations"] if found is not None else []
    return str(configurations[0]["properties"]["privateIPAddress"]) if configurations else ""


def _free_address(cloud: Cloud, subnet: Resource) -> str:
    around = ids.group_of(subnet.id).rpartition("/resource")[0]
    used = {
        str(one["properties"]["privateIPAddress"])
        for interface in cloud.children(around, _INTERFACE)
        for one in interface.properties.get("ipConfigurations") or []
        if ids.key(str(table(one["properties"].get("subnet")).get("id"))) == ids.key(subnet.id)
    }
    for network in prefixes(subnet):
        for number in range(_RESERVED, network.num_addresses - 1):
            if (address := str(network[number])) not in used:
                return address
    raise ArmFault(
        400, "SubnetIsFull", f"Subnet {subnet.name} does not have enough capacity for 1 IP addresses."
    )
