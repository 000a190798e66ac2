"""One operation per instance: who comes second, and what is taken over from the dead."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.installation import Installation

_BUSY = 75
_TRIES = 5


@contextlib.contextmanager
def _stopped_in_a_deploy(
    installation: Installation,
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A deploy that holds the instance for as long as the block lasts."""
    for _ in range(_TRIES):
        holder = installation.start("instance", "deploy", "benin", "--reason", "the first")
        try:
            while holder.poll() is None and not _running(installation):
                time.sleep(0.05)
            holder.send_signal(signal.SIGSTOP)  # it lives, however long the test takes
            if rows := _running(installation):  # else it was through before it was stopped
                yield holder, rows[0]
                return
        finally:
            holder.send_signal(signal.SIGCONT)
            holder.communicate(timeout=200)
    raise AssertionError("no deploy was caught while it ran")


def _running(installation: Installation) -> list[dict[str, str]]:
    return list(installation.run("operation", "list", "--running").ok().data["operations"])


def test_the_second_operation_is_busy_and_names_the_first(benin: Installation) -> None:
    with _stopped_in_a_deploy(benin) as (holder, row):
        for command in (
            ("instance", "deploy", "benin"),
            ("instance", "suspend", "benin", "--reason", "the second"),
            ("backup", "create", "benin"),
            ("erase", "run", "benin", "--confirm", "benin"),
        ):
            answer = benin.run(*command)
            assert answer.code == _BUSY, answer.out
            told = answer.problems[0]["message"]
            started = row["started_at"].removesuffix("Z").split(".")[0]
            assert row["id"] in told
            assert "deploy" in told
            assert started in told
            assert f"process {holder.pid}" in told
    assert benin.show("benin")["state"] == "active"


def test_a_dead_holder_is_taken_over_from_and_told(benin: Installation) -> None:
    killed = benin.start("instance", "deploy", "benin", env={"TENANTRY_FAULT_KILL": "1:before pulumi up"})
    killed.communicate(timeout=200)
    assert killed.returncode == -signal.SIGKILL
    benin.deploy("benin").ok()
    rows = benin.run("operation", "list", "--instance", "benin").ok().data["operations"]
    assert [row["outcome"] for row in rows[:2]] == ["done", "died"]
    texts = [line["text"] for line in benin.run("journal", "show").ok().data["lines"]]
    assert any(f"process {killed.pid} is dead" in (text or "") for text in texts)


def test_a_stack_that_a_living_process_locked_is_busy_and_keeps_its_lock(benin: Installation) -> None:
    with _locked(benin, pid=os.getpid(), host=socket.gethostname()) as lock:
        answer = benin.run("instance", "deploy", "benin")
        assert (answer.code, answer.problems[0]["code"]) == (_BUSY, "stack-locked")
        assert str(os.getpid()) in answer.problems[0]["message"]
        assert lock.exists()


def test_a_stack_that_another_host_locked_is_busy_and_keeps_its_lock(benin: Installation) -> None:
    with _locked(benin, pid=_dead_pid(), host="elsewhere") as lock:
        answer = benin.run("instance", "deploy", "benin")
        assert (answer.code, answer.problems[0]["code"]) == (_BUSY, "stack-locked")
        assert "elsewhere" in answer.problems[0]["message"]
        assert lock.exists()


def test_a_stack_that_a_dead_process_locked_is_taken_over(benin: Installation) -> None:
    with _locked(benin, pid=_dead_pid(), host=socket.gethostname()) as lock:
        benin.deploy("benin").ok()
        assert not lock.exists()
    texts = [line["text"] for line in benin.run("journal", "show").ok().data["lines"]]
    assert any("took over the engine's lock" in (text or "") for text in texts)


@pytest.mark.parametrize("pid", [0, os.getpid()], ids=["init", "own"])
def test_a_pid_that_another_process_has_by_now_proves_death_by_its_start(
    benin: Installation, pid: int
) -> None:
    """The lock is older than the machine's boot: whoever has that pid now did not take it."""
    with _locked(benin, pid=pid or 1, host=socket.gethostname(), at=datetime(2020, 1, 1, tzinfo=UTC)) as lock:
        benin.deploy("benin").ok()
        assert not lock.exists()


@contextlib.contextmanager
def _locked(benin: Installation, *, pid: int, host: str, at: datetime | None = None) -> Iterator[Path]:
    """Lock the stack as the engine does."""
    folder = benin.private / "engine/state/.pulumi/locks/organization/tenantry" / benin.opaque("benin")
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "0b6e2f0c-6a3e-4f5e-9d1c-3f1f6b7f2a11.json"
    since = (at or datetime.now(UTC)).isoformat()
    lock.write_text(json.dumps({"pid": pid, "username": "ada", "hostname": host, "timestamp": since}))
    try:
        yield lock
    finally:
        lock.unlink(missing_ok=True)


def _dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid
