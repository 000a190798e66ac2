"""What is kept of erased instances: looked at on demand, and again when a date has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tenantry.errors import DefectError, SpecError, TenantryError
from tenantry.journeys.services import Services
from tenantry.model.status import Presence, Residue
from tenantry.ports import Instance

__all__ = ["Kept", "look", "tick"]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is kept of one erased instance, as it was seen now."""

    instance: Instance
    residues: Sequence[Residue]
    seen_at: datetime  # the time of the place where it lived

    @property
    def recoverable_until(self) -> datetime | None:
        """The last date on which something can be recovered; None: nothing can, or no date is known."""
        dates = [one.until for one in self._holding if one.observed is not Presence.GONE and one.until]
        return max(dates, default=None)

    @property
    def nothing_recoverable(self) -> bool:
        """Whether every residue was seen to be gone that something could be recovered from."""
        return all(one.observed is Presence.GONE for one in self._holding)

    @property
    def _holding(self) -> Sequence[Residue]:
        return [one for one in self.residues if not one.is_record]


def look(name: str, *, services: Services) -> Kept:
    """Look for what is kept of the instance of that name that was erased last.

    Raises:
        SpecError: none of that name was erased.
    """
    found = [one for one in services.register.erased() if name in {one.name, one.opaque}]
    if found:
        # By the clock of one machine: those of the places where they lived may differ.
        return _looked(max(found, key=lambda one: one.created_at), services)
    raise SpecError(
        f"no instance {name} was erased",
        hint="to erase one: tenantry erase run NAME --confirm NAME",
        code="not-erased",
    )


def tick(*, services: Services) -> tuple[Sequence[Kept], Sequence[TenantryError]]:
    """Look again at every erased instance of which something was kept; what is seen goes to the journal.

    Returns:
        What was seen, and why others could not be looked at: they lived elsewhere than this workspace now
        works (RefusedError), or what is needed for a look cannot be reached.
    """
    found, missed = list[Kept](), list[TenantryError]()
    for instance in services.register.erased():
        if instance.facts.get("residues_gone"):
            continue
        try:
            kept = _looked(instance, services)
        except DefectError:
            raise
        except TenantryError as error:
            missed.append(error)
            continue
        if kept.nothing_recoverable:
            services.register.update(
                instance.opaque, facts={**instance.facts, "residues_gone": kept.seen_at.isoformat()}
            )
        services.register.record(
            instance=instance.opaque, kind="evidence", text=f"{instance.mark}residues: {_told(kept)}"
        )
        found.append(kept)
    return found, missed


def _looked(instance: Instance, services: Services) -> Kept:
    return Kept(
        instance=instance,
        residues=services.target.residues(instance),
        seen_at=services.target.now(instance),
    )


def _told(kept: Kept) -> str:
    if kept.nothing_recoverable:
        return "nothing recoverable"
    return "; ".join(f"{one.type} {one.where.rpartition('/')[2]}: {one.observed}" for one in kept.residues)
