"""A sandbox's files as a start leaves them, without its server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenantry.sandbox.ca import Authority
from tenantry.sandbox.parts.processes import write_record
from tenantry.sandbox.settings import Places, endpoints
from tests.unit.cli.conftest import AZURE

__all__ = ["standing", "use_sandbox"]


def use_sandbox(workspace: Path) -> Places:
    """Let a workspace use its sandbox, which was never started; return where its files are to be."""
    file = workspace / "tenantry.yaml"
    file.write_text(file.read_text().replace(AZURE, "azure: {cloud: sandbox}\n"))
    return Places(workspace / ".tenantry")


@contextmanager
def standing(places: Places) -> Iterator[subprocess.Popen[bytes]]:
    """Write every file of a sandbox that runs, in whose place a process waits for its end."""
    identity = places.make()
    Authority(places.authority)
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        write_record(places.process_file, process.pid)
        places.endpoints_file.write_text(
            json.dumps(endpoints(identity, places, pid=process.pid, machine="http://127.0.0.1:9"))
        )
        yield process
    finally:
        process.kill()
        process.wait()
