from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.errors import BusyError
from tenantry.providers.host import children

STUBBORN = 'trap "" TERM; echo ready; while :; do sleep 0.05; done'


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A text that no other process uses."""
    return str(tmp_path / "mark")


@pytest.fixture
def sleeper(mark: str) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sh", "-c", "read -r line", f"--config={mark}"], stdin=subprocess.PIPE)
    yield child
    child.communicate()


def pids(text: str, *, program: str = "", uid: int | None = None) -> list[int]:
    return [found.pid for found in children.processes_using(text, program=program, uid=uid)]


def test_a_process_is_found_by_the_value_of_an_option(sleeper: subprocess.Popen[bytes], mark: str) -> None:
    assert sleeper.pid in pids(mark)


def test_a_process_is_found_by_its_working_folder(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as child:
        assert pids(str(tmp_path)) == [child.pid]
        child.kill()


def test_a_process_is_found_by_its_environment_only_if_asked_for(mark: str) -> None:
    with subprocess.Popen(["sleep", "60"], env={"MARK": mark}) as child:
        assert pids(mark) == []
        found = children.processes_using(mark, environment=True)
        assert [one.pid for one in found] == [child.pid]
        child.kill()


def test_another_program_or_user_is_none_of_them(sleeper: subprocess.Popen[bytes], mark: str) -> None:
    assert pids(mark, program="pgbackrest") == []
    assert pids(mark, uid=os.geteuid() + 1) == []


def test_a_zombie_is_no_process(mark: str) -> None:
    child = subprocess.Popen(["true", mark])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert pids(mark) == []
    child.wait()


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(mark: str) -> None:
    with subprocess.Popen(["sh", "-c", STUBBORN, mark], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert children.end(mark, uid=os.geteuid(), grace_seconds=0.1) == 1
        assert child.wait() == -9


def test_nothing_to_end_is_fine(mark: str) -> None:
    assert children.end(mark, uid=os.geteuid()) == 0


def test_waiting_for_a_process_that_does_not_end_says_which(
    sleeper: subprocess.Popen[bytes], mark: str
) -> None:
    with pytest.raises(BusyError, match=str(sleeper.pid)):
        children.wait_for(mark, program="sh", uid=os.geteuid(), seconds=0.2)
