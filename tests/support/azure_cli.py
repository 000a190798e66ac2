"""The Azure CLI, installed once per machine beside what it must not disturb, and pointed at a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import certifi

from tests.support.sandbox import Sandbox
from tools.setup import files
from tools.setup.report import Report

__all__ = ["AzureCli", "Refused", "installed"]

_LOCK = Path(__file__).with_suffix(".lock")
_CLOUD = "rehearsal"
_HINT = "check the network and the package registry"
# It neither reports its use nor asks Microsoft's own login host about a cloud that it does not know.
_SETTINGS = {
    "AZURE_CORE_COLLECT_TELEMETRY": "false",
    "AZURE_CORE_INSTANCE_DISCOVERY": "false",
    "AZURE_CORE_NO_COLOR": "true",
    "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
    "AZURE_CORE_OUTPUT": "json",
    "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
}


class Refused(Exception):  # noqa: N818 - it says what happened
    """A command ended with an error; the text is what the CLI said."""


class AzureCli:
    """The CLI with a folder of its own, as the sandbox's principal."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._program = [str(installed()), "-m", "azure.cli"]
        authorities = folder / "authorities.pem"
        known = (Path(sandbox.told["ca_file"]), Path(certifi.where()))
        authorities.write_bytes(b"\n".join(one.read_bytes() for one in known))
        # What a program needs to find this CLI and its login.
        self.environment = {
            **_SETTINGS,
            "AZURE_CONFIG_DIR": str(folder / "config"),
            "HOME": str(folder),
            "PATH": f"{installed().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "REQUESTS_CA_BUNDLE": str(authorities),
        }
        self._sandbox = sandbox
        self.commands: list[list[str]] = []  # the words of each that was run

    def sign_in(self) -> None:
        """Register the sandbox as a cloud and log in to it, as its status says."""
        told = self._sandbox.command("status")
        self("cloud register", "--name", _CLOUD, "--endpoint-resource-manager", told["arm"])
        self("cloud set", "--name", _CLOUD)
        who = ("--username", told["client_id"], "--tenant", told["directory_id"])
        # "@": the CLI reads the file, so that the secret is on no command line.
        self("login", "--service-principal", *who, "--password", f"@{told['client_secret_file']}")

    def __call__(self, command: str, *arguments: str) -> Any:
        """Run ``az command arguments``; return what it tells, None when that is nothing.

        Raises:
            Refused: it ended with an error.
        """
        argv = [*self._program, *command.split(), *arguments]
        self.commands.append(argv)
        done = subprocess.run(
            argv, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode != 0:
            raise Refused(f"az {command}: {done.returncode}\n{done.stderr[-3000:]}")
        return json.loads(done.stdout) if done.stdout.strip() else None


def installed() -> Path:
    """Return the Python that has the CLI; install it when it is not there. That takes minutes, and 750 MB.

    Raises:
        SetupError: a package cannot be had.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenantry"
    place = cache / f"azure-cli-py{sys.version_info[0]}{sys.version_info[1]}"
    python, mark = place / "bin" / "python", place / ".tenantry-setup"
    wanted = files.digest([_LOCK], also=str(sys.version_info[:2]))
    if files.is_stamped(mark, wanted):
        return python
    report = Report()
    with files.locked(cache / ".azure-cli.lock", report, what="installing the Azure CLI"):
        if not files.is_stamped(mark, wanted):
            _install(place, report)
            files.stamp(mark, wanted)
    return python


def _install(place: Path, report: Report) -> None:
    """Make the environment where it stays: one that is moved has scripts that point nowhere."""
    make = [sys.executable, "-m", "venv", "--clear", str(place)]
    report.run(make, what="making an environment for the Azure CLI", hint=_HINT)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    what = "installing the Azure CLI"
    report.run([*pip, "--progress-bar=off", "--no-deps", "-r", str(_LOCK)], what=what, hint=_HINT)
