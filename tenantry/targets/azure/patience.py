"""What Azure says yes to and does a moment later: roles that come into force, and who sees them.

Microsoft tells of up to ten minutes for a role. Whoever needs it is refused until
then, and the same call succeeds later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import TenantryError, UnavailableError
from tenantry.model.azure_types import TYPES
from tenantry.ports import Event, Lease, OnEvent

__all__ = ["once_in_force", "references_resolved"]

_Found = TypeVar("_Found")
_PATIENCE_SECONDS: Final = 15 * 60.0
_POLL_SECONDS: Final = 3.0
# How services refuse an identity whose role is not in force, or that they have not heard of.
_NOT_YET: Final = (
    "ForbiddenByRbac",
    "KeyVaultAuthenticationFailure",
    "KeyVaultAccessForbidden",
    "AzureKeyVaultMissingPermissions",
    "PrincipalNotFound",
)
_SITES: Final = TYPES["azure-native:web:WebApp"].version


def once_in_force(act: Callable[[bool], _Found], *, lease: Lease, on_event: OnEvent) -> _Found:
    """Do something, again while a role is not in force that it needs.

    ``act`` is told whether it is the first time.

    Raises:
        TenantryError: what it raises, when the role does not come into force in time or for another reason.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    first = True
    while True:
        try:
            return act(first)
        except TenantryError as error:
            if not any(arm_code(error, code) for code in _NOT_YET) or time.monotonic() > deadline:
                raise
            on_event(Event(text="a role is not in force yet; Azure takes up to ten minutes: trying again"))
            lease.evidence(f"not in force yet: {error.message}")
        first = False
        lease.check()
        time.sleep(_POLL_SECONDS)


def references_resolved(arm: Arm, site: str, *, lease: Lease, on_event: OnEvent) -> None:
    """Wait until a site can read every secret that its settings refer to, and have it read them anew.

    Raises:
        UnavailableError: it cannot in time; the message names a setting and Azure's word for why.
    """
    references = f"{site}/config/configreferences/appsettings"
    deadline = time.monotonic() + _PATIENCE_SECONDS
    waited = False
    while unread := _unread(arm, references):
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"the site cannot read {len(unread)} of its secrets: {unread[0]}",
                hint="see the vault of the secrets and its role assignments; then run the same command again",
                code="secrets-unread",
            )
        if not waited:
            on_event(Event(text="waiting until the site may read its secrets"))
        waited = True
        lease.check()
        time.sleep(_POLL_SECONDS)
    if waited:
        arm.post(f"{references}/refresh", _SITES)
        lease.evidence("the site reads its secrets anew")


def _unread(arm: Arm, references: str) -> list[str]:
    listed = arm.list(references, _SITES)
    states = {one["name"]: str((one.get("properties") or {}).get("status")) for one in listed}
    return [f"{name}: {state}" for name, state in states.items() if state != "Resolved"]
