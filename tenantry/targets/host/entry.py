"""Entering an instance: a command as its user, in its environment, on this terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Any

from tenantry.components.host.props import InstanceProps
from tenantry.errors import UnavailableError

__all__ = ["execute"]


def execute(props: InstanceProps, command: Sequence[str]) -> int:
    """Run a command with standard input, output and error passed through; return its exit code.

    Raises:
        UnavailableError: there is no such program.
    """
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(props.layout.home(props.opaque)),
        "LC_ALL": "C.UTF-8",
        "TERM": os.environ.get("TERM", "dumb"),
        **props.environment,
    }
    as_user: dict[str, Any] = {"user": props.uid, "group": props.uid, "extra_groups": []}
    try:
        ran = subprocess.run(
            props.command(tuple(command)),
            env=environment,
            cwd=props.layout.home(props.opaque),
            check=False,
            umask=0o077,
            **(as_user if props.as_root else {}),
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"there is no program {command[0]}", code="missing-program") from error
    return ran.returncode if ran.returncode >= 0 else 128 - ran.returncode
