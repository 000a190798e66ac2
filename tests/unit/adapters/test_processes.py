"""Processes are known by their start, not by their number."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tenantry.adapters.processes import identity, is_alive


def test_this_process_is_alive() -> None:
    assert is_alive(os.getpid(), identity(os.getpid()))


def test_an_identity_is_the_boot_and_the_start() -> None:
    boot, start = identity(os.getpid()).split(":")
    known = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (boot, start.isdigit()) == (known, True)


def test_the_identity_of_no_process_is_an_error() -> None:
    with pytest.raises(ProcessLookupError):
        identity(2**22 + 1)  # above the greatest pid that Linux gives


def test_a_process_that_ended_is_dead() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        known = identity(child.pid)
        child.kill()
    assert not is_alive(child.pid, known)


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        known = identity(child.pid)
        child.kill()
        _wait_for_state(child.pid, "Z")
        assert not is_alive(child.pid, known)


def test_a_stopped_process_is_alive() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        known = identity(child.pid)
        child.send_signal(19)
        _wait_for_state(child.pid, "T")
        try:
            assert is_alive(child.pid, known)
        finally:
            child.kill()


def test_another_process_with_the_same_pid_does_not_count() -> None:
    boot, start = identity(os.getpid()).split(":")
    assert not is_alive(os.getpid(), f"{boot}:{int(start) - 1}")


def test_a_process_of_an_earlier_boot_is_dead() -> None:
    _, start = identity(os.getpid()).split(":")
    assert not is_alive(os.getpid(), f"00000000-0000-0000-0000-000000000000:{start}")


def test_a_name_with_brackets_and_spaces_does_not_confuse() -> None:
    renamed = "import pathlib, time; pathlib.Path('/proc/self/comm').write_text(') Z 1 (')"
    script = f"{renamed}; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            assert is_alive(child.pid, identity(child.pid))
        finally:
            child.kill()


def _wait_for_state(pid: int, state: str) -> None:
    stat = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + 10
    while stat.read_text().rpartition(")")[2].split()[0] != state:
        assert time.monotonic() < deadline
        time.sleep(0.01)
