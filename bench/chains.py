"""The critical path: the longest chain of pieces of work, each of which needs the one before. Arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Span", "in_ranks", "longest"]


@dataclass(frozen=True, kw_only=True)
class Span:
    """A write that the sandbox worked on."""

    method: str
    id: str  # of the resource, in lower case
    start: float  # seconds since 1970
    end: float

    @property
    def seconds(self) -> float:
        """How long it was worked on."""
        return self.end - self.start


def longest(needs: Mapping[Span, Collection[Span]]) -> tuple[float, Sequence[Span]]:
    """Return the longest chain and its length in seconds; ``needs`` has all work, with what each waits for.

    Raises:
        ValueError: something needs itself, or what is not there.
    """
    ends: dict[Span, float] = {}
    before: dict[Span, Span | None] = {}
    waiting = dict(needs)
    while waiting:
        ready = [one for one, those in waiting.items() if all(other in ends for other in those)]
        if not ready:
            raise ValueError(f"these need each other, or what is not there: {sorted(s.id for s in waiting)}")
        for one in ready:
            last = max(waiting.pop(one), key=ends.__getitem__, default=None)
            ends[one] = one.seconds + (ends[last] if last is not None else 0.0)
            before[one] = last
    chain: list[Span] = []
    here: Span | None = max(ends, key=ends.__getitem__, default=None)
    total = ends[here] if here is not None else 0.0
    while here is not None:
        chain.append(here)
        here = before[here]
    return total, chain[::-1]


def in_ranks(ranked: Mapping[Span, tuple[int, str]]) -> Mapping[Span, Collection[Span]]:
    """Return what each needs that needs all of the ranks before its own, and what came before it on its own.

    ``ranked`` has the rank of each, and a name: work under one name is done one after the other.
    """
    return {
        one: [
            other
            for other, (its_rank, its_name) in ranked.items()
            if its_rank < rank or ((its_rank, its_name) == (rank, name) and other.end <= one.start)
        ]
        for one, (rank, name) in ranked.items()
    }
