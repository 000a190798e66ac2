"""Private DNS zones and their links to networks."""

from __future__ import annotations

import uuid

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.types.common import reference, table

__all__ = ["PrivateZones", "Records", "ZoneLinks"]

_ZONE = "Microsoft.Network/privateDnsZones"
_LINK = f"{_ZONE}/virtualNetworkLinks"
_RECORD = f"{_ZONE}/A"


class PrivateZones(Kind):
    """A zone; it cannot go while a network is linked to it."""

    type = _ZONE

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a zone that lies in a region, or has no dot in its name."""
        del cloud, old
        if new.location != "global":
            raise ArmFault(400, "LocationNotAvailableForResourceType", "Private zones are global.")
        if "." not in new.name:
            raise ArmFault(400, "BadRequest", f"The zone '{new.name}' is not a valid domain name.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Fill in its limits."""
        before = old.properties if old is not None else {}
        new.properties.update(
            internalId=before.get("internalId") or str(uuid.uuid4()),
            maxNumberOfRecordSets=25000,
            maxNumberOfVirtualNetworkLinks=1000,
            maxNumberOfVirtualNetworkLinksWithRegistration=100,
        )
        self.get(cloud, new)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Count what it has."""
        links = cloud.children(resource.id, _LINK)
        registering = [one for one in links if one.properties.get("registrationEnabled")]
        resource.properties.update(
            numberOfRecordSets=1 + len(cloud.children(resource.id, _RECORD)),
            numberOfVirtualNetworkLinks=len(links),
            numberOfVirtualNetworkLinksWithRegistration=len(registering),
        )

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse while a network is linked."""
        if cloud.children(resource.id, _LINK):
            raise ArmFault(
                409,
                "CannotDeleteResource",
                f"Can not delete resource before nested resources are deleted: {resource.name}.",
            )


class ZoneLinks(Kind):
    """A network that resolves names of a zone."""

    type = _LINK

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a link to no network, and a second one to the same."""
        network = reference(cloud, new.properties.get("virtualNetwork"), of=new.id)
        if network is None:
            raise ArmFault(400, "BadRequest", "A link needs a virtual network.")
        if old is not None:
            return
        for other in cloud.children(ids.parent(new.id), _LINK):
            if ids.key(str(table(other.properties.get("virtualNetwork")).get("id"))) == ids.key(network.id):
                raise ArmFault(
                    409,
                    "Conflict",
                    f"The virtual network '{network.id}' is linked to the zone already, by '{other.name}'.",
                )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Say that it is complete."""
        del cloud, old
        new.properties.setdefault("registrationEnabled", False)
        new.properties["virtualNetworkLinkState"] = "Completed"


class Records(Kind):
    """Addresses of a zone; those of private endpoints are written by their zone groups."""

    type = _RECORD
