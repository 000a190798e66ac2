"""What the principal may do in the subscription, from its role assignments and the roles' definitions.

Azure lists no effective permissions for a subscription, so they are put together
here as it does: an action is allowed where a role has it in ``actions`` and not in
``notActions``. Not looked at: conditions of an assignment, deny assignments, and
roles that somebody is only eligible for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import Problem
from tenantry.model.azure_types import TYPES
from tenantry.targets.azure.clients import Principal

__all__ = ["NEEDED", "POLICY_READER", "missing_rights"]

_VERSION: Final = TYPES["azure-native:authorization:RoleAssignment"].version
_GROUPS: Final = "/providers/microsoft.management/managementgroups/"
# To ask what policies forbid. Who lacks it is told so and goes on.
POLICY_READER: Final = "Microsoft.PolicyInsights/checkPolicyRestrictions/read"
# An action that stands for those of its kind, and the built-in role that brings them.
NEEDED: Final[Mapping[str, str]] = {
    "Microsoft.Resources/subscriptions/resourceGroups/write": "Contributor",
    "Microsoft.Resources/subscriptions/resourceGroups/delete": "Contributor",
    "Microsoft.KeyVault/vaults/write": "Contributor",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action": "Key Vault Purge Operator",
    "Microsoft.Authorization/roleAssignments/write": "User Access Administrator",
    "Microsoft.Authorization/roleAssignments/delete": "User Access Administrator",
    "Microsoft.Authorization/locks/write": "User Access Administrator",
    "Microsoft.Authorization/locks/delete": "User Access Administrator",
}


def missing_rights(arm: Arm, subscription: str, principal: Principal) -> Sequence[Problem]:
    """Return a problem for each role that would bring what the principal lacks."""
    permissions = _permissions(arm, subscription, principal.object_id)
    who = principal.client_id or principal.object_id
    lacking: dict[str, list[str]] = {}
    for action, role in NEEDED.items():
        if not any(_allows(one, action) for one in permissions):
            lacking.setdefault(role, []).append(action)
    return [
        Problem(
            code="no-right",
            message=f"the principal {who} may not {', '.join(actions)}",
            hint=f'az role assignment create --assignee {principal.object_id} --role "{role}" '
            f"--scope {subscription}",
        )
        for role, actions in lacking.items()
    ]


def _permissions(arm: Arm, subscription: str, object_id: str) -> Sequence[Mapping[str, Any]]:
    """Return the permissions of every role that is assigned at the subscription or above it."""
    around = f"{subscription}/providers/Microsoft.Authorization"
    query = {"$filter": f"assignedTo('{object_id}')"}
    assigned = arm.list(f"{around}/roleAssignments", _VERSION, **query)
    roles = sorted(
        {
            str(one["properties"]["roleDefinitionId"]).rpartition("/")[2]
            for one in assigned
            if _is_at_or_above(str(one["properties"].get("scope") or ""), subscription)
        }
    )
    if not roles:
        return []
    with ThreadPoolExecutor(min(len(roles), 8)) as pool:
        found = pool.map(lambda role: arm.get(f"{around}/roleDefinitions/{role}", _VERSION), roles)
        return [
            permission
            for one in found
            for permission in ((one or {}).get("properties") or {}).get("permissions") or []
        ]


def _is_at_or_above(scope: str, subscription: str) -> bool:
    scope = scope.lower()
    return scope in {"/", subscription.lower()} or scope.startswith(_GROUPS)


def _allows(permission: Mapping[str, Any], action: str) -> bool:
    granted, taken = permission.get("actions") or [], permission.get("notActions") or []
    return _matches(granted, action) and not _matches(taken, action)


def _matches(patterns: Iterable[str], action: str) -> bool:
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) for pattern in patterns
    )
