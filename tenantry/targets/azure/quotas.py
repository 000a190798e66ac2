"""How many cores of PostgreSQL a subscription may have in a region, and whether new databases fit."""

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
from tenantry.model.azure_types import TYPES
from tenantry.model.regions import Region
from tenantry.model.spec import InstanceSpec
from tenantry.targets.azure import capabilities

__all__ = ["Newcomer", "Quota", "overfull"]

_SERVERS: Final = TYPES["azure-native:dbforpostgresql:Server"].version
_PROVIDER: Final = "providers/Microsoft.DBforPostgreSQL"
_SKU: Final = re.compile(r"Standard_([A-Z]+)\d+([a-z]*)_(v\d+)")


class Quota:
    """The quotas of one region, as Azure tells them, and what is to be made beside."""

    def __init__(self, arm: Arm, subscription: str, region: Region) -> None:
        """Ask Azure; ``subscription`` is an id as Resource Manager writes it."""
        path = f"{subscription}/{_PROVIDER}/locations/{region.name}/resourceType/flexibleServers/usages"
        self._region = region
        self._usages = arm.list(path, _SERVERS)
        self._promised: Counter[str] = Counter()

    def take(self, sku: str, cores: int) -> Sequence[Problem]:
        """Keep cores for a new server; return which quotas have no room, and then nothing is kept."""
        mine = {"cores", _family(sku).lower()}
        usages = [(str(one["name"]["value"]), one) for one in self._usages]
        usages = [(name, one) for name, one in usages if name.lower() in mine]
        found = [
            self._exceeded(sku, cores, name, used=one["currentValue"], limit=one["limit"])
            for name, one in usages
            if one["currentValue"] + self._promised[name] + cores > one["limit"]
        ]
        if not found:
            self._promised.update({name: cores for name, _ in usages})
        return found

    def _exceeded(self, sku: str, cores: int, name: str, *, used: int, limit: int) -> Problem:
        promised = self._promised[name]
        beside = f", and {promised} are for instances before it" if promised else ""
        return Problem(
            code="quota-exceeded",
            message=f"{sku} needs {cores} cores; in {self._region.name} {used} of {limit} are used "
            f"({name}){beside}",
            hint="ask for a higher quota in the subscription, or take another size or region",
        )


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """An instance whose database may still have to be made."""

    spec: InstanceSpec
    region: Region
    subscription_id: str
    server: str  # its name; "" where none was drawn yet


def overfull(newcomers: Sequence[Newcomer], arm_of: Callable[[str], Arm]) -> Mapping[str, Sequence[Problem]]:
    """Return by name, and why, those whose database does not fit beside the ones before.

    Where Azure cannot be asked nothing is told: each one's own preflight says what is in the way.
    One alone in its region is left to that, too.

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
    there: set[str] = set()
    if any(one.server for one in newcomers):  # a deploy that was killed may have made its server
        servers = arm.list(f"{subscription}/{_PROVIDER}/flexibleServers", _SERVERS)
        there = {str(one["name"]) for one in servers}
    missing = [one for one in newcomers if one.server not in there]
    if not missing:
        return {}
    quota, sizes = Quota(arm, subscription, region), capabilities.ask(arm, subscription, region).sizes
    found = {}
    for one in missing:
        sku = AZURE_SIZES[one.spec.size].server_sku
        # A size that is not offered is the finding of the instance's own preflight.
        if problems := quota.take(sku, sizes.get(sku, 0)):
            found[one.spec.name] = [replace(problem, where=one.spec.where) for problem in problems]
    return found


def _family(sku: str) -> str:
    """Return the name of a size's family among the quotas: standardDDSv5Family for Standard_D2ds_v5."""
    found = _SKU.fullmatch(sku)
    return f"standard{found[1]}{found[2].upper()}{found[3]}Family" if found else ""
