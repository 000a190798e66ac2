"""Delete locks on what holds data. Erasure lifts them one by one, and journals it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_azure_native import authorization

from tenantry.model.azure_names import LOCK

__all__ = ["Locks"]


class Locks(pulumi.ComponentResource):
    """One lock per resource that holds data."""

    def __init__(self, locked: Mapping[str, pulumi.Input[str]], *, opts: pulumi.ResourceOptions) -> None:
        """``locked`` has the id of each resource, by a name."""
        super().__init__("tenantry:azure:Guard", "guard", None, opts)  # the name in the state stays
        for name, resource_id in locked.items():
            authorization.ManagementLockByScope(
                f"lock-{name}",
                scope=resource_id,
                lock_name=LOCK,
                level=authorization.LockLevel.CAN_NOT_DELETE,
                notes="It holds a client's data. To erase an instance: tenantry erase run NAME",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
