"""The way in to a service that network rules close: a rule for one address, and a role for the time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tenantry.ports import Lease
from tenantry.targets.azure.way_in import Way

__all__ = ["ByNetworkRule"]


class ByNetworkRule(Way):
    """What vaults and storage accounts have in common."""

    version = ""  # of Resource Manager's API
    bypass = "None"  # which of Azure's own services the rules do not hold for
    patience_seconds = 15 * 60.0  # a role takes up to ten minutes to come into force

    @abstractmethod
    def rule(self, address: str) -> dict[str, Any]:
        """Return the rule that lets an address in, as the service writes it."""

    def allow(self, address: str) -> None:
        """See the base."""
        self._set("Enabled", [self.rule(address)] if address else [])

    def closing(self, lease: Lease) -> Sequence[Callable[[], object]]:
        """See the base."""
        del lease  # no lock forbids it
        return [partial(self._set, "Disabled", [])]

    def is_closed(self) -> bool:
        """See the base."""
        found = self.arm.get(self.id, self.version)
        if found is None:
            return True
        told = found.get("properties") or {}
        rules = (told.get("networkAcls") or {}).get("ipRules")
        return told.get("publicNetworkAccess") == "Disabled" and not rules

    def _set(self, public: str, rules: list[dict[str, Any]]) -> None:
        acls = {"bypass": self.bypass, "defaultAction": "Deny", "ipRules": rules}
        properties = {"publicNetworkAccess": public, "networkAcls": acls}
        self.arm.patch(self.id, self.version, {"properties": properties})
