"""Azurite, the storage service behind the sandbox's accounts, as its package-lock.json names it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tenantry.adapters import tools
from tools.setup import files, runtimes
from tools.setup.report import Report

__all__ = ["ensure"]

_NAME = "azurite-3.35.0"
_MARK = ".tenantry-setup"


def ensure(report: Report, *, root: Path) -> None:
    """Install it beside the runtimes, for the whole machine when root, else for this user.

    Raises:
        SetupError: a package cannot be had.
    """
    named = [root / "tools/setup/azurite" / name for name in ("package.json", "package-lock.json")]
    machine, user = tools.runtime_folders()
    place = (machine if os.geteuid() == 0 else user) / _NAME
    wanted = files.digest(named)
    if files.is_stamped(place / _MARK, wanted):
        return
    with files.locked(place.with_name(f".{_NAME}.lock"), report, what="installing Azurite"):
        if files.is_stamped(place / _MARK, wanted):
            return
        with files.temporary_folder(place) as folder:
            whole = folder / "whole"
            whole.mkdir()
            for one in named:
                shutil.copy(one, whole)
            _install(whole, report)
            files.stamp(whole / _MARK, wanted)
            files.take_place(whole, place)


def _install(folder: Path, report: Report) -> None:
    programs = runtimes.node()
    report.run(
        [programs / "npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
        what="installing Azurite",
        hint="check the network and npm's registry, then run make setup again",
        cwd=folder,
        env={"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"},
    )
