"""The environment in ``.venv``, with exactly the versions of ``requirements.lock``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.setup import files
from tools.setup.report import Report

__all__ = ["ensure"]

_HINT = "check the network and pip's index, then run make setup again"


def ensure(report: Report, *, root: Path) -> None:
    """Make or renew the environment when the lock or the project's settings changed.

    Raises:
        SetupError: a package cannot be had.
    """
    folder = root / ".venv"
    lock, project = root / "requirements.lock", root / "pyproject.toml"
    wanted = files.digest([lock, project], also=f"{root} {sys.version_info[:2]}")
    mark = folder / ".tenantry-setup"
    if files.is_stamped(mark, wanted):
        return
    with files.locked(root / ".venv.lock", report, what="making the environment"):
        if files.is_stamped(mark, wanted):
            return
        python = folder / "bin/python"
        if not _works(python):
            make = [sys.executable, "-m", "venv", "--clear", str(folder)]
            report.run(make, what="making .venv", hint="run: apt-get install python3-venv")
        pip = [
            str(python),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--progress-bar=off",
        ]
        report.run([*pip, "-r", str(lock)], what="installing what requirements.lock names", hint=_HINT)
        itself = [*pip, "--no-deps", "--no-build-isolation", "-e", str(root)]
        report.run(itself, what="installing tenantry itself", hint=_HINT)
        files.stamp(mark, wanted)


def _works(python: Path) -> bool:
    """Say whether this is an environment of our own version of Python, with pip."""
    code = f"import pip, sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
