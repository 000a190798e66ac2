"""What ``sandbox reset`` tells: first what would be erased, and only when the name is confirmed what was."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenantry.config.problems import shorten
from tenantry.errors import Problem, RefusedError
from tenantry.result import Outcome, Result

__all__ = ["Part", "erased", "is_confirmed", "shown"]

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


def is_confirmed(name: str, confirm: str) -> bool:
    """Say whether the workspace's name was given; RefusedError when it was another."""
    if confirm and confirm != name:
        raise RefusedError(
            f"--confirm says {shorten(confirm)}, the folder is {shorten(name)}: nothing was erased",
            hint=_hint(name),
            code="not-confirmed",
        )
    return bool(confirm)


def shown(name: str, parts: Sequence[Part], *, running: bool, resources: Mapping[str, int]) -> Result:
    """Tell what would be erased; resources are told by type, of a sandbox that runs."""
    problem = Problem(
        code="not-confirmed", message="nothing was erased: this only shows what would be", hint=_hint(name)
    )
    rows = [one.row for one in parts]
    data = {"name": name, "running": running, "resources": dict(resources), "would_erase": rows}
    return Result(command=_COMMAND, data=data, problems=(problem,))


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


def _hint(name: str) -> str:
    return f"to erase it irreversibly: tenantry sandbox reset --confirm {shlex.quote(name)}"
