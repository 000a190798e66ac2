"""An isolated instance on a host: all that it consists of."""

from __future__ import annotations

import pulumi

from tenantry.components.host.backups import Backups
from tenantry.components.host.database import Database
from tenantry.components.host.identity import Identity
from tenantry.components.host.props import InstanceProps
from tenantry.components.host.storage import Storage
from tenantry.components.host.workload import Workload
from tenantry.model.profile import Service

__all__ = ["HostInstance"]


class HostInstance(pulumi.ComponentResource):
    """Identity → Storage → Database → Backups → Workload, each after the one before."""

    def __init__(self, props: InstanceProps, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tenantry:host:Instance", "instance", None, opts)
        identity = Identity(props, opts=self._after())
        storage = Storage(props, opts=self._after(identity))
        last: pulumi.Resource = storage
        if Service.DATABASE in props.profile.services:
            last = Database(props, opts=self._after(storage))
        backups = Backups(props, opts=self._after(last))
        Workload(props, opts=self._after(backups))
        self.method = storage.method
        self.register_outputs({"encryption": self.method})

    def _after(self, *before: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(before))
