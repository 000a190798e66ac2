"""Services that have an HTTPS face of their own beside Resource Manager: vaults."""

from __future__ import annotations

from collections.abc import Callable

from tenantry.sandbox.kinds import Kind
from tenantry.sandbox.planes.vaults import VaultKeys, Vaults, VaultSecrets

__all__ = ["kinds"]


def kinds(issue: Callable[[list[str]], tuple[bytes, bytes]]) -> list[Kind]:
    """Return the kinds."""
    del issue
    return [Vaults(), VaultKeys(), VaultSecrets()]
