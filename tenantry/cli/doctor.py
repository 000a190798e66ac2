"""The work behind ``doctor``: what this machine and workspace have, and what they lack."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tenantry.cli.wiring import Wiring
from tenantry.errors import FailedError, TenantryError
from tenantry.result import Outcome, Result

__all__ = ["examined"]


def examined(workspace: Path | None) -> Result:
    """Look at each thing that tenantry needs."""
    wiring = Wiring(workspace)
    tools = wiring.tools
    checks: list[tuple[str, Callable[[], object]]] = [
        ("engine", lambda: f"{tools.find_engine()} {tools.engine_version(tools.find_engine())}"),
        ("postgresql", lambda: "{} in {}".format(*tools.postgres_bin())),
        *(
            (program, partial(tools.find_program, program))
            for program in ("pgbackrest", "restic", "s6-svscan", "caddy", "nft")
        ),
        ("runs as", lambda: "root" if os.geteuid() == 0 else _as_user()),
        ("workspace", lambda: wiring.workspace.folder),
        ("master key", wiring.master_key),
        ("register", lambda: f"{len(wiring.register.instances())} instances"),
        ("journal", lambda: _journal(wiring)),
        ("tmpfs", lambda: wiring.workspace.host.runtime),
    ]
    rows = [_row(name, look) for name, look in checks]
    well = all(row["ok"] for row in rows)
    return Result(
        command="doctor",
        data={"checks": rows},
        outcome=Outcome.OK if well else Outcome.NO,
        exit_code=0 if well else 1,
    )


def _row(name: str, look: Callable[[], object]) -> dict[str, Any]:
    try:
        return {"check": name, "ok": True, "found": str(look()), "next": ""}
    except TenantryError as error:
        return {"check": name, "ok": False, "found": error.message, "next": error.hint}


def _as_user() -> str:
    return "a user: instances are not fenced off from one another (run as root for that)"


def _journal(wiring: Wiring) -> str:
    wrong = wiring.register.verify_journal()
    if wrong:
        raise FailedError(wrong[0], hint="tenantry journal verify")
    return "the chain holds"
