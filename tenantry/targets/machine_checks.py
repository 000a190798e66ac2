"""What is looked at on this machine before anything is made, wherever the instance is to live."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tenantry.adapters.master_key import read_master_key
from tenantry.adapters.register import SqlRegister
from tenantry.adapters.vault import FileVault
from tenantry.errors import UnavailableError
from tenantry.model.spec import Workspace

__all__ = ["check_master_key", "check_room"]

_MIB: Final = 1024 * 1024


def check_master_key(workspace: Workspace, register: SqlRegister, vault: Callable[[str], FileVault]) -> None:
    """Raise unless the master key is there and opens what it made: two keys must not be mixed."""
    read_master_key(workspace.master_key_file)
    for instance in register.instances():
        if instance.host == workspace.host_name:
            vault(instance.opaque).names()
            return


def check_room(root: Path, *, least_mib: int, hint: str) -> None:
    """Raise UnavailableError if the disk of a folder has less room than even an empty instance takes.

    The image of a volume takes room only as it fills. On a full disk it would
    break within, as a disk that fails, and say nothing of room. An engine that
    cannot write its state loses what it made.
    """
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(there).free // _MIB
    if free < least_mib:
        raise UnavailableError(
            f"there is no room for an instance on the disk of {root}: {free} MiB are free, "
            f"and {least_mib} MiB are needed to begin with",
            hint=hint,
            code="disk-full",
        )
