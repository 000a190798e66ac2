"""Points at which a test may kill the process, each named after the effect beside it.

Off unless TENANTRY_FAULT_LOG (append the name of each point to this file) or
TENANTRY_FAULT_KILL is set (``n``: SIGKILL ourselves at the n-th point of this
process, from 1; ``n:name``: the n-th time that we pass the point of that name).
The list of points is what a run passed, so a new effect is covered without
anyone remembering it.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from pathlib import Path

__all__ = ["point"]

_LOG = os.environ.get("TENANTRY_FAULT_LOG", "")
_number, _, _NAME = os.environ.get("TENANTRY_FAULT_KILL", "0").partition(":")
_KILL = int(_number)
_counter = itertools.count(1)
_passes = itertools.count(1)  # of the point _NAME
_lock = threading.Lock()


def point(name: str) -> None:
    """Pass a point; a no-op in every run that is not a test of kills."""
    if not (_LOG or _KILL):
        return
    with _lock:
        number = next(_counter)
        if _LOG:
            with Path(_LOG).open("a", encoding="utf-8") as log:
                log.write(f"{number}\t{name}\n")
        if _NAME:
            number = next(_passes) if name == _NAME else 0
        if _KILL and number == _KILL:
            os.kill(os.getpid(), signal.SIGKILL)
