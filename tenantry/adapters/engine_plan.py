"""What a plan may not do: destroy client data by the way, or go on without some that is lost."""

from __future__ import annotations

from collections.abc import Iterable

from tenantry.errors import RefusedError
from tenantry.model.status import Change, ChangeKind

__all__ = ["judge"]

_LOST = "lost"  # as in tenantry.providers.base
_ERASE_HINT = "erase the instance: tenantry erase run NAME --confirm NAME"


def judge(planned: Iterable[Change]) -> None:
    """Raise RefusedError if a plan would destroy data or has to do without some."""
    for change in planned:
        if not change.holds_data:
            continue
        what = f"{change.type.rpartition(':')[2]} {change.name}"
        if change.kind in {ChangeKind.DELETE, ChangeKind.REPLACE}:
            names = ", ".join(change.properties)
            why = f" (its {names} cannot be changed in place)" if names else ""
            raise RefusedError(
                f"this would {change.kind.value} {what}, which holds client data{why}; nothing was done",
                hint=f"undo the change in the spec, or {_ERASE_HINT}",
                code="holds-data",
            )
        if _LOST in change.properties:
            raise RefusedError(
                f"the data of {what} is lost; it is never made anew empty, and nothing was done",
                hint=f"restore it from a backup, or {_ERASE_HINT}",
                code="data-lost",
            )
