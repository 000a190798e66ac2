"""``make azure-smoke``: one small instance's life on the Azure of a workspace, and what was answered.

    make azure-smoke WORKSPACE=rehearsal REGION=southafricanorth
    SUBSCRIPTION=00000000-… make azure-smoke WORKSPACE=real REGION=… CAP=5 HOURLY=0.60 AGAINST=azure-smoke/…

In a sandbox it costs nothing. Elsewhere it runs only when ``SUBSCRIPTION`` says
the same as the workspace, and for as long as ``CAP`` allows at ``HOURLY``: what
the products of the small size cost an hour in that region, by Azure's own
calculator; tenantry knows no prices. Whatever happens, the instance is erased at
the end. Azure keeps what it keeps (docs/adr/0016): look with ``erase status``.

Drives the installed command line. The shapes of the answers go to
``azure-smoke/<time>``; ``AGAINST`` compares them with those of another run.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tenantry.cli.wiring import Wiring
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES
from tools.azure_smoke.answers import Shape, differences, shape

_TENANTRY = Path(sys.executable).with_name("tenantry")
_SECRET = "ADMIN_PASSWORD"  # noqa: S105 - the name of one that the example's profile has made
_FOR_THE_ERASURE = 30 * 60.0  # seconds of the time that the cap buys


class Refused(Exception):  # noqa: N818 - it is an answer
    """The smoke test does not start; the text says why."""


class Smoke:
    """One run."""

    def __init__(self, workspace: Path, region: str, *, seconds: float | None) -> None:
        """``seconds`` is how long the instance may live, without its erasure; None: as long as it takes."""
        self.workspace = workspace
        self.region = region
        self.name = f"smoke-{secrets.token_hex(3)}"
        self.steps: list[dict[str, Any]] = []
        self.shapes: Mapping[str, Shape] = {}  # by ARM type
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def live(self) -> None:
        """Take the instance through its life up to the erasure; keep the shapes of the answers."""
        self.step(
            *("instance", "new", self.name, "--client", "Smoke test", "--country", "NL"),
            *("--contact", "smoke@example.org"),
            *("--profile", "registrations", "--region", self.region, "--size", "small"),
        )
        self.step("instance", "preview", self.name)
        self.step("instance", "deploy", self.name, "--reason", "smoke test")
        self.shapes = self.answers()
        self.step("instance", "list")
        for verb in ("show", "health", "drift"):
            self.step("instance", verb, self.name)
        self.step("instance", "logs", self.name, "--reason", "smoke test")
        self.step("credentials", "list", self.name)
        self.step("credentials", "show", self.name, _SECRET, "--reason", "smoke test", hidden=True)
        for verb in ("suspend", "resume"):
            self.step("instance", verb, self.name, "--reason", "smoke test")
        self.step("backup", "create", self.name, "--reason", "smoke test")
        self.step("backup", "list", self.name)

    def erase(self) -> None:
        """Erase it; the cap does not stop that."""
        self._deadline = None
        self.step("erase", "run", self.name, "--confirm", self.name, "--reason", "smoke test")
        self.step("erase", "status", self.name)

    def look_again(self) -> None:
        """Do what is due in the workspace: what Azure keeps of the erased instance stays told."""
        self.step("tick")

    def answers(self) -> Mapping[str, Shape]:
        """Read every resource of the instance from Resource Manager."""
        wiring = Wiring(self.workspace)
        try:
            target, instance = wiring.azure, wiring.existing(self.name)
            arm = target.clients(instance).arm
            versions = {kind.arm_type.lower(): kind.version for kind in TYPES.values()}
            found: dict[str, dict[str, str]] = {}
            for asset in sorted(target.inventory(instance), key=lambda one: one.id):
                version = versions.get(asset.type.lower())
                body = arm.get(asset.id, version) if version else None
                if body is not None:
                    found.setdefault(asset.type, {}).update(shape(body))
            return found
        finally:
            wiring.register.close()

    def step(self, *arguments: str, hidden: bool = False) -> None:
        """Run a command; it must succeed, in the time that is left.

        What a ``hidden`` one prints is a secret: it must print something, which is kept nowhere.
        """
        left = None if self._deadline is None else self._deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("the time that the cap buys is over")
        print(f"\n$ tenantry {' '.join(arguments)}", flush=True)
        began = time.monotonic()
        command = [str(_TENANTRY), *arguments, "--workspace", str(self.workspace)]
        done = subprocess.run(command, timeout=left, check=False, stdout=subprocess.PIPE if hidden else None)
        seconds = round(time.monotonic() - began, 1)
        self.steps.append({"command": list(arguments), "exit": done.returncode, "seconds": seconds})
        if done.returncode != 0:
            raise RuntimeError(f"tenantry {' '.join(arguments[:2])} ended with {done.returncode}")
        if hidden:
            if not done.stdout.strip():
                raise RuntimeError(f"tenantry {' '.join(arguments[:2])} showed nothing")
            print("(shown, and not kept)")


def main(settings: Mapping[str, str]) -> int:
    """Run it with the settings of the environment; return the exit code."""
    try:
        workspace = Path(settings.get("WORKSPACE") or ".").resolve()
        smoke = Smoke(
            workspace, settings.get("REGION") or "westeurope", seconds=_allowed(workspace, settings)
        )
    except Refused as error:
        print(f"not started: {error}", file=sys.stderr)
        return 2
    except TenantryError as error:
        print(f"not started: {error.message}\n  → {error.hint}", file=sys.stderr)
        return error.exit_code
    try:
        well = _lived(smoke)
    finally:
        folder = _record(workspace, smoke)
    print(f"\nrecorded in {folder}")
    for line in _compared(smoke.shapes, settings.get("AGAINST") or ""):
        print(line)
    return 0 if well else 1


def _lived(smoke: Smoke) -> bool:
    """Take it through its life, and erase it whatever happens; say whether all went well."""
    well = True
    try:
        smoke.live()
    except (RuntimeError, TimeoutError, subprocess.TimeoutExpired, KeyboardInterrupt, TenantryError) as error:
        print(f"\nstopped: {type(error).__name__}: {error}", file=sys.stderr)
        well = False
    finally:
        is_erased = _erased(smoke)
    return well and is_erased


def _erased(smoke: Smoke) -> bool:
    try:
        smoke.erase()
    except RuntimeError as error:
        print(f"\nNOT ERASED, do it now: tenantry erase run {smoke.name}: {error}", file=sys.stderr)
        return False
    try:
        smoke.look_again()
    except RuntimeError as error:
        print(f"\nerased, but not looked at again: {error}", file=sys.stderr)
        return False
    return True


def allowed_seconds(cap: str, hourly: str) -> float:
    """Return how long an instance may live so that it costs at most ``cap``.

    Raises:
        Refused: a figure is missing, or the time would not even do for the erasure.
    """
    try:
        seconds = float(cap) / float(hourly) * 3600 - _FOR_THE_ERASURE
    except (ValueError, ZeroDivisionError):
        raise Refused("CAP and HOURLY must be amounts of one currency, such as CAP=5 HOURLY=0.60") from None
    if seconds <= 0 or float(hourly) < 0:
        raise Refused(f"CAP={cap} at HOURLY={hourly} leaves no time before the erasure")
    return seconds


def _allowed(workspace: Path, settings: Mapping[str, str]) -> float | None:
    wiring = Wiring(workspace)
    try:
        access = wiring.azure.subscriptions.of(None).access
    finally:
        wiring.register.close()
    if access.cloud.rehearsal:
        return None
    if settings.get("SUBSCRIPTION") != access.subscription_id:
        raise Refused(
            f"this makes resources that cost money in {access.subscription_id}; "
            "say so with SUBSCRIPTION=<the same id>"
        )
    return allowed_seconds(settings.get("CAP") or "", settings.get("HOURLY") or "")


def _record(workspace: Path, smoke: Smoke) -> Path:
    folder = workspace / "azure-smoke" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder.mkdir(parents=True)
    told = {"region": smoke.region, "steps": smoke.steps, "answers": smoke.shapes}
    (folder / "record.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return folder


def _compared(shapes: Mapping[str, Shape], against: str) -> Sequence[str]:
    if not against:
        return []
    other = json.loads((Path(against) / "record.json").read_text(encoding="utf-8"))["answers"]
    found = differences(shapes, other)
    return found or ["the answers have the same shapes"]


if __name__ == "__main__":
    sys.exit(main(os.environ))
