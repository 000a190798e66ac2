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
    """Identity → Storage → Database and its backups → Workload, each after the one before.

    The folders' backups need the storage alone, and nothing waits for them.
    """

    def __init__(self, props: InstanceProps, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tenantry:host:Instance", "instance", None, opts)
        identity = Identity(props, opts=self._after())
        storage = Storage(props, opts=self._after(identity))
        backups = Backups(props, opts=self._after(storage))
        last: list[pulumi.Resource] = [storage]
        if Service.DATABASE in props.profile.services:
            # Not before its archive runs: what the workload writes can be restored from the first row on.
            last = [backups.of_database(props, Database(props, opts=self._after(storage)))]
        Workload(props, opts=self._after(*last))
        self.method = storage.method
        self.register_outputs({"encryption": self.method})

    def _after(self, *before: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(before))
