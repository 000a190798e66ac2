"""The master key, looked at before anything is made."""

from __future__ import annotations

from collections.abc import Callable

from tenantry.adapters.master_key import read_master_key
from tenantry.adapters.register import SqlRegister
from tenantry.adapters.vault import FileVault
from tenantry.model.spec import Workspace

__all__ = ["check_master_key"]


def check_master_key(workspace: Workspace, register: SqlRegister, vault: Callable[[str], FileVault]) -> None:
    """Raise unless the master key is there and opens what it made: two keys must not be mixed."""
    read_master_key(workspace.master_key_file)
    for instance in register.instances():
        if instance.host == workspace.host_name:
            vault(instance.opaque).names()
            return
