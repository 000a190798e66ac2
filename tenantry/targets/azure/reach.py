"""Whether a subscription is there, can be used, and belongs where the principal does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import Problem, TenantryError
from tenantry.targets.azure.clients import Principal

__all__ = ["usable"]

_VERSION: Final = "2022-12-01"
_UNSEEN: Final = ("AuthorizationFailed", "SubscriptionNotFound")
# In the others Azure lets nobody make or change anything.
_WORKING: Final = frozenset({"enabled", "pastdue"})


def usable(arm: Arm, subscription: str, principal: Principal | None, directory_id: str) -> Sequence[Problem]:
    """Return what is wrong with a subscription.

    Args:
        arm: Resource Manager.
        subscription: as a resource id.
        principal: who works on it.
        directory_id: that it must belong to, as the principal does.

    Raises:
        TenantryError: Resource Manager says neither.
    """
    number = subscription.rpartition("/")[2]
    try:
        found = arm.get(subscription, _VERSION)
    except TenantryError as error:
        if arm_code(error, "InvalidAuthenticationTokenTenant"):
            return [_elsewhere(number, "another directory", directory_id)]
        if any(arm_code(error, one) for one in _UNSEEN):
            return [_out_of_reach(number, principal)]
        raise
    if found is None:
        return [_out_of_reach(number, principal)]
    directory = str(found.get("tenantId") or directory_id)
    if directory.lower() != directory_id.lower():
        return [_elsewhere(number, f"the directory {directory}", directory_id)]
    state = str(found.get("state") or "")
    if state.lower() in _WORKING:
        return []
    return [
        Problem(
            code="subscription-disabled",
            message=f"the subscription {number} is {state}: nothing can be made or changed in it",
            hint="see in the portal why, and enable it again, or name another one (azure.subscription)",
        )
    ]


def _out_of_reach(number: str, principal: Principal | None) -> Problem:
    who = principal.object_id if principal else "ID"
    return Problem(
        code="no-subscription",
        message=f"there is no subscription {number} that {who} has a role in",
        hint="see its id (az account list --all); it must be there before; give the principal a role: "
        f'az role assignment create --assignee {who} --role "Contributor" --scope /subscriptions/{number}',
    )


def _elsewhere(number: str, where: str, directory_id: str) -> Problem:
    return Problem(
        code="subscription-elsewhere",
        message=f"the subscription {number} belongs to {where}, not to {directory_id}",
        hint="name one of the workspace's directory (azure.subscription), or make a workspace for the other",
    )
