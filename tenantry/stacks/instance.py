"""The Pulumi programs of instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tenantry.components.azure.props import AzureProps
from tenantry.components.host.props import InstanceProps

if TYPE_CHECKING:  # pulumi is slow to import
    from pulumi import ResourceTransformationArgs, ResourceTransformationResult

__all__ = ["azure_program", "host_program"]


def host_program(props: InstanceProps) -> Callable[[], None]:
    """Return the program of one instance on a host."""

    def program() -> None:
        import pulumi

        from tenantry.components.host.instance import HostInstance

        instance = HostInstance(props)
        pulumi.export("encryption", instance.method)

    return program


def azure_program(props: AzureProps) -> Callable[[], None]:
    """Return the program of one instance on Azure."""

    def program() -> None:
        import pulumi

        from tenantry.components.azure.instance import AzureInstance

        pulumi.runtime.register_stack_transformation(_without_aliases)
        instance = AzureInstance(props)
        pulumi.export("resource_group_id", instance.group.id)
        pulumi.export("site_id", instance.workload.site.id)
        pulumi.export("key_id", instance.credentials.key.key_uri_with_version)

    return program


def _without_aliases(args: ResourceTransformationArgs) -> ResourceTransformationResult:
    """Leave out the names that a type has in other API versions: eighteen a resource, a fifth of a preview.

    They only matter to a stack that was made with such a type; ours never are.
    """
    import pulumi

    args.opts.aliases = []
    return pulumi.ResourceTransformationResult(args.props, args.opts)
