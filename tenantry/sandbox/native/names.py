"""What a program leaves out and the provider adds: names and regions.

As the real one: a resource in a group, or of its own, is named after the program's
name and eight digits out of the engine's seed, a role's assignment by a UUID, a
part of another resource as the program has it. What has no region is made in its
group's. Not here: a region in the provider's settings.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import Final

from tenantry.model.azure_types import TYPES, Scope
from tenantry.sandbox.styles import style_of

__all__ = ["automatic_name", "has_region", "name_input"]

_ROLE_ASSIGNMENT: Final = "azure-native:authorization:RoleAssignment"
_DIGITS: Final = 8


def name_input(token: str) -> str:
    """Return the input that holds a resource's own name, "" if it has none to choose."""
    last = TYPES[token].names[-1]
    return "" if last.startswith("=") else last


def automatic_name(token: str, name: str, seed: bytes) -> tuple[str, bool]:
    """Return the name of a resource that has none, and whether it is another one each time.

    The same seed gives the same name; without one it is random.
    """
    if len(TYPES[token].names) > 1:
        return name, False
    digits = hashlib.sha256(seed or secrets.token_bytes(32)).digest()
    if token == _ROLE_ASSIGNMENT:
        return str(uuid.UUID(bytes=digits[:16], version=4)), True
    return name + digits.hex()[:_DIGITS], True


def has_region(token: str) -> bool:
    """Say whether a type lies in a region, and in a group whose region it has where it names none."""
    kind = TYPES[token]
    return kind.scope is Scope.GROUP and style_of(kind.arm_type).tracked
