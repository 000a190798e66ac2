"""The way in to the blobs of an account: a network rule for one address, and a role for the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_blobs import AccountBlobs
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES
from tenantry.targets.azure.way_by_rule import ByNetworkRule
from tenantry.targets.azure.way_in import Way
from tenantry.targets.azure.way_to_vault import ToVault

__all__ = ["ToBlobs"]


class ToBlobs(ByNetworkRule):
    """To a storage account's blobs."""

    version = TYPES["azure-native:storage:StorageAccount"].version
    pauses: Sequence[float] = (2.0, 5.0, 10.0)
    remedy = (
        "see that this machine may reach port 443 outside, and that it is no machine of Azure in the "
        "account's own region, which storage knows by another address; then run the same command again"
    )

    def __init__(
        self, arm: Arm, account_id: str, blobs: AccountBlobs | None = None, *, vault: ToVault, role: str = ""
    ) -> None:
        """``blobs`` and ``role`` are for whoever enters; they are not needed to close, or to look."""
        super().__init__(arm, account_id)
        self._blobs, self._vault, self.role = blobs, vault, role

    @property
    def asked(self) -> Way:
        """See the base: storage does not name the address that it refuses, and the instance's vault does."""
        return self._vault

    def rule(self, address: str) -> dict[str, Any]:
        """See the base."""
        return {"value": address, "action": "Allow"}

    def enter(self) -> None:
        """See the base."""
        assert self._blobs is not None
        self._blobs.containers()

    def refuses(self, error: TenantryError) -> bool:
        """See the base."""
        return error.code == "blobs-refused" and error.message.endswith(": AuthorizationFailure")
