"""The proof that nothing of an instance is left on Azure, from looks that may be behind.

Resource Manager answers from several regions, each of which hears of a deletion in
its own time, and its lists from yet another place. So absence needs two answers that
agree: no list has it, and asked for by its id it is not there. Until they do, it is
looked for again, for as long as Azure is known to take; then what was seen last is
told, and where the two still disagree, that nobody knows.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import TenantryError
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES, lies_in
from tenantry.model.status import Asset, EraseMethod, Evidence
from tenantry.ports import Event, OnEvent
from tenantry.targets.azure import inventory

__all__ = ["prove_absent"]

_GROUP: Final = TYPES["azure-native:resources:ResourceGroup"]
_ASSIGNMENT: Final = TYPES["azure-native:authorization:RoleAssignment"]
_AT_ONCE: Final = 8  # role assignments
_VAULT: Final = TYPES["azure-native:keyvault:Vault"]
_PURGED: Final = frozenset({_VAULT.arm_type, TYPES["azure-native:keyvault:Secret"].arm_type})
_KEPT: Final = "deleted, and kept"
_PATIENCE_SECONDS: Final = 10 * 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0  # seconds


def prove_absent(
    arm: Arm,
    subscription_id: str,
    names: AzureNames,
    known: frozenset[Asset],
    *,
    now: datetime,
    on_event: OnEvent,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> Sequence[Evidence]:
    """Look for the group, for each known asset, and for strays. What is kept after deletion is a residue."""
    group = Asset(id=inventory.group_id(subscription_id, names), type=_GROUP.arm_type)
    deadline, pause = time.monotonic() + patience_seconds, _FIRST_PAUSE
    while True:
        try:
            there = inventory.inventory(arm, subscription_id, names)
            listed, by_id = _two_views(arm, subscription_id, group, there, known)
        except TenantryError as error:
            return _unseen(known or {group}, error, now)
        purged = _purged(group.id, names, there)
        found = _evidence({group, *there, *known}, listed, by_id, now=now, purged=purged)
        left = [one for one in found if one.absent is not True]
        if not left or time.monotonic() > deadline:
            return found
        on_event(Event(text=f"Azure still shows {len(left)}, which may be behind; looking again"))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _two_views(
    arm: Arm, subscription_id: str, group: Asset, there: frozenset[Asset], known: Iterable[Asset]
) -> tuple[set[str], Mapping[str, bool]]:
    """Return the ids that lists have, and whether the group and what can outlive it are there by their ids.

    What lies in the group goes with it, and is asked for in lists alone. All ids in lower case.
    """
    listed = {one.id.lower() for one in there if one.detail != _KEPT} - {group.id.lower()}
    groups = arm.list(f"/subscriptions/{subscription_id}/resourceGroups", _GROUP.version)
    listed |= {one["id"].lower() for one in groups} & {group.id.lower()}
    assignments = [one.id for one in {*known, *there} if one.type == _ASSIGNMENT.arm_type]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda one: arm.get(one, _ASSIGNMENT.version) is not None, assignments)
        by_id = dict(zip((one.lower() for one in assignments), answers, strict=True))
    return listed, {group.id.lower(): group.id.lower() in {one.id.lower() for one in there}, **by_id}


def _evidence(
    assets: Iterable[Asset],
    listed: Container[str],
    by_id: Mapping[str, bool],
    *,
    now: datetime,
    purged: str,
) -> Sequence[Evidence]:
    every = {one.id.lower(): one for one in assets}
    return [
        _of(
            asset,
            listed=key in listed,
            by_id=by_id.get(key, key in listed),
            now=now,
            method=_method(asset, purged),
        )
        for key, asset in sorted(every.items())
        if asset.detail != _KEPT
    ]


def _method(asset: Asset, purged: str) -> EraseMethod:
    is_of_it = asset.type in _PURGED and bool(purged) and lies_in(asset.id, purged)
    return EraseMethod.PURGE if is_of_it else EraseMethod.CLEAR


def _purged(group: str, names: AzureNames, there: Iterable[Asset]) -> str:
    """Return the id of the vault of the secrets if Azure does not even keep it as deleted, "" if it does."""
    kept = {one.id.rpartition("/")[2].lower() for one in there if one.detail == _KEPT}
    vault = f"{group}/providers/{_VAULT.arm_type}/{names.secrets_vault}"
    return "" if names.secrets_vault.lower() in kept else vault


def _of(asset: Asset, *, listed: bool, by_id: bool, now: datetime, method: EraseMethod) -> Evidence:
    absent = None if listed is not by_id else not listed
    told = {
        True: "not in Resource Manager's lists",
        False: "Resource Manager lists it",
        None: f"Resource Manager's answers differ: {'a' if listed else 'no'} list has it, "
        f"and by its id it is {'there' if by_id else 'not there'}",
    }[absent]
    return Evidence(
        asset=asset, method=method if absent is not None else None, absent=absent, evidence=told, at=now
    )


def _unseen(known: Iterable[Asset], error: TenantryError, now: datetime) -> Sequence[Evidence]:
    text = f"could not look: {error.message}"
    return [
        Evidence(asset=one, method=None, absent=None, evidence=text, at=now)
        for one in sorted(known, key=lambda one: one.id)
    ]
