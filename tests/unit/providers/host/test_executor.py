"""The executor: files whole or not at all, and errors without secrets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenantry.errors import FailedError
from tenantry.providers.host.executor import Executor

_SECRET = "correct-horse-battery"


def _dead_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_write_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    (tmp_path / f".note.{_dead_pid()}.new").write_text("half")
    Executor().write(tmp_path / "note", "whole", mode=0o600)
    assert [one.name for one in tmp_path.iterdir()] == ["note"]


def test_a_removal_takes_what_a_killed_writer_left(tmp_path: Path) -> None:
    (tmp_path / f".note.{_dead_pid()}.new").write_text("half")
    Executor().remove(tmp_path / "note")
    assert list(tmp_path.iterdir()) == []


def test_what_another_run_is_writing_stays(tmp_path: Path) -> None:
    other = tmp_path / f".note.{os.getppid()}.new"
    other.write_text("half")
    Executor().write(tmp_path / "note", "whole", mode=0o600)
    assert other.exists()


def test_files_with_names_of_their_own_stay(tmp_path: Path) -> None:
    kept = {f".note.{_dead_pid()}.newer", f".other.{_dead_pid()}.new", ".note.x.new"}
    for name in kept:
        (tmp_path / name).touch()
    Executor().write(tmp_path / "note", "whole", mode=0o600)
    assert {one.name for one in tmp_path.iterdir()} == {*kept, "note"}


@pytest.mark.parametrize("before", [0, 590, 610])
def test_an_error_never_holds_a_part_of_a_secret(before: int) -> None:
    program = "import os, sys; sys.exit(os.environ['WORD'] + 'x' * int(sys.argv[1]))"
    with pytest.raises(FailedError) as raised:
        Executor().run([sys.executable, "-c", program, str(before)], env={"WORD": _SECRET})
    assert not any(_SECRET[at : at + 6] in raised.value.message for at in range(len(_SECRET) - 5))
