from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from tenantry.cli.taking_turns import Shares, together

_LONG = 5.0  # seconds until a test gives up


class _Works:
    """Pieces of work that run until they are let go; what each shares is counted while it runs."""

    def __init__(self, shares: Mapping[str, Shares]) -> None:
        self.shares = shares
        self.told: list[tuple[str, str]] = []
        self.most: Counter[str] = Counter()  # that ran at once, by what they share
        self.begun: list[str] = []
        self._running: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._go: set[str] = set()

    def work(self, name: str) -> str:
        mine = ["all", *self.shares.get(name, {})]
        with self._changed:
            self.begun.append(name)
            self._running.update(mine)
            self.most |= self._running
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: name in self._go or "*" in self._go, _LONG)
            self._running.subtract(mine)
        return name.upper()

    def let_go(self, name: str) -> None:
        with self._changed:
            self._go.add(name)
            self._changed.notify_all()

    def begins(self, *names: str) -> bool:
        """Wait until just these have begun."""
        with self._changed:
            return self._changed.wait_for(lambda: sorted(self.begun) == sorted(names), _LONG)

    def start(self, names: Sequence[str], *, jobs: int) -> threading.Thread:
        thread = threading.Thread(target=self.all, args=(names,), kwargs={"jobs": jobs}, daemon=True)
        thread.start()
        return thread

    def all(self, names: Sequence[str], *, jobs: int) -> Sequence[str]:
        return together(
            names, self.work, jobs=jobs, shares=self.shares, on_wait=lambda *told: self.told.append(told)
        )


_WEST: Shares = {"in s": 3, "in west of s": 1}
_NORTH: Shares = {"in s": 3, "in north of s": 2}


def test_what_each_returns_comes_in_the_order_of_the_names() -> None:
    works = _Works({})
    works.let_go("*")
    assert works.all(["c", "a", "b"], jobs=2) == ["C", "A", "B"]


def test_never_more_run_at_once_than_jobs_and_what_they_share_allow() -> None:
    shares = {
        f"{place[0]}{number}": place[1] for number in range(8) for place in (("w", _WEST), ("n", _NORTH))
    }
    works = _Works(shares)
    works.let_go("*")
    works.all(sorted(shares), jobs=5)
    assert sorted(works.begun) == sorted(shares)
    assert works.most["all"] <= 5
    assert works.most["in s"] <= 3
    assert works.most["in west of s"] == 1
    assert works.most["in north of s"] <= 2


def test_one_that_waits_keeps_no_other_back() -> None:
    works = _Works({"a": _WEST, "b": _WEST, "c": _NORTH})
    thread = works.start(["a", "b", "c", "d"], jobs=4)
    assert works.begins("a", "c", "d")
    works.let_go("c")
    works.let_go("d")
    time.sleep(0.05)
    assert works.begins("a", "c", "d")  # b waits for a, and for nothing else
    works.let_go("a")
    assert works.begins("a", "b", "c", "d")
    works.let_go("b")
    thread.join(_LONG)
    assert not thread.is_alive()


def test_who_waited_longest_goes_first() -> None:
    works = _Works(dict.fromkeys("abc", _WEST))
    thread = works.start(["a", "b", "c"], jobs=3)
    assert works.begins("a")
    works.let_go("a")
    assert works.begins("a", "b")
    works.let_go("*")
    thread.join(_LONG)
    assert works.begun == ["a", "b", "c"]


def test_who_waits_says_why_once_for_each_reason() -> None:
    works = _Works({"a": _WEST, "b": _WEST, "c": {}, "d": {}})
    thread = works.start(["a", "b", "c", "d"], jobs=2)
    assert works.begins("a", "c")
    for name in "acbd":
        works.let_go(name)
    thread.join(_LONG)
    reasons = set(works.told)
    assert {("b", "1 at once in west of s"), ("d", "2 at once (--jobs)")} <= reasons
    assert len(works.told) == len(reasons)
    assert {name for name, _ in reasons} == {"b", "d"}


def test_what_one_raises_is_raised_when_the_others_have_ended() -> None:
    ended = threading.Event()

    def work(name: str) -> None:
        if name == "bad":
            raise ValueError(name)
        time.sleep(0.1)
        ended.set()

    with pytest.raises(ValueError, match="bad"):
        together(["bad", "slow"], work, jobs=2, shares={}, on_wait=lambda *_: None)
    assert ended.is_set()
