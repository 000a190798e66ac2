"""The Pulumi programs of instances."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING

from tenantry.components.azure.props import AzureProps
from tenantry.components.azure.tokens import DATA_TOKENS
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
    """Return the program of one instance on Azure. What it is made of is loaded from now on, beside."""
    loading = _loading()

    def program() -> None:
        loading.result()
        import pulumi

        from tenantry.components.azure.instance import AzureInstance

        pulumi.runtime.register_stack_transformation(_as_ours)
        instance = AzureInstance(props)
        pulumi.export("resource_group_id", instance.group.id)
        pulumi.export("site_id", instance.workload.site.id)
        pulumi.export("key_id", instance.credentials.key.key_uri_with_version)

    return program


@functools.cache
def _loading() -> Future[None]:
    """Start to import the components: a second's work, which the engine's start hides.

    What others import meanwhile is imported before: modules of pulumi and of grpc import each
    other in circles, and two threads that enter a circle at different places each get a module
    that is half made (ImportError).
    """
    import pulumi  # noqa: F401 - for what it imports, grpc too

    beside = ThreadPoolExecutor(1, thread_name_prefix="loading")
    try:
        return beside.submit(_load)
    finally:
        beside.shutdown(wait=False)


def _load() -> None:
    import tenantry.components.azure.instance  # noqa: F401 - for what it imports

    for name in [name for name in sys.modules if name.startswith("tenantry.components.azure.")]:
        for used in vars(sys.modules[name]).values():
            if isinstance(used, ModuleType):
                hasattr(used, "__all__")  # a part of pulumi-azure-native is read when first asked


def _as_ours(args: ResourceTransformationArgs) -> ResourceTransformationResult:
    """Protect what holds client data, so that the engine's own commands do not delete it either.

    And leave out the names that a type has in other API versions: eighteen a resource, a fifth of a
    preview. They only matter to a stack that was made with such a type; ours never are.
    """
    import pulumi

    args.opts.protect = args.type_ in DATA_TOKENS  # said of each: a child would have it from its parent
    args.opts.aliases = []
    return pulumi.ResourceTransformationResult(args.props, args.opts)
