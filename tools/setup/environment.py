"""The environment in ``.venv``, with exactly the versions of ``requirements.lock``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.setup import files
from tools.setup.report import Report

__all__ = ["ensure"]

_IMPORT_ALL = """
import pulumi_azure_native
from tenantry.components.azure.tokens import TOKENS
for token in TOKENS:
    _, module, name = token.split(":")
    getattr(getattr(pulumi_azure_native, module), name)
"""
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
            "--no-compile",  # see _compile
        ]
        report.run([*pip, "-r", str(lock)], what="installing what requirements.lock names", hint=_HINT)
        itself = [*pip, "--no-deps", "--no-build-isolation", "-e", str(root)]
        report.run(itself, what="installing tenantry itself", hint=_HINT)
        _compile(python, report, also=root / "tenantry")
        files.stamp(mark, wanted)


def _compile(python: Path, report: Report, *, also: Path) -> None:
    """Compile what is imported, so that no command has to: everything but most of pulumi-azure-native.

    It has six thousand files, of which a hundredth is used; pip would compile them for two minutes.
    Where Python may not write what it compiled, every command would compile tenantry (``also``) again.
    """
    packages = "import sysconfig; print(sysconfig.get_path('purelib'))"
    place = subprocess.run(
        [python, "-c", packages], capture_output=True, text=True, check=True
    ).stdout.strip()
    others = [str(python), "-m", "compileall", "-q", "-q", "-j", "0", "-x", "/pulumi_azure_native/"]
    others += [place, str(also)]
    # As with pip, a file that does not compile stays as it is.
    report.run(["sh", "-c", '"$@" || true', "sh", *others], what="compiling the packages")
    report.run(
        [str(python), "-c", _IMPORT_ALL],
        what="compiling the types of Azure that are used",
        env={"PYTHONDONTWRITEBYTECODE": ""},  # whatever the caller's is
    )


def _works(python: Path) -> bool:
    """Say whether this is an environment of our own version of Python, with pip."""
    code = f"import pip, sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
