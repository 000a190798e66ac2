"""Services that have an HTTPS face of their own beside Resource Manager: vaults, storage accounts."""

from __future__ import annotations

from collections.abc import Callable

from tenantry.sandbox.kinds import Kind
from tenantry.sandbox.planes.storage import StorageAccounts
from tenantry.sandbox.planes.storage_containers import BlobServices, Containers
from tenantry.sandbox.planes.vaults import VaultKeys, Vaults, VaultSecrets

__all__ = ["kinds"]


def kinds(issue: Callable[[list[str]], tuple[bytes, bytes]]) -> list[Kind]:
    """Return the kinds."""
    del issue
    accounts = StorageAccounts()
    storage = [accounts, BlobServices(), Containers(accounts)]
    return [Vaults(), VaultKeys(), VaultSecrets(), *storage]
