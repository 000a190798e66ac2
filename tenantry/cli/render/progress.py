"""Progress on standard error: plain lines, and on a terminal one live line below them.

What nothing had to be done to gets no line: how many there were is told at the end.

Writing to a terminal that is gone is no error: the work goes on, and
``operation attach`` shows its steps from the journal.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from tenantry.ports import Event

__all__ = ["Progress"]

_TICK_SECONDS = 1.0


class Progress:
    """Shows events as they come. Use as a context manager; call it with an Event."""

    def __init__(self, label: str = "") -> None:
        self._label = f"{label}: " if label else ""
        self._live = sys.stderr.isatty()
        self._started = time.monotonic()
        self._current = ""
        self._same: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if self._live:
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._live:
            self._ticker.join(timeout=2 * _TICK_SECONDS)
            self._write("\r\033[K")
        if self._same:
            what = "1 resource is" if len(self._same) == 1 else f"{len(self._same)} resources are"
            self._write(f"{time.monotonic() - self._started:6.1f} s  {self._label}{what} unchanged\n")

    def __call__(self, event: Event) -> None:
        """Show one event."""
        elapsed = time.monotonic() - self._started
        text = f"{event.text} {event.resource}".strip()
        line = f"{elapsed:6.1f} s  {self._label}{text}"
        with self._lock:
            self._current = text
            if event.same:
                self._same.add(event.resource)
                return
        self._write(f"\r\033[K{line}\n" if self._live else f"{line}\n")

    def _tick(self) -> None:
        while not self._stop.wait(_TICK_SECONDS):
            with self._lock:
                current = self._current
            elapsed = time.monotonic() - self._started
            self._write(f"\r\033[K{elapsed:6.1f} s  … {current}")

    def _write(self, text: str) -> None:
        # One write each, without a lock of ours: two threads cannot wait for one another.
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()
