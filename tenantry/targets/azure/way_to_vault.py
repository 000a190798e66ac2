"""The way in to the vault of the secrets: a network rule for one address, and a role for the time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES
from tenantry.targets.azure.lent_roles import SECRETS_OFFICER
from tenantry.targets.azure.way_by_rule import ByNetworkRule

__all__ = ["OBJECTS", "ToVault"]

OBJECTS: Final = "7.4"  # API version of a vault's objects
_ADDRESS: Final = re.compile(r"Client address: ([0-9.]+)")


class ToVault(ByNetworkRule):
    """To a vault's secrets."""

    role = SECRETS_OFFICER
    version = TYPES["azure-native:keyvault:Vault"].version
    bypass = "AzureServices"
    # Every try is a denied access, and more than five in five minutes raise the alert for these.
    pauses: Sequence[float] = (10.0, 120.0, 180.0)
    remedy = "see that this machine may reach port 443 outside; then run the same command again"

    def __init__(self, arm: Arm, vault_id: str, objects: Arm) -> None:
        """``objects`` is the client of the vault itself."""
        super().__init__(arm, vault_id)
        self.objects = objects

    def rule(self, address: str) -> dict[str, Any]:
        """See the base."""
        return {"value": address}

    def address(self) -> str:
        """See the base. Whether we have a role is asked after where we come from."""
        try:
            self.enter()
        except TenantryError as error:
            found = _ADDRESS.search(error.message)
            if arm_code(error, "ForbiddenByFirewall") and found:
                return found[1]
            if not arm_code(error, "ForbiddenByRbac"):
                raise
        return ""

    def enter(self) -> None:
        """See the base."""
        self.objects.get("/secrets", OBJECTS, maxresults="1")

    def refuses(self, error: TenantryError) -> bool:
        """See the base."""
        return arm_code(error, "ForbiddenByFirewall") or arm_code(error, "ForbiddenByConnection")
