"""A command on a terminal: what passes through, and what signals do. Each runs in a process of its own."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tenantry.errors import RefusedError, UnavailableError
from tenantry.targets import terminal
from tenantry.targets.terminal import base_environment, check_program, run

_RUN = """
import sys
from pathlib import Path
from tenantry.targets.terminal import base_environment, run
sys.exit(run(sys.argv[1:], environment={**base_environment("/nonexistent"), "A": "b"}, folder=Path("/")))
"""
_COUNTING = "n=0; trap 'n=$((n+1))' INT; echo ready; read line; echo $n times; exit 5"


def _started(*command: str, tty: int | None = None) -> subprocess.Popen[bytes]:
    streams: int = subprocess.PIPE if tty is None else tty
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, *command],
        stdin=streams,
        stdout=streams,
        stderr=streams,
        preexec_fn=None if tty is None else lambda: _take(tty),  # noqa: PLW1509 - no threads here
        start_new_session=True,
    )


def _take(tty: int) -> None:
    """Make a terminal the one that controls this session."""
    import fcntl
    import termios

    fcntl.ioctl(tty, termios.TIOCSCTTY, 0)


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def _read_until(tty: int, text: str) -> str:
    seen, deadline = "", time.monotonic() + 60
    while text not in seen and time.monotonic() < deadline:
        seen += os.read(tty, 1000).decode()
    return seen


def test_input_output_errors_and_the_exit_code_pass_through() -> None:
    with _started("/bin/sh", "-c", "read line; echo got $line and $A; echo oh >&2; exit 7") as process:
        out, errors = process.communicate(b"hello\n", timeout=60)
    assert (out, errors, process.returncode) == (b"got hello and b\n", b"oh\n", 7)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_and_told_as_the_exit_code(number: signal.Signals) -> None:
    with _started("/bin/sh", "-c", "echo ready; exec sleep 300") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number


def test_a_command_does_not_outlive_a_kill_of_us() -> None:
    with _started("/bin/sh", "-c", "echo $$; exec sleep 300") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait(timeout=60)
    deadline = time.monotonic() + 20
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    outlived = _runs(child)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    assert not outlived


def _runs(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_the_interrupt_of_a_terminal_reaches_a_command_once_and_is_its_own_matter() -> None:
    with _terminal() as (ours, theirs), _started("/bin/sh", "-c", _COUNTING, tty=theirs) as process:
        _read_until(ours, "ready")
        os.write(ours, b"\x03")
        time.sleep(0.5)
        os.write(ours, b"\n\n")
        assert "1 times" in _read_until(ours, "times")
        assert process.wait(timeout=60) == 5


def test_a_command_ends_when_whoever_watches_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_LOOK_SECONDS", 0.5)
    monkeypatch.setattr(terminal, "_GRACE_SECONDS", 0.2)
    file = tmp_path / "pid"

    def watch() -> None:
        raise RefusedError("cancelled")

    with pytest.raises(RefusedError):
        run(
            ["/bin/sh", "-c", f"trap '' TERM; echo $$ > {file}; sleep 300 & wait; wait"],
            environment=base_environment("/nonexistent"),
            folder=Path("/"),
            watch=watch,
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


@pytest.mark.parametrize("name", ["nosuch", "./nosuch", "/nosuch", "/etc"])
def test_a_program_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(UnavailableError, match=f"there is no program {name}") as caught:
        check_program(name, Path("/"))
    assert (caught.value.code, "sh -c" in caught.value.hint) == ("missing-program", True)


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    with pytest.raises(UnavailableError, match="cannot be run"):
        run(["./text"], environment={}, folder=tmp_path)
