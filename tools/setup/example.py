"""The dependencies of the example workload, as its package-lock.json names them."""

from __future__ import annotations

import os
from pathlib import Path

from tools.setup import files, runtimes
from tools.setup.report import Report

__all__ = ["ensure"]


def ensure(report: Report, *, root: Path) -> None:
    """Install them when the lock changed.

    Raises:
        SetupError: one cannot be had.
    """
    app = root / "examples/registrations/app"
    lock = app / "package-lock.json"
    if not lock.exists():
        return
    mark = app / "node_modules" / ".tenantry-setup"
    wanted = files.digest([lock, app / "package.json"])
    if files.is_stamped(mark, wanted):
        return
    with files.locked(root / ".venv" / "example.lock", report, what="installing the example"):
        programs = runtimes.node()
        report.run(
            [programs / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            what="installing the dependencies of the example workload",
            hint="check the network and npm's registry, then run make setup again",
            cwd=app,
            env={"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"},
        )
        mark.parent.mkdir(exist_ok=True)  # npm makes none when there is nothing to install
        files.stamp(mark, wanted)
