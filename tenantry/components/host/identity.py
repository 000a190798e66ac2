"""Who an instance is on a host, and what fences it in.

A Unix user of its own, a folder on tmpfs for secrets and sockets, limits, and
a guard over its private ports: loopback is shared by all users of a machine.

Not done here: what a kernel without cgroups or a run without root cannot do is
left out, and the observed facts say so.
"""

from __future__ import annotations

from typing import Any

import pulumi

from tenantry.components.host.props import InstanceProps
from tenantry.components.host.resource import HostResource

__all__ = ["Identity"]

_PIDS = 512  # processes and threads of one instance


class Identity(pulumi.ComponentResource):
    """The Unix user of an instance, its folder on tmpfs, its limits and its guard."""

    def __init__(self, props: InstanceProps, *, opts: pulumi.ResourceOptions) -> None:
        super().__init__("tenantry:host:Identity", "identity", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        after: list[pulumi.Resource] = []
        if props.as_root:
            account = {"name": props.opaque, "uid": props.uid, "home": str(props.layout.home(props.opaque))}
            after.append(HostResource("Account", "account", account, mine))
        owned = pulumi.ResourceOptions(parent=self, depends_on=after)
        private = HostResource("Folder", "private", _folder(props, props.layout.private(props.opaque)), owned)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[private])
        HostResource("Folder", "sockets", _folder(props, props.layout.sockets(props.opaque)), inside)
        limits = props.spec.limits
        HostResource(
            "Limits",
            "limits",
            {
                "opaque": props.opaque,
                "memoryMib": limits.memory_mib,
                "cpuPercent": limits.cpu_percent,
                "pids": _PIDS,
            },
            mine,
        )
        if props.as_root:
            HostResource("Guard", "guard", {"opaque": props.opaque, "rules": _rules(props)}, mine)
        self.register_outputs({})


def _folder(props: InstanceProps, path: object) -> dict[str, Any]:
    return {"path": str(path), "uid": props.uid, "mode": 0o700}


def _rules(props: InstanceProps) -> list[dict[str, Any]]:
    """The database is for the instance alone, a process's port for the proxy too."""
    return [
        {
            "port": port,
            "uids": [props.uid] if name == "database" else sorted({props.uid, props.proxy_uid or 0}),
        }
        for name, port in sorted(props.ports.items())
    ]
