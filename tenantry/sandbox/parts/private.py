"""Private endpoints: which site's process comes through one, and how a resource tells of its own."""

from __future__ import annotations

from typing import Any

from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.parts.notes import everywhere, same, tidy

__all__ = ["connections", "enters", "site_of"]

_ENDPOINT = "Microsoft.Network/privateEndpoints"


def site_of(cloud: Cloud, uid: int | None) -> Resource | None:
    """Return the site whose process a user is, None for anybody else."""
    note = cloud.recall("sites/uid/").get(f"sites/uid/{uid}")
    return cloud.find(note["id"]) if note else None


def enters(cloud: Cloud, resource: Resource, site: Resource | None) -> bool:
    """Say whether a site is in a network that a private endpoint of a resource, or its subnet, lies in."""
    here = _network(str((site.properties if site else {}).get("virtualNetworkSubnetId") or ""))
    subnets = [
        str((endpoint.properties.get("subnet") or {}).get("id") or "")
        for endpoint in _endpoints(cloud, resource)
    ]
    subnets.append(str((resource.properties.get("network") or {}).get("delegatedSubnetResourceId") or ""))
    return bool(here) and here in {_network(subnet) for subnet in subnets}


def connections(
    cloud: Cloud, resource: Resource, group: str = "", *, required: str = "actionsRequired"
) -> list[dict[str, Any]]:
    """Return the private endpoints that lead to a resource, as its body tells of them.

    ``group`` is the part of it that they lead to, such as ``postgresqlServer``, where its type tells it;
    ``required`` is what the type calls the actions that are still to be done.
    """
    return [
        {
            "id": f"{resource.id}/privateEndpointConnections/{endpoint.name}",
            "name": endpoint.name,
            "type": f"{resource.type}/privateEndpointConnections",
            "properties": {
                **({"groupIds": [group]} if group else {}),
                "privateEndpoint": {"id": endpoint.id},
                "privateLinkServiceConnectionState": {
                    "status": "Approved",
                    "description": "Auto-approved",
                    required: "None",
                },
                "provisioningState": "Succeeded",
            },
        }
        for endpoint in _endpoints(cloud, resource)
    ]


def _endpoints(cloud: Cloud, resource: Resource) -> list[Resource]:
    return [
        endpoint
        for endpoint in everywhere(cloud, resource.id, _ENDPOINT)
        if any(
            same(str((link.get("properties") or {}).get("privateLinkServiceId") or ""), resource.id)
            for link in endpoint.properties.get("privateLinkServiceConnections") or []
        )
    ]


def _network(subnet_id: str) -> str:
    return tidy(subnet_id).partition("/subnets/")[0]
