"""Signals to a run, and looking at it, joining it and stopping it from another process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation

_STOPPED = 130
_DEPLOY = ("instance", "deploy", "benin", "--output", "json")
_ERASE = ("erase", "run", "benin", "--confirm", "benin", "--output", "json")


class _Run:
    """A command under way, whose progress is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.told: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.told.append(line)

    def wait_for(self, text: str) -> None:
        """Wait until progress tells this."""
        _wait(lambda: any(text in line for line in self.told), run=self)

    def end(self) -> tuple[int, dict[str, object]]:
        """Wait for the end; return the exit code and the envelope."""
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(timeout=200)
        self.reader.join(timeout=5)
        envelope = json.loads(out)
        assert isinstance(envelope, dict)
        return code, envelope

    def stop(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)


def _wait(condition: Callable[[], bool], *, run: _Run) -> None:
    deadline = time.monotonic() + 200
    while not condition():
        assert run.process.poll() is None, "it ended before that: " + "".join(run.told)
        assert time.monotonic() < deadline, "it did not come to that: " + "".join(run.told)
        time.sleep(0.02)


@contextlib.contextmanager
def _running(installation: Installation, *command: str) -> Iterator[_Run]:
    if not (installation.folder / "instances/benin.yaml").exists():
        installation.write_spec("benin")
    with installation.start(*command) as process:
        run = _Run(process)
        try:
            yield run
        finally:
            process.kill()
            run.reader.join(timeout=5)  # before its file is closed


def _outcomes(installation: Installation) -> list[str]:
    rows = installation.run("operation", "list", "--instance", "benin").ok().data["operations"]
    return [row["outcome"] for row in rows]


def _codes(envelope: dict[str, object]) -> list[str]:
    problems = envelope["problems"]
    assert isinstance(problems, list)
    return [problem["code"] for problem in problems]


@pytest.fixture(scope="module")
def stopped(shared: Installation) -> tuple[Installation, int, dict[str, object], str]:
    """A deploy that got one SIGINT while the engine worked: exit code, envelope and what it told."""
    with _running(shared, *_DEPLOY) as run:
        _wait(lambda: bool(shared.running("initdb")), run=run)  # told is not begun: it may still stop there
        run.stop(signal.SIGINT)
        code, envelope = run.end()
    return shared, code, envelope, "".join(run.told)


def test_the_first_interrupt_lets_the_running_step_finish_and_says_how_to_go_on(
    stopped: tuple[Installation, int, dict[str, object], str],
) -> None:
    installation, code, envelope, told = stopped
    assert (code, _codes(envelope)) == (_STOPPED, ["interrupted"])
    assert "once more stops at once" in told
    assert "created Cluster" in told  # the step that ran
    assert "creating Process" not in told  # and none that had not begun
    assert _outcomes(installation)[-1] == "cancelled"


def test_after_an_interrupt_the_same_command_finishes_and_so_does_an_erasure(
    stopped: tuple[Installation, int, dict[str, object], str],
) -> None:
    installation, *_ = stopped
    installation.deploy("benin").ok()
    with _running(installation, *_ERASE) as run:
        run.wait_for("deleting Site")
        run.stop(signal.SIGTERM)
        code, envelope = run.end()
    assert (code, _codes(envelope)) == (_STOPPED, ["interrupted"]), "".join(run.told)
    assert installation.show("benin")["state"] == "erasing"
    absent = installation.run("erase", "run", "benin", "--confirm", "benin").ok().data["assets"]
    assert all(asset["absent"] for asset in absent)


def test_the_second_interrupt_stops_at_once_and_the_same_command_finishes(installation: Installation) -> None:
    with _running(installation, *_DEPLOY) as run:
        run.wait_for("creating Cluster")
        run.stop(signal.SIGTERM)
        run.wait_for("once more stops at once")
        began = time.monotonic()
        run.stop(signal.SIGINT)
        code, envelope = run.end()
        assert time.monotonic() - began < 10
    assert (code, _codes(envelope)) == (_STOPPED, ["interrupted"])
    assert _outcomes(installation) == ["cancelled"]
    installation.deploy("benin").ok()


def test_a_run_whose_terminal_is_lost_goes_on_and_can_be_joined(installation: Installation) -> None:
    with _running(installation, *_DEPLOY) as run:
        run.wait_for("creating Cluster")
        run.stop(signal.SIGHUP)
        row = _operation(installation)
        shown = installation.run("operation", "show", row["id"]).ok().data
        assert (shown["outcome"], shown["pid"]) == ("running", run.process.pid)
        joined = installation.run("operation", "attach", row["id"])
        assert joined.ok().data["outcome"] == "done"
        assert "engine up" in joined.err
        assert run.end()[0] == 0


def test_an_operation_is_cancelled_from_another_process(installation: Installation) -> None:
    with _running(installation, *_DEPLOY) as run:
        run.wait_for("creating Cluster")
        row = _operation(installation)
        installation.run("operation", "cancel", row["id"]).ok()
        code, envelope = run.end()
        assert (code, _codes(envelope)) == (_STOPPED, ["interrupted"])
    assert installation.run("operation", "attach", row["id"]).code == 1
    again = installation.run("operation", "cancel", row["id"])
    assert (again.code, again.problems[0]["code"]) == (1, "not-running")


def test_an_interrupt_of_several_deploys_reaches_each_of_them(installation: Installation) -> None:
    for name in ("benin", "burundi", "chad"):
        installation.write_spec(name)
    with _running(installation, "instance", "deploy", "--all", "--jobs", "2", "--output", "json") as run:
        run.wait_for("benin: creating Account")
        run.wait_for("burundi: creating Account")
        run.stop(signal.SIGINT)
        code, envelope = run.end()
    data = envelope["data"]
    assert isinstance(data, dict)
    assert code == _STOPPED
    assert [row["exit_code"] for row in data["instances"][:2]] == [_STOPPED, _STOPPED]
    assert data["instances"][2]["why"] == "not started: the run was stopped"
    assert not _children_of(run.process.pid)


def _operation(installation: Installation) -> dict[str, str]:
    rows = installation.run("operation", "list", "--running").ok().data["operations"]
    assert len(rows) == 1
    row = rows[0]
    assert isinstance(row, dict)
    return row


def _children_of(pid: int) -> list[str]:
    return [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and _parent(entry) == pid
    ]


def _parent(entry: Path) -> int:
    with contextlib.suppress(OSError):
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return 0
