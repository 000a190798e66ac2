"""What a subscription may have in a region, and whether new instances fit: databases' cores, accounts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import Problem, TenantryError
from tenantry.model.azure_sizes import AZURE_SIZES
from tenantry.model.azure_types import TYPES, AzureType
from tenantry.model.regions import Region
from tenantry.model.spec import InstanceSpec
from tenantry.targets.azure import capabilities

__all__ = ["ACCOUNT", "Need", "Newcomer", "Quota", "account_quota", "core_quota", "cores", "overfull"]

_SERVER: Final = TYPES["azure-native:dbforpostgresql:Server"]
_ACCOUNT: Final = TYPES["azure-native:storage:StorageAccount"]
_SKU: Final = re.compile(r"Standard_([A-Z]+)\d+([a-z]*)_(v\d+)")


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one new resource takes of a quota."""

    what: str  # for people
    count: int
    of: frozenset[str]  # names of quotas, in small letters; each must have the room
    otherwise: str  # what helps, too


ACCOUNT: Final = Need(
    what="blobs need a storage account",
    count=1,
    of=frozenset({"storageaccounts"}),
    otherwise="take another region",
)


def cores(sku: str, count: int) -> Need:
    """Return what a database of a size needs, with so many cores."""
    return Need(
        what=f"{sku} needs {count} cores",
        count=count,
        of=frozenset({"cores", _family(sku).lower()}),
        otherwise="take another size or region",
    )


class Quota:
    """The quotas that one list of usages tells, and what is to be made beside."""

    def __init__(self, arm: Arm, path: str, version: str, *, region: Region) -> None:
        """Ask Azure; ``path`` is that of the list."""
        self._region = region
        self._usages = {str(one["name"]["value"]): one for one in arm.list(path, version)}
        self._promised: Counter[str] = Counter()

    def lacks(self, need: Need) -> Sequence[Problem]:
        """Return which quotas have no room for one more; a quota that is not told is in nobody's way."""
        return [
            self._exceeded(need, name, used=one["currentValue"], limit=one["limit"])
            for name, one in self._usages.items()
            if name.lower() in need.of
            and one["currentValue"] + self._promised[name] + need.count > one["limit"]
        ]

    def keep(self, need: Need) -> None:
        """Keep room for one more."""
        self._promised.update({name: need.count for name in self._usages if name.lower() in need.of})

    def _exceeded(self, need: Need, name: str, *, used: int, limit: int) -> Problem:
        promised = self._promised[name]
        beside = f", and {promised} are for instances before it" if promised else ""
        return Problem(
            code="quota-exceeded",
            message=f"{need.what}; in {self._region.name} {used} of {limit} are used ({name}){beside}",
            hint=f"ask for a higher quota in the subscription, or {need.otherwise}",
        )


def core_quota(arm: Arm, subscription: str, region: Region) -> Quota:
    """Ask for the quotas of PostgreSQL; ``subscription`` is an id as Resource Manager writes it."""
    provider, _, servers = _SERVER.arm_type.partition("/")
    path = f"{subscription}/providers/{provider}/locations/{region.name}/resourceType/{servers}/usages"
    return Quota(arm, path, _SERVER.version, region=region)


def account_quota(arm: Arm, subscription: str, region: Region) -> Quota:
    """Ask for the quota of storage accounts; ``subscription`` is an id as Resource Manager writes it."""
    provider = _ACCOUNT.arm_type.partition("/")[0]
    path = f"{subscription}/providers/{provider}/locations/{region.name}/usages"
    return Quota(arm, path, _ACCOUNT.version, region=region)


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """An instance of which a database or an account may still have to be made."""

    spec: InstanceSpec
    region: Region
    subscription_id: str
    server: str | None  # its name; "" where none was drawn yet, None where it needs none
    account: str | None  # likewise


def overfull(newcomers: Sequence[Newcomer], arm_of: Callable[[str], Arm]) -> Mapping[str, Sequence[Problem]]:
    """Return by name, and why, those that do not fit beside the ones before.

    Where Azure cannot be asked nothing is told: each one's own preflight says what is in the way.
    One alone in its region with a database, or with an account, is left to that, too.

    Args:
        newcomers: in the order in which they are given room.
        arm_of: returns the client of a subscription, by its id.
    """
    places: dict[tuple[str, str], list[Newcomer]] = {}
    for one in newcomers:
        places.setdefault((one.subscription_id, one.region.name), []).append(one)
    found: dict[str, Sequence[Problem]] = {}
    for (subscription_id, _), ours in places.items():
        if len(ours) > 1:
            with suppress(TenantryError):
                found.update(_without_room(ours, arm_of(subscription_id)))
    return found


def _without_room(newcomers: Sequence[Newcomer], arm: Arm) -> Mapping[str, Sequence[Problem]]:
    region, subscription = newcomers[0].region, f"/subscriptions/{newcomers[0].subscription_id}"
    rooms: list[tuple[Quota, Mapping[str, Need]]] = []  # what is needed by the instance's name
    if servers := _missing(arm, subscription, _SERVER, {one.spec.name: one.server for one in newcomers}):
        sizes = capabilities.ask(arm, subscription, region).sizes
        skus = {one.spec.name: AZURE_SIZES[one.spec.size].server_sku for one in newcomers}
        # A size that is not offered is the finding of the instance's own preflight.
        needs = {name: cores(skus[name], sizes.get(skus[name], 0)) for name in servers}
        rooms.append((core_quota(arm, subscription, region), needs))
    if accounts := _missing(arm, subscription, _ACCOUNT, {one.spec.name: one.account for one in newcomers}):
        rooms.append((account_quota(arm, subscription, region), dict.fromkeys(accounts, ACCOUNT)))
    found = {}
    for spec in (one.spec for one in newcomers):
        mine = [(quota, needs[spec.name]) for quota, needs in rooms if spec.name in needs]
        if problems := [problem for quota, need in mine for problem in quota.lacks(need)]:
            found[spec.name] = [replace(problem, where=spec.where) for problem in problems]
        else:  # one that is not begun keeps no room
            for quota, need in mine:
                quota.keep(need)
    return found


def _missing(arm: Arm, subscription: str, kind: AzureType, named: Mapping[str, str | None]) -> Sequence[str]:
    """Return the instances whose resource of a type is still to be made; none where one alone needs one."""
    needed = {instance: name for instance, name in named.items() if name is not None}
    if len(needed) < 2:  # noqa: PLR2004
        return []
    there: set[str] = set()
    if any(needed.values()):  # a deploy that was killed may have made it
        listed = arm.list(f"{subscription}/providers/{kind.arm_type}", kind.version)
        there = {str(one["name"]) for one in listed}
    return [instance for instance, name in needed.items() if name not in there]


def _family(sku: str) -> str:
    """Return the name of a size's family among the quotas: standardDDSv5Family for Standard_D2ds_v5."""
    found = _SKU.fullmatch(sku)
    return f"standard{found[1]}{found[2].upper()}{found[3]}Family" if found else ""
