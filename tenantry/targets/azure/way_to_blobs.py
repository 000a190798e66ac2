"""The way in to the blobs of an account: a network rule for one address, and a role for the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_blobs import AccountBlobs
from tenantry.model.azure_types import TYPES
from tenantry.ports import Lease
from tenantry.targets.azure.way_in import Way
from tenantry.targets.azure.way_to_vault import ToVault

__all__ = ["ToBlobs"]

_VERSION: Final = TYPES["azure-native:storage:StorageAccount"].version


class ToBlobs(Way):
    """To a storage account's blobs."""

    patience_seconds = 15 * 60.0  # a role takes up to ten minutes to come into force
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

    def allow(self, address: str) -> None:
        """See the base."""
        self._set("Enabled", address)

    def enter(self) -> None:
        """See the base."""
        assert self._blobs is not None
        self._blobs.containers()

    def close(self, lease: Lease) -> None:
        """See the base."""
        del lease  # no lock forbids it
        self._set("Disabled", "")

    def is_closed(self) -> bool:
        """See the base."""
        account = self.arm.get(self.id, _VERSION)
        if account is None:
            return True
        told = account.get("properties") or {}
        rules = (told.get("networkAcls") or {}).get("ipRules")
        return told.get("publicNetworkAccess") == "Disabled" and not rules

    def _set(self, public: str, address: str) -> None:
        rules = {
            "bypass": "None",
            "defaultAction": "Deny",
            "ipRules": [{"value": address, "action": "Allow"}] if address else [],
        }
        properties = {"publicNetworkAccess": public, "networkAcls": rules}
        self.arm.patch(self.id, _VERSION, {"properties": properties})
