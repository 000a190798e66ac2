"""Any resource of the tenantry-host package, for programs.

    cluster = resource("Cluster", "db", {"folder": path}, outputs=("port",))
    pulumi.export("port", cluster.output("port"))

There is no generated SDK: what a type takes and gives is said by its handler,
which checks it. Names are those of the state, in camelCase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from tenantry.errors import DefectError
from tenantry.providers.host.identity import VERSION, token

__all__ = ["HostResource", "resource"]


class HostResource(pulumi.CustomResource):
    """One resource of the tenantry-host package."""

    def __init__(
        self,
        kind: str,
        name: str,
        props: Mapping[str, pulumi.Input[Any]],
        opts: pulumi.ResourceOptions | None = None,
        *,
        outputs: Sequence[str] = (),
    ) -> None:
        pinned = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(version=VERSION))
        self._names = frozenset(props) | frozenset(outputs)
        super().__init__(token(kind), name, {**dict.fromkeys(outputs), **props}, pinned)

    def output(self, name: str) -> pulumi.Output[Any]:
        """Return an input or a declared output, as it will be.

        Whole numbers are int: the engine has only floating ones.

        Raises:
            DefectError: the name was not declared.
        """
        if name not in self._names:
            raise DefectError(f"{type(self).__name__} declares no output {name}")
        value: pulumi.Output[Any] = self.__dict__[name]
        return value.apply(_whole)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def resource(
    kind: str,
    name: str,
    props: Mapping[str, pulumi.Input[Any]],
    opts: pulumi.ResourceOptions | None = None,
    *,
    outputs: Sequence[str] = (),
) -> HostResource:
    """Declare a resource.

    Args:
        kind: its type, "Cluster".
        name: its logical name, unique in the stack for its type.
        props: its inputs; None values are left out.
        opts: parent and the like; the version is ours.
        outputs: names of outputs beside the inputs that the program reads.
    """
    return HostResource(kind, name, props, opts, outputs=outputs)
