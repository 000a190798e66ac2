"""An instance that is recorded, and whose names were never drawn: nothing of it was asked for on Azure.

A secret that is set before the first deploy makes one, and so does a run that
preflight refuses. Names are recorded before they are used; so all that could
lie on Azure is what somebody else gave the instance's tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tenantry.adapters.azure_arm import Arm
from tenantry.model.azure_types import TYPES
from tenantry.model.status import Asset, Condition, EraseMethod, Evidence, Truth

__all__ = ["inventory", "look", "prove_absent"]

_GROUP: Final = TYPES["azure-native:resources:ResourceGroup"]


def inventory(arm: Arm, subscription: str, opaque: str) -> frozenset[Asset]:
    """Return the resource groups with the instance's tag; ``subscription`` is a resource id."""
    return frozenset(
        Asset(id=one["id"], type=_GROUP.arm_type, detail=one.get("location", ""))
        for one in arm.list(f"{subscription}/resourceGroups", _GROUP.version)
        if (one.get("tags") or {}).get("instance") == opaque
    )


def prove_absent(arm: Arm, subscription: str, opaque: str, *, now: datetime) -> Sequence[Evidence]:
    """Look for a group with the instance's tag."""
    groups = Asset(id=f"{subscription}/resourceGroups", type=_GROUP.arm_type)
    left = sorted(inventory(arm, subscription, opaque), key=lambda one: one.id)
    told = "it has the instance's tag" if left else "no group has the instance's tag"
    return [
        Evidence(asset=one, method=EraseMethod.CLEAR, absent=not left, evidence=told, at=now)
        for one in left or [groups]
    ]


def look(*, now: datetime) -> Sequence[Condition]:
    """Say that nothing is there yet."""
    message = "it was never made; tenantry instance deploy makes it"
    return [
        Condition(type="ResourcesReady", status=Truth.FALSE, reason="NoResources", message=message, at=now)
    ]
