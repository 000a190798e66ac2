"""Entering an instance: a command as its user, in its environment, on this terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.components.host.props import InstanceProps
from tenantry.targets import terminal

__all__ = ["execute"]


def execute(props: InstanceProps, command: Sequence[str]) -> int:
    """Run a command with standard input, output and error passed through; return its exit code.

    Raises:
        UnavailableError: there is no such program.
    """
    home = props.layout.home(props.opaque)
    return terminal.run(
        props.command(tuple(command)),
        environment={**terminal.base_environment(str(home)), **props.environment},
        folder=home,
        uid=props.uid if props.as_root else None,
    )
