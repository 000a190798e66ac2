"""The one private way in: the operator's own address, allowed for an operation and withdrawn (ADR 0015).

The server tells the address that it sees when it refuses it; nothing else is
asked for it. What was opened is closed in any case, and looked at afterwards;
what a killed run left open is closed by the next one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.errors import FailedError, TenantryError, UnavailableError
from tenantry.model.azure_types import TYPES
from tenantry.ports import Event, Lease, OnEvent
from tenantry.targets.azure import locks
from tenantry.targets.azure.database import Door

__all__ = ["is_closed", "opened", "shut"]

_RULE: Final = "tenantry-operator"
_VERSION: Final = TYPES["azure-native:dbforpostgresql:Server"].version
_PATIENCE_SECONDS: Final = 180.0
_ADDRESS: Final = re.compile(r'no pg_hba\.conf entry for host "([0-9.]+)"')


@contextmanager
def opened(arm: Arm, server_id: str, door: Door, lease: Lease, on_event: OnEvent) -> Iterator[None]:
    """Let this machine reach a server for as long as the block runs.

    Of locks the instance's own alone is ever lifted.

    Raises:
        UnavailableError: the address is not learned, or the server does not let it in.
        FailedError: somebody else's lock would forbid to close it again; nothing was opened then.
            Or afterwards it is still open.
    """
    locks.refuse_locked(arm, server_id)  # it would forbid to close it again
    lease.intent(f"way in: allow the operator's address at {server_id.rpartition('/')[2]}")
    on_event(Event(text="opening the private way in for this machine"))
    address = ""
    try:
        _enable(arm, server_id)
        address = _learned(door)
        if address:
            ends = {"startIpAddress": address, "endIpAddress": address}
            arm.put(f"{server_id}/firewallRules/{_RULE}", _VERSION, {"properties": ends})
            lease.evidence("way in: one address is allowed")
            _wait_until_let_in(door)
        yield
    finally:
        on_event(Event(text="closing the private way in"))
        # Not after a look: it may still show what was before this opened it.
        _disable(arm, server_id)
        # Without an address it let us in already: by a rule that a killed run left, perhaps.
        if address or arm.get(f"{server_id}/firewallRules/{_RULE}", _VERSION) is not None:
            _delete_rule(arm, server_id, lease)
        _see_that_it_is_closed(arm, server_id)
        lease.evidence("way in: withdrawn, and seen to be closed")


def shut(arm: Arm, server_id: str, lease: Lease) -> None:
    """Withdraw what an operation allowed, and look that it is so. A server that is gone is closed."""
    if is_closed(arm, server_id):
        return
    server = arm.get(server_id, _VERSION)
    if server is not None and _public_access(server) != "Disabled":
        _disable(arm, server_id)
    if arm.get(f"{server_id}/firewallRules/{_RULE}", _VERSION) is not None:
        _delete_rule(arm, server_id, lease)
    _see_that_it_is_closed(arm, server_id)


def _see_that_it_is_closed(arm: Arm, server_id: str) -> None:
    """Look until it is seen to be closed: a look may show what was a moment ago."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_closed(arm, server_id):
        if time.monotonic() < deadline:
            time.sleep(1)
            continue
        raise FailedError(
            f"the private way into {server_id.rpartition('/')[2]} is still open",
            hint="run the same command again; in the portal: public access of the server must be off",
            code="way-in-open",
        )


def is_closed(arm: Reads, server_id: str) -> bool:
    """Say whether a server has no public access and no rule that lets somebody in."""
    server = arm.get(server_id, _VERSION)
    if server is None:
        return True
    rules = arm.list(f"{server_id}/firewallRules", _VERSION)
    return _public_access(server) == "Disabled" and not rules


def _delete_rule(arm: Arm, server_id: str, lease: Lease) -> None:
    """Delete the rule. A delete lock of the server forbids that, too: our own is lifted, and put back."""
    locks.delete_part(arm, f"{server_id}/firewallRules/{_RULE}", _VERSION, of=server_id, lease=lease)


def _public_access(server: Mapping[str, Any]) -> str:
    network = server.get("properties", {}).get("network") or {}
    return str(network.get("publicNetworkAccess"))


def _enable(arm: Arm, server_id: str) -> None:
    arm.patch(server_id, _VERSION, {"properties": {"network": {"publicNetworkAccess": "Enabled"}}})


def _disable(arm: Arm, server_id: str) -> None:
    arm.patch(server_id, _VERSION, {"properties": {"network": {"publicNetworkAccess": "Disabled"}}})


def _learned(door: Door) -> str:
    """Return the address that the server sees and refuses; "" if it lets us in already."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with door.open(timeout=10):
                return ""
        except TenantryError as error:
            found = _ADDRESS.search(error.message)
            if found:
                return found[1]
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the server {door.host} does not say which address it sees: {error.message}",
                    hint="see that this machine may reach port 5432 outside",
                    code="no-way-in",
                ) from None
        time.sleep(1)


def _wait_until_let_in(door: Door) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with door.open(timeout=10):
                return
        except TenantryError as error:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the server {door.host} does not let this machine in: {error.message}",
                    hint="run the same command again",
                    code="no-way-in",
                ) from None
        time.sleep(0.5)
