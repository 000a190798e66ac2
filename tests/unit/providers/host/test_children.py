from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import BusyError
from tenantry.providers.host import children

WAITING = "echo ready; read -r line"  # a child of the shell's would count as well
STUBBORN = f'trap "" TERM; {WAITING}'


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A text that no other process uses."""
    return str(tmp_path / "mark")


def start(*argv: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a shell that says when it is ready; Popen returns before the kernel shows its name."""
    child = subprocess.Popen(["sh", "-c", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    assert child.stdout is not None
    child.stdout.readline()
    return child


@pytest.fixture
def sleeper(mark: str) -> Iterator[subprocess.Popen[bytes]]:
    with start(WAITING, f"--config={mark}") as child:
        yield child


def pids(text: str, *, program: str = "", uid: int | None = None) -> list[int]:
    return [found.pid for found in children.processes_using(text, program=program, uid=uid)]


def test_a_process_is_found_by_the_value_of_an_option(sleeper: subprocess.Popen[bytes], mark: str) -> None:
    assert sleeper.pid in pids(mark)


def test_a_process_is_found_by_its_working_folder(tmp_path: Path) -> None:
    with start(WAITING, cwd=tmp_path) as child:
        assert pids(str(tmp_path)) == [child.pid]


def test_a_process_is_found_by_its_environment_only_if_asked_for(mark: str) -> None:
    with start(WAITING, env={"MARK": mark}) as child:
        assert pids(mark) == []
        found = children.processes_using(mark, environment=True)
        assert [one.pid for one in found] == [child.pid]


def test_another_program_or_user_is_none_of_them(sleeper: subprocess.Popen[bytes], mark: str) -> None:
    assert pids(mark, program="pgbackrest") == []
    assert pids(mark, uid=os.geteuid() + 1) == []


def test_a_zombie_is_no_process(mark: str) -> None:
    child = subprocess.Popen(["true", mark])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert pids(mark) == []
    child.wait()


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(mark: str) -> None:
    with start(STUBBORN, mark) as child:
        assert children.end(mark, uid=os.geteuid(), grace_seconds=0.1) == 1
        assert child.wait() == -9


def test_nothing_to_end_is_fine(mark: str) -> None:
    assert children.end(mark, uid=os.geteuid()) == 0


def test_waiting_for_a_process_that_does_not_end_says_which(
    sleeper: subprocess.Popen[bytes], mark: str
) -> None:
    with pytest.raises(BusyError, match=str(sleeper.pid)):
        children.wait_for(mark, program="sh", uid=os.geteuid(), seconds=0.2)
