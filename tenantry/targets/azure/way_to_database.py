"""The way in to a database server: a firewall rule for one address; its logins are its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES
from tenantry.ports import Lease
from tenantry.targets.azure import locks
from tenantry.targets.azure.database import Door
from tenantry.targets.azure.way_in import Way

__all__ = ["ToDatabase", "why_open"]

_RULE: Final = "tenantry-operator"
_VERSION: Final = TYPES["azure-native:dbforpostgresql:Server"].version
_ADDRESS: Final = re.compile(r'no pg_hba\.conf entry for host "([0-9.]+)"')


class ToDatabase(Way):
    """To a flexible server."""

    remedy = "see that this machine may reach port 5432 outside; then run the same command again"

    def __init__(self, arm: Arm, server_id: str, door: Door | None = None) -> None:
        """``door`` is where to enter; it is not needed to close, or to look."""
        super().__init__(arm, server_id)
        self._door = door
        self._rule = f"{server_id}/firewallRules/{_RULE}"
        self._ruled = False

    def allow(self, address: str) -> None:
        """See the base."""
        if not address:
            self._set_public_access("Enabled")
            return
        ends = {"startIpAddress": address, "endIpAddress": address}
        self.arm.put(self._rule, _VERSION, {"properties": ends})
        self._ruled = True

    def address(self) -> str:
        """See the base."""
        try:
            self.enter()
        except TenantryError as error:
            if found := _ADDRESS.search(error.message):
                return found[1]
            raise
        return ""

    def enter(self) -> None:
        """See the base."""
        assert self._door is not None
        with self._door.open(timeout=10):
            pass

    def refuses(self, error: TenantryError) -> bool:
        """See the base."""
        return _ADDRESS.search(error.message) is not None

    def closing(self, lease: Lease) -> Sequence[Callable[[], object]]:
        """See the base."""
        return [partial(self._set_public_access, "Disabled"), partial(self._delete_rule, lease)]

    def is_closed(self) -> bool:
        """See the base. Somebody else's rule lets nobody in without public access, and is not ours."""
        server = self.arm.get(self.id, _VERSION)
        if server is None:
            return True
        return _public_access(server) == "Disabled" and self.arm.get(self._rule, _VERSION) is None

    def _delete_rule(self, lease: Lease) -> None:
        """Delete our rule. A delete lock forbids that, too: our own is lifted, and put back."""
        # If we made none, it may have let us in by one that a killed run left.
        if self._ruled or self.arm.get(self._rule, _VERSION) is not None:
            locks.delete_part(self.arm, self._rule, _VERSION, of=self.id, lease=lease)

    def _set_public_access(self, value: str) -> None:
        self.arm.patch(self.id, _VERSION, {"properties": {"network": {"publicNetworkAccess": value}}})


def why_open(arm: Reads, server_id: str) -> str:
    """Return by what a server lets addresses in, or will when its public access is on; "": by nothing."""
    server = arm.get(server_id, _VERSION)
    if server is None:
        return ""
    rules = ", ".join(str(one["name"]) for one in arm.list(f"{server_id}/firewallRules", _VERSION))
    if (public := _public_access(server)) != "Disabled":
        among = f", and has the firewall rules {rules}" if rules else ""
        return f"lets addresses outside of its network in: its public access is {public}{among}"
    return (
        f"has firewall rules, which let addresses in whenever its public access is on: {rules}"
        if rules
        else ""
    )


def _public_access(server: Mapping[str, Any]) -> str:
    network = server.get("properties", {}).get("network") or {}
    return str(network.get("publicNetworkAccess"))
