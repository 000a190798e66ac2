"""The states of an instance and the ways between them.

provisioning → active ⇄ suspended → closing → erasing → erased; a half-made
instance may go provisioning → erasing. Failure is a Condition, not a state.
"""

from __future__ import annotations

from enum import StrEnum

from tenantry.errors import RefusedError

__all__ = ["State", "check_transition"]


class State(StrEnum):
    """Where an instance is in its life."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSING = "closing"
    ERASING = "erasing"
    ERASED = "erased"


_WAYS: dict[State, frozenset[State]] = {
    State.PROVISIONING: frozenset({State.ACTIVE, State.ERASING}),
    State.ACTIVE: frozenset({State.SUSPENDED, State.CLOSING}),
    State.SUSPENDED: frozenset({State.ACTIVE, State.CLOSING}),
    State.CLOSING: frozenset({State.ACTIVE, State.SUSPENDED, State.ERASING}),
    State.ERASING: frozenset({State.ERASED}),
    State.ERASED: frozenset(),
}


def check_transition(name: str, old: State, new: State) -> None:
    """Raise RefusedError unless an instance may go from old to new (staying is fine)."""
    if old is new or new in _WAYS[old]:
        return
    allowed = ", ".join(sorted(_WAYS[old])) or "nothing"
    raise RefusedError(
        f"{name} is {old}; it cannot become {new}",
        hint=f"from {old} an instance can only become: {allowed}",
        code="illegal-transition",
    )
