"""What the stories of the demo share: a folder, commands that are printed before they run, chapters."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

__all__ = ["KEEP", "ROOT", "TENANTRY", "Demo", "chapter", "clock", "free_port", "insist"]

ROOT = Path(__file__).resolve().parents[2]
TENANTRY = ROOT / ".venv" / "bin" / "tenantry"
KEEP = os.environ.get("KEEP", "") not in {"", "0"}
STARTED = time.monotonic()


class Demo:
    """A story's folder and workspace, and the commands that are run there."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tenantry-demo-"))
        self.folder.chmod(0o711)
        self.workspace = self.folder / "workspace"
        self.environment = {
            **os.environ,
            "TENANTRY_WORKSPACE": str(self.workspace),
            "PATH": f"{TENANTRY.parent}:{os.environ['PATH']}",
        }

    def run(
        self,
        *command: str,
        stdin: str = "",
        expect: int = 0,
        show: bool = True,
        secret_environment: dict[str, str] | None = None,
    ) -> str:
        """Print a command, run it, print what it says, and insist on its exit code."""
        if show:
            line = shlex.join(command).replace(str(self.folder), "$DEMO")
            print(f"\n{clock()} $ {line}", flush=True)
        ran = subprocess.run(
            command,
            input=stdin,
            env={**self.environment, **(secret_environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if expect else (None if show else subprocess.PIPE),
            text=True,
            check=False,
        )
        if show:
            print(textwrap.indent(shortened(ran.stdout), "    "), end="", flush=True)
        if ran.returncode != expect:
            print(ran.stdout, ran.stderr or "", file=sys.stderr)
            message = f"{command[0]} ended with {ran.returncode}, not with {expect}"
            raise SystemExit(message)
        return ran.stdout

    def ask(self, *command: str) -> dict[str, Any]:
        """Run a tenantry command quietly and return the data of its JSON envelope."""
        out = self.run("tenantry", *command, "--output", "json", show=False)
        data = json.loads(out)["data"]
        if not isinstance(data, dict):
            raise SystemExit("the envelope's data is no object")
        return data

    def secret(self, name: str, secret: str) -> str:
        """Return a secret; that it was shown, and why, goes to the journal."""
        shown = self.ask("credentials", "show", name, secret, "--reason", "the demo signs in")
        return str(shown["value"])


def chapter(title: str) -> None:
    """Print a heading."""
    print(f"\n{'─' * 78}\n{clock()} {title}\n{'─' * 78}", flush=True)


def clock() -> str:
    """Return the seconds since the start."""
    return f"[{time.monotonic() - STARTED:5.1f} s]"


def shortened(text: str, most: int = 32) -> str:
    """Return text with its middle left out where it is long."""
    lines = text.splitlines(keepends=True)
    if len(lines) <= most:
        return text if text.endswith("\n") or not text else text + "\n"
    half = most // 2
    return "".join([*lines[:half], f"… {len(lines) - most} more lines …\n", *lines[-half:]])


def insist(truth: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Stop with a sentence unless it is true."""
    if not truth:
        raise SystemExit(otherwise)


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
