"""What one resource type of a provider of ours does.

``tenantry.providers.base`` speaks gRPC with the engine and calls a Handler. A
handler is idempotent: ``create`` adopts what an interrupted run already made,
``delete`` of what is gone is done. ``read`` says what is really there in terms
of the inputs, so that a difference between them is drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from tenantry.errors import FailedError

__all__ = ["Handler", "Inputs", "Observed", "PartialError", "check_known"]

Inputs = Mapping[str, Any]  # camelCase keys, as in the engine's state; JSON values


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What a look at the real thing gave.

    ``inputs`` has the same keys as the resource's inputs, with what is really
    there; a key that cannot be observed (a secret that is only stored hashed)
    repeats the old value. ``outputs`` are further facts.
    """

    inputs: dict[str, Any]
    outputs: dict[str, Any]


class PartialError(FailedError):
    """``create`` or ``update`` made the thing, but it does not work yet.

    The engine keeps it in the state with this id and calls ``update`` the next time.
    """

    default_code = "half-made"

    def __init__(
        self, message: str, *, resource_id: str, outputs: Mapping[str, Any], hint: str = "", code: str = ""
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.resource_id = resource_id
        self.outputs = outputs


class Handler(Protocol):
    """One resource type. All methods may raise TenantryError; the engine shows its message."""

    type: ClassVar[str]  # "Account"; the token is tenantry-host:index:Account
    holds_data: ClassVar[bool]  # deleting it needs an open erasure in the register
    replace_on: ClassVar[frozenset[str]]  # inputs whose change cannot be made in place
    secret_inputs: ClassVar[frozenset[str]]  # marked secret in state and never told

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs; values may be unknown and then are left out."""
        ...

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make it, or adopt it; return the id and the outputs beside the inputs."""
        ...

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at it. None: it is not there (never said of what holds data: raise instead)."""
        ...

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Change it in place; return the outputs beside the inputs."""
        ...

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Remove it and look that it is gone.

        The id is "" when ``create`` was interrupted before it could be recorded: whatever
        the inputs name is removed, finished or not.
        """
        ...


def check_known(inputs: Inputs, required: Sequence[str]) -> list[tuple[str, str]]:
    """Return a failure for each required input that is missing."""
    return [(key, "is required") for key in required if key not in inputs]
