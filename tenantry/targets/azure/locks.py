"""Locks: an instance's own are lifted where a step must; somebody else's stops what it would forbid.

A lock is the instance's own by its id: one of tenantry's name, on something in the
instance's group. The engine's state would not do: a create that was cut off is in none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import FailedError, Problem, TenantryError, UnavailableError
from tenantry.model.azure_names import LOCK
from tenantry.model.azure_types import TYPES, lies_in, subscription_of
from tenantry.ports import Lease

__all__ = [
    "VERSION",
    "at_and_below",
    "delete_part",
    "is_own",
    "others",
    "refuse_foreign",
    "refuse_locked",
    "until_let_go",
]

_KIND: Final = TYPES["azure-native:authorization:ManagementLockByScope"]
VERSION: Final = _KIND.version
_Found = TypeVar("_Found")
_PATIENCE_SECONDS: Final = 180.0


def _at_and_above(arm: Arm, resource: str) -> Sequence[dict[str, Any]]:
    """Return the locks that hold at a resource: its own, and those of its group and subscription."""
    return [one for one in _listed(arm, resource) if lies_in(resource, _scope(one))]


def at_and_below(arm: Arm, group: str) -> Sequence[dict[str, Any]]:
    """Return the locks that forbid to delete a group with all that is in it, those above it too."""
    listed = [(one, _scope(one)) for one in _listed(arm, group)]
    return [one for one, scope in listed if lies_in(group, scope) or lies_in(scope, group)]


def is_own(lock: dict[str, Any], group: str) -> bool:
    """Say whether a lock is the one that the instance of a resource group has on one of its resources."""
    named = str(lock["id"]).lower().endswith(f"/locks/{LOCK}")
    return named and lies_in(_scope(lock), f"{group}/providers")


def refuse_foreign(found: Sequence[dict[str, Any]], group: str) -> None:
    """Refuse if one of these locks is not the own one of the instance that lives in a resource group.

    Raises:
        FailedError: somebody else's lock, named.
    """
    stopping = others(found, group)
    if stopping:
        raise FailedError(problems=[*stopping.values()], code="scope-locked")


def others(found: Sequence[dict[str, Any]], group: str) -> Mapping[str, Problem]:
    """Return why to stop at those locks that are not a group's instance's own, by their ids."""
    return {
        str(one["id"]): Problem(
            code="scope-locked",
            message=f"somebody else locked it: {one['id']}",
            hint="see who did and why; remove the lock only if its owner agrees",
        )
        for one in found
        if not is_own(one, group)
    }


def refuse_locked(arm: Arm, resource: str) -> None:
    """Refuse what somebody else's lock at a resource or above it would forbid.

    Raises:
        FailedError: there is such a lock; it is named.
    """
    refuse_foreign(_at_and_above(arm, resource), _group(resource))


def until_let_go(act: Callable[[], _Found], look: Callable[[], None]) -> _Found:
    """Do what a lock forbids that was lifted: Resource Manager may go on holding it for some seconds.

    Args:
        act: is done again as long as it is refused for a lock.
        look: called after each refusal; raises where it is another lock.

    Raises:
        UnavailableError: it is refused for long, and no other lock is there.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return act()
        except TenantryError as error:
            if not arm_code(error, "ScopeLocked"):
                raise
            look()
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"Azure still holds a lock that was lifted: {error.message}",
                    hint="run the same command again later",
                    code="lock-lingers",
                ) from None
        time.sleep(1)


@contextmanager
def _lifted(arm: Arm, resource: str, lease: Lease) -> Iterator[Callable[[], None]]:
    """Lift the instance's own locks of a resource for as long as the block runs; put them back anyhow.

    What the block gets lifts those that a list shows only later.
    """
    here, lifted = resource.lower(), dict[str, dict[str, Any]]()

    def lift() -> None:
        for lock in _listed(arm, resource):
            key = str(lock["id"]).lower()
            if key in lifted or _scope(lock) != here or not is_own(lock, _group(resource)):
                continue
            lease.intent(f"lift the lock {lock['name']} of {resource.rpartition('/')[2]} for a moment")
            lifted[key] = lock
            arm.delete(lock["id"], VERSION)

    try:
        lift()
        yield lift
    finally:
        for lock in lifted.values():
            kept = {key: lock["properties"][key] for key in ("level", "notes") if key in lock["properties"]}
            arm.put(lock["id"], VERSION, {"properties": kept})
            lease.evidence(f"the lock {lock['name']} is back")


def delete_part(arm: Arm, part: str, version: str, *, of: str, lease: Lease) -> None:
    """Delete what lies in a resource. The instance's own lock forbids that, and is lifted meanwhile.

    A lock that was just made holds before a list shows it.

    Raises:
        FailedError: somebody else locked it.
        UnavailableError: Resource Manager goes on holding our lock.
    """
    with _lifted(arm, of, lease) as lift_more:

        def look() -> None:
            refuse_locked(arm, of)
            lift_more()

        until_let_go(partial(arm.delete, part, version), look)


def _group(resource: str) -> str:
    return resource.partition("/providers/")[0]


def _listed(arm: Arm, resource: str) -> Sequence[dict[str, Any]]:
    """Return all of the subscription's: what is listed at a resource need not have those above it."""
    subscription = subscription_of(resource)
    return arm.list(f"{subscription}/providers/{_KIND.arm_type}", VERSION)


def _scope(lock: dict[str, Any]) -> str:
    """Return what is locked, in lower case."""
    return str(lock["id"]).lower().rpartition(f"/providers/{_KIND.arm_type.lower()}/")[0]
