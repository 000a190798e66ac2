"""What ``sandbox reset`` tells: first what would be erased, and only when the name is confirmed what was."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenantry.cli.confirming import Confirmation
from tenantry.errors import Problem
from tenantry.result import Outcome, Result

__all__ = ["Part", "confirmation", "erased", "shown"]

_COMMAND = "sandbox reset"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Where a sandbox has, or had, its files."""

    type: str  # "folder", "file" or "link"
    place: str  # its path; "*": nobody knows
    detail: str = ""

    @property
    def row(self) -> dict[str, Any]:
        """The part as the result tells it."""
        return {"id": f"{self.type}:{self.place}", "type": self.type, "detail": self.detail}

    @property
    def absent(self) -> bool | None:
        """Whether it is gone; None: it cannot be looked at."""
        return None if self.place == "*" else not os.path.lexists(self.place)


def confirmation(name: str) -> Confirmation:
    """Return what has to be confirmed: the name of the workspace's folder."""
    hint = f"to erase it irreversibly: tenantry sandbox reset --confirm {shlex.quote(name)}"
    return Confirmation(name=name, what="folder", hint=hint)


def shown(name: str, parts: Sequence[Part], *, running: bool, resources: Mapping[str, int]) -> Result:
    """Tell what would be erased; resources are told by type, of a sandbox that runs."""
    rows = [one.row for one in parts]
    data = {"name": name, "running": running, "resources": dict(resources), "would_erase": rows}
    return Result(command=_COMMAND, data=data, problems=(confirmation(name).missing,))


def erased(name: str, parts: Sequence[Part]) -> Result:
    """Look whether the parts that were there are gone, and tell it."""
    rows = [{**one.row, "absent": one.absent} for one in parts]
    left = tuple(
        Problem(
            code="not-seen" if row["absent"] is None else "not-absent",
            message=f"{row['id']} is not proved absent" + (f": {row['detail']}" if row["detail"] else ""),
            hint="see what it is, and remove it by hand if it must go",
        )
        for row in rows
        if row["absent"] is not True
    )
    data = {"name": name, "erased": rows}
    outcome, exit_code = (Outcome.NO, 1) if left else (Outcome.OK, 0)
    return Result(command=_COMMAND, data=data, outcome=outcome, problems=left, exit_code=exit_code)
