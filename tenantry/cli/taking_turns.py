"""Several pieces of work at a time, as far as what they share allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

__all__ = ["Shares", "together"]

T = TypeVar("T")
Shares = Mapping[str, int]  # what a piece of work shares with others → how many may use it at once


def together(
    names: Sequence[str],
    work: Callable[[str], T],
    *,
    jobs: int,
    shares: Mapping[str, Shares],
    on_wait: Callable[[str, str], None],
) -> Sequence[T]:
    """Do all pieces of work; return what each returned, in their order.

    Whatever can begin does, in the order of the names: one that waits keeps no other back. Each
    time something ends, those that waited longest are looked at first, so that none waits for ever.

    Args:
        names: of the pieces; each once.
        work: does one, in a thread of its own. What it raises is raised when all that runs has ended.
        jobs: how many at once in all.
        shares: of each piece that shares something.
        on_wait: told a name and why it waits, once for each reason.
    """
    waiting: dict[str, set[str]] = {name: set() for name in names}  # with the reasons that were told
    running: dict[Future[T], str] = {}
    used: Counter[str] = Counter()
    found: dict[str, T] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            for name, told in list(waiting.items()):
                reason = _full(shares.get(name, {}), used) or _busy(running, jobs)
                if reason and reason not in told:
                    told.add(reason)
                    on_wait(name, reason)
                if not reason:
                    del waiting[name]
                    used.update(shares.get(name, {}).keys())
                    running[pool.submit(work, name)] = name
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(ended)
                used.subtract(shares.get(name, {}).keys())
                found[name] = ended.result()
    return [found[name] for name in names]


def _full(shares: Shares, used: Mapping[str, int]) -> str:
    """Return which of what is shared has no place left, "" if all have."""
    full = (f"{most} at once {what}" for what, most in shares.items() if used.get(what, 0) >= most)
    return next(full, "")


def _busy(running: Mapping[Future[T], str], jobs: int) -> str:
    return f"{jobs} at once (--jobs)" if len(running) >= jobs else ""
