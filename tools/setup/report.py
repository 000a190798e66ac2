"""What set-up says, and long steps that say how they are doing."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["Report", "SetupError"]

_TICK_SECONDS = 10.0
_TAIL_LINES = 15
_CREDENTIALS = re.compile(r"://[^/\s@]+@")  # an address of a registry may hold a password


class SetupError(Exception):
    """Something cannot be had: what and why, and what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Report:
    """Writes lines to standard error, each with the time since the start."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._start = time.monotonic()
        self._said = False

    def line(self, text: str) -> None:
        """Say something."""
        self._said = True
        elapsed = time.monotonic() - self._start
        print(f"setup {elapsed:6.1f} s  {text}", file=self._stream, flush=True)

    def error(self, error: SetupError) -> None:
        """Say what went wrong and what to do."""
        self.line(f"failed: {error}")
        if error.hint:
            self.line(f"what to do: {error.hint}")

    def done(self) -> None:
        """Say that everything is there; whether anything had to be done shows in the lines before."""
        self.line("ready" if self._said else "ready, nothing to do")

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        what: str,
        hint: str = "",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Run a long step; a line at least every 10 s says that it goes on, and with what.

        Args:
            argv: the program and its arguments.
            what: the step in a few words, "building the engine".
            hint: what to do when it fails.
            cwd: its working folder.
            env: variables beside those of this process.
            keep_open: file descriptors that the child holds too, such as a lock:
                when we are killed, it is free only after the child has ended.

        Raises:
            SetupError: the program is not there or failed; the end of its output was shown.
        """
        self.line(what)
        with tempfile.TemporaryFile() as log:
            try:
                child = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=keep_open,
                    start_new_session=True,
                )
            except OSError as error:
                raise SetupError(f"{what}: {argv[0]}: {error.strerror}", hint=hint) from error
            self._watch(child, log, what)
            if child.returncode != 0:
                for text in _lines(log)[-_TAIL_LINES:]:
                    self.line(f"  | {text}")
                raise SetupError(f"{what}: {Path(argv[0]).name} ended with {child.returncode}", hint=hint)

    def waiting(self, what: str, since: float) -> None:
        """Say that something is still being waited for."""
        self.line(f"{what} … {time.monotonic() - since:.0f} s")

    def _watch(self, child: subprocess.Popen[bytes], log: IO[bytes], what: str) -> None:
        since = time.monotonic()
        try:
            while True:
                try:
                    child.wait(_TICK_SECONDS)
                except subprocess.TimeoutExpired:
                    last = (_lines(log) or [""])[-1][:100]
                    self.waiting(f"{what}: {last}" if last else what, since)
                else:
                    return
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise


def _lines(log: IO[bytes]) -> list[str]:
    """Return the lines of a log that a child still writes to, without moving where it writes."""
    size = os.fstat(log.fileno()).st_size
    text = os.pread(log.fileno(), 8192, max(0, size - 8192)).decode(errors="replace")
    return [
        _CREDENTIALS.sub("://", line.strip())
        for line in text.replace("\r", "\n").splitlines()
        if line.strip()
    ]
