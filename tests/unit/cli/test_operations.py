"""The operations of machines with one host name and one register."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tenantry.cli.wiring import Wiring
from tests.unit.cli.conftest import SPECS, Run


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this machine that has nothing to do with tenantry."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def elsewhere(ready: Run, workspace: Path, bystander: subprocess.Popen[bytes]) -> Iterator[str]:
    """The id of an operation that runs on another machine with this host name, with the bystander's pid."""
    (workspace / "instances").mkdir(exist_ok=True)
    (workspace / "instances" / "benin.yaml").write_text(SPECS["host"], encoding="utf-8")
    wiring = Wiring(workspace)
    instance = wiring.adder(*wiring.spec("benin"))()
    with wiring.register.lease(instance, kind="deploy", person="Ada", reason="") as lease:
        with closing(sqlite3.connect(workspace / ".tenantry" / "register.db")) as opened, opened:
            opened.execute("UPDATE operations SET process_started = 'elsewhere:1', pid = ?", [bystander.pid])
        yield lease.operation.id


def test_one_that_runs_on_another_machine_is_told_as_running(ready: Run, elsewhere: str) -> None:
    _, answer = ready("operation", "list")
    assert [(one["id"], one["outcome"]) for one in answer["data"]["operations"]] == [(elsewhere, "running")]


def test_its_cancel_signals_no_process_of_this_machine(
    ready: Run, elsewhere: str, workspace: Path, bystander: subprocess.Popen[bytes]
) -> None:
    assert ready("operation", "cancel", elsewhere)[0] == 0
    found = Wiring(workspace).register.operation(elsewhere)
    assert found is not None
    assert found.cancel_requested
    time.sleep(0.2)
    assert bystander.poll() is None
