"""What Ctrl-C, SIGTERM and a lost terminal mean for a run that changes things.

The first SIGINT or SIGTERM asks the running step to finish: the operation is
marked for cancelling and the engine is told to start nothing new. The second
stops at once. Both end with exit code 130, and the same command goes on later.
A lost terminal (SIGHUP) changes nothing: the run goes on, and ``operation
attach`` shows it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from tenantry.cli.wiring import Wiring
from tenantry.errors import TenantryError

__all__ = ["stop_politely"]

_STOPPED = frozenset({"cancelled", "interrupted"})  # codes of errors by which a stop comes to an end


@contextmanager
def stop_politely(wiring: Wiring, name: str) -> Iterator[None]:
    """Handle the signals of a run on the instance ``name`` within the block.

    Raises:
        KeyboardInterrupt: the run was stopped by a signal.
    """
    asked = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        with suppress(OSError, ValueError):
            sys.stderr.write(
                "finishing the running step; once more stops at once. The same command goes on later.\n"
            )
        # In a thread: this thread may itself be inside a transaction of the register.
        threading.Thread(target=_ask_to_stop, args=(wiring, name), daemon=True).start()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    except TenantryError as error:
        if asked and error.code in _STOPPED:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


def _ask_to_stop(wiring: Wiring, name: str) -> None:
    wiring.interrupt()
    for operation in wiring.register.operations(name):
        if operation.ended_at is None and operation.pid == os.getpid() and wiring.runs(operation):
            wiring.register.request_cancel(operation.id)
