"""Roles that tenantry gives its own principal for an operation, and takes away again.

Their names are made of what they say, so that a later run, of whomever, tells them from others'.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES, lies_in, subscription_of
from tenantry.ports import Lease
from tenantry.targets.azure import locks

__all__ = ["BLOB_CONTRIBUTOR", "BLOB_READER", "SECRETS_OFFICER", "left", "lend", "withdraw"]

# Built-in roles, by their ids, which are the same in every directory.
SECRETS_OFFICER: Final = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
BLOB_READER: Final = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR: Final = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

_KIND: Final = TYPES["azure-native:authorization:RoleAssignment"]
_AT: Final = f"/providers/{_KIND.arm_type}"
_NAMESPACE: Final = uuid.UUID("b1a3a0c8-1a0e-4c1d-8f0c-53a1a1c2f7de")


def lend(arm: Arm, resource: str, *, role: str, principal: str) -> str:
    """Give a principal a role at a resource; return the assignment's id, "" if it has it there already."""
    subscription = subscription_of(resource)
    path = f"{resource}{_AT}/{_name(resource, role, principal)}"
    properties = {
        "roleDefinitionId": f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "principalId": principal,
    }
    try:
        arm.put(path, _KIND.version, {"properties": properties})
    except TenantryError as error:
        if arm_code(error, "RoleAssignmentExists"):  # somebody gave it, and it stays
            return ""
        raise
    return path


def left(arm: Reads, scope: str) -> Sequence[str]:
    """Return the ids of what is lent, to whomever, at a scope and below it."""
    listed = (str(one["id"]) for one in arm.list(f"{scope}{_AT}", _KIND.version) if _is_lent(one))
    return [one for one in listed if lies_in(one, scope)]


def withdraw(arm: Arm, scope: str, *, lease: Lease, known: str = "") -> None:
    """Take away what is lent at a scope and below it, and what is known to be and may not be listed yet.

    A delete lock of the resource forbids that, too: our own is lifted, and put back.
    """
    found = {one.lower(): one for one in (known, *left(arm, scope)) if one}
    for one in found.values():
        locks.delete_part(arm, one, _KIND.version, of=one[: one.lower().rindex(_AT.lower())], lease=lease)


def _name(resource: str, role: str, principal: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{resource}/{role}/{principal}".lower()))


def _is_lent(one: Mapping[str, Any]) -> bool:
    at, _, name = str(one["id"]).lower().rpartition(f"{_AT.lower()}/")
    told = one.get("properties") or {}
    role = str(told.get("roleDefinitionId") or "").rpartition("/")[2]
    return name == _name(at, role, str(told.get("principalId") or ""))
