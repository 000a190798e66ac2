"""The Pulumi programs of instances."""

from __future__ import annotations

from collections.abc import Callable

from tenantry.components.host.props import InstanceProps

__all__ = ["host_program"]


def host_program(props: InstanceProps) -> Callable[[], None]:
    """Return the program of one instance on a host."""

    def program() -> None:
        import pulumi

        from tenantry.components.host.instance import HostInstance

        instance = HostInstance(props)
        pulumi.export("encryption", instance.method)

    return program
