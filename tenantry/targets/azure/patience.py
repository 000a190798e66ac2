"""What Azure says yes to and does a moment later, or refuses and takes a moment later.

Microsoft tells of up to ten minutes for a role. Whoever needs it is refused until
then, and the same call succeeds later. A lack of capacity, a conflict or a fault
of its own it calls passing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import FailedError, TenantryError, UnavailableError
from tenantry.model.azure_types import TYPES
from tenantry.ports import Event, Lease, OnEvent

__all__ = ["references_resolved", "until_it_passes"]

_Found = TypeVar("_Found")
_PATIENCE_SECONDS: Final = 15 * 60.0
_POLL_SECONDS: Final = 3.0
_SIGHT_SECONDS: Final = 60.0  # until every reader has heard of an assignment
# How services refuse an identity whose role is not in force, or that they have not heard of.
_NOT_YET: Final = (
    "ForbiddenByRbac",
    "KeyVaultAuthenticationFailure",
    "KeyVaultAccessForbidden",
    "AzureKeyVaultMissingPermissions",
    "PrincipalNotFound",
)
# What Microsoft calls passing, and how long we pause before each further try: minutes are its next run's.
_PASSING: Final = ("AllocationFailed", "AnotherOperationInProgress", "Conflict", "InternalServerError")
_PAUSES: Final = (3.0, 9.0)  # seconds
_HELD: Final = re.compile("already in use|deleted state", re.IGNORECASE)  # a name, for days
_SITES: Final = TYPES["azure-native:web:WebApp"].version


def until_it_passes(
    act: Callable[[bool], _Found],
    *,
    missing: Callable[[], Sequence[str]],
    lease: Lease,
    on_event: OnEvent,
) -> _Found:
    """Do something, again while a role is not in force that it needs, or after what often passes by itself.

    ``act`` is told whether it is the first time. ``missing`` looks for the assignments of roles that were
    made, and returns those that are not there: what nobody is given never comes into force.

    Raises:
        FailedError: a role that was given is given no more.
        TenantryError: what it raises, when that does not pass in time or is of another kind.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    pauses = list(_PAUSES)
    gone = _Gone(missing)
    first = True
    while True:
        try:
            return act(first)
        except TenantryError as error:
            if any(arm_code(error, code) for code in _NOT_YET) and time.monotonic() <= deadline:
                gone.refuse(error)
                pause = _POLL_SECONDS
                told = "a role is not in force yet; Azure takes up to ten minutes: trying again"
                lease.evidence(f"not in force yet: {error.message}")
            elif _often_passes(error) and pauses:
                pause = pauses.pop(0)
                told = f"Azure refused what often passes ({error.code}): trying again in {pause:.0f} s"
                lease.evidence(f"often passes: {error.message}")
            else:
                raise
            on_event(Event(text=told))
        first = False
        lease.check()
        time.sleep(pause)


class _Gone:
    """Tells assignments that are gone from those that a look does not show yet."""

    def __init__(self, missing: Callable[[], Sequence[str]]) -> None:
        self._missing = missing
        self._since: float | None = None  # when the first look in a row found some missing

    def refuse(self, error: TenantryError) -> None:
        """Raise FailedError when one has been missing for so long that it must be gone."""
        found = self._missing()
        if not found:
            self._since = None
            return
        if self._since is None:
            self._since = time.monotonic()
        if time.monotonic() - self._since >= _SIGHT_SECONDS:
            raise FailedError(
                f"{error.message}; the role assignment {found[0]} was made, and is not there any more",
                hint="run the same command again, which makes it anew; if it goes again, see in the activity "
                "log who deletes it",
                code="role-missing",
            )


def _often_passes(error: TenantryError) -> bool:
    """Say whether the same may be taken a moment later. A broken service was asked several times already."""
    kept = _HELD.search(error.message) is not None
    return (
        any(arm_code(error, code) for code in _PASSING)
        and not kept
        and not isinstance(error, UnavailableError)
    )


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
