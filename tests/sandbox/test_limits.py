"""Resource Manager takes no more requests of a subscription than it publishes, where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.sandbox.faults import Faults
from tenantry.sandbox.limits import Limits
from tenantry.sandbox.store import Store

_ONE, _OTHER = "/subscriptions/a/resourcegroups", "/subscriptions/b/resourcegroups"


class _World:
    def __init__(self, folder: Path) -> None:
        self.faults = Faults(Store(folder / "sandbox.db"))
        self.seconds = 100.0
        self.limits = Limits(self.faults, principal="o", clock=lambda: self.seconds)

    def taken(self, method: str, path: str, *, of: int = 1000) -> int:
        """Return how many of so many requests at once are taken in."""
        return sum(self.limits.refusal(method, path) is None for _ in range(of))


@pytest.fixture
def world(tmp_path: Path) -> _World:
    return _World(tmp_path)


def test_nothing_is_counted_that_nobody_asked_for(world: _World) -> None:
    assert world.taken("GET", _ONE) == 1000


@pytest.mark.parametrize(
    ("method", "size", "refill"),
    [("GET", 250, 25), ("HEAD", 250, 25), ("PUT", 200, 10), ("POST", 200, 10), ("DELETE", 200, 10)],
)
def test_a_bucket_has_its_published_size_and_is_refilled_each_second(
    world: _World, method: str, size: int, refill: int
) -> None:
    world.faults.add("limits", value="1")
    assert world.taken(method, _ONE) == size
    world.seconds += 1
    assert world.taken(method, _ONE) == refill
    world.seconds += 3600
    assert world.taken(method, _ONE) == size


def test_the_scale_divides_both(world: _World) -> None:
    world.faults.add("limits", value="25")
    assert world.taken("GET", _ONE) == 10
    world.seconds += 2
    assert world.taken("GET", _ONE) == 2


def test_each_subscription_and_kind_of_operation_has_its_own(world: _World) -> None:
    world.faults.add("limits", value="1")
    assert [world.taken("GET", _ONE), world.taken("GET", _OTHER), world.taken("PUT", _ONE)] == [250, 250, 200]
    assert world.taken("GET", "/metadata/endpoints") == 1000


def test_who_is_refused_is_told_when_to_come_again(world: _World) -> None:
    world.faults.add("limits", value="125")
    world.taken("GET", _ONE)
    refused = world.limits.refusal("GET", _ONE)
    assert refused is not None
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.headers["x-ms-ratelimit-remaining-subscription-reads"] == "0"
    assert b"SubscriptionRequestsThrottled" in bytes(refused.body)
    world.seconds += 5
    assert world.limits.refusal("GET", _ONE) is None
