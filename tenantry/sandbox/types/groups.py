"""Resource groups."""

from __future__ import annotations

import re

from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource

__all__ = ["ResourceGroups"]

_NAME = re.compile(r"^[-\w.()]{0,89}[-\w()]$")


class ResourceGroups(Kind):
    """Their members are deleted by Resource Manager itself."""

    type = "Microsoft.Resources/resourceGroups"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a name that Azure refuses, and a group that is going away."""
        del cloud
        if not _NAME.match(new.name):
            raise ArmFault(400, "InvalidResourceGroup", f"The name '{new.name}' of the group is not valid.")
        if old is not None and old.properties.get("provisioningState") == "Deleting":
            raise ArmFault(
                409,
                "ResourceGroupBeingDeleted",
                f"The resource group '{new.name}' is in "
                "deprovisioning state and cannot perform this operation.",
            )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Keep the body; a group has no properties of its own."""
        del cloud, old
        new.body["properties"] = {"provisioningState": "Succeeded"}

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Nothing is left to do: the members went before."""
