"""Times things in turn, so that a load which comes and goes meets all of them."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

__all__ = ["in_turn", "seconds", "seconds_of"]

_PATIENCE = 600.0  # seconds; a busy machine is slow


def seconds(act: Callable[[], object]) -> float:
    """Return how long it takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def seconds_of(argv: Sequence[str], *, env: Mapping[str, str] | None = None, told: bytes = b"") -> float:
    """Return how long a program takes to its end; ``told`` is its standard input.

    Raises:
        RuntimeError: it failed; the message ends with what it said.
    """
    with tempfile.TemporaryFile(mode="w+") as said:  # a pipe would be held open by what the program starts
        started = time.perf_counter()
        code = subprocess.run(
            argv, env=env, input=told, stdout=said, stderr=said, check=False, timeout=_PATIENCE
        ).returncode
        took = time.perf_counter() - started
        if code != 0:
            said.seek(0)
            raise RuntimeError(f"{' '.join(argv[:4])} ended with {code}: {said.read()[-2000:]}")
    return took


def in_turn(
    ours: Callable[[], object], baseline: Callable[[], object], *, rounds: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the times of ours and of the baseline, measured one after the other, round by round."""
    pairs = [(seconds(baseline), seconds(ours)) for _ in range(rounds)]
    return tuple(one for _, one in pairs), tuple(one for one, _ in pairs)
