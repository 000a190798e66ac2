"""What a plan may not do: destroy client data by the way, or go on without some that is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from tenantry.errors import RefusedError
from tenantry.model.status import Change, ChangeKind

__all__ = ["as_lost", "judge", "refusal"]

# As tenantry.providers.base tells it. Of what other providers made, a look sees that it is gone.
_LOST = "lost"
_ERASE_HINT = "erase the instance: tenantry erase run NAME --confirm NAME"


def as_lost(change: Change) -> Change:
    """Return what would be made of something that is gone, or was seen to be, as lost data is told."""
    return dataclasses.replace(change, kind=ChangeKind.UPDATE, properties=(_LOST,))


def judge(planned: Iterable[Change]) -> None:
    """Raise RefusedError if a plan would destroy data or has to do without some; it names them all."""
    refused = refusal(planned)
    if refused is not None:
        raise refused


def refusal(planned: Iterable[Change]) -> RefusedError | None:
    """Return the error that ``judge`` raises, None if nothing is to be said against the plan."""
    holding = [change for change in planned if change.holds_data]
    gone = [_loss(change) for change in holding if change.kind in {ChangeKind.DELETE, ChangeKind.REPLACE}]
    if gone:
        return RefusedError(
            f"this would {', and '.join(gone)}; nothing was done",
            hint=f"undo the change in the spec, or {_ERASE_HINT}",
            code="holds-data",
        )
    lost = [_what(change) for change in holding if _LOST in change.properties]
    if lost:
        return RefusedError(
            f"the data of {' and of '.join(lost)} is lost; it is never made anew empty, and nothing was done",
            hint=f"bring it back, from a backup or from what the cloud keeps of it, or {_ERASE_HINT}",
            code="data-lost",
        )
    return None


def _what(change: Change) -> str:
    return f"{change.type.rpartition(':')[2]} {change.name}"


def _loss(change: Change) -> str:
    names = ", ".join(change.properties)
    why = f" (its {names} cannot be changed in place)" if names else ""
    return f"{change.kind.value} {_what(change)}, which holds client data{why}"
