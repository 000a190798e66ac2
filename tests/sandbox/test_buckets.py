"""Resource Manager's limits as Microsoft publishes them, met by Microsoft's client and by ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.keyvault import KeyVaultManagementClient

from tenantry.sandbox.buckets import Buckets, Taken
from tests.support.plain_http import plain
from tests.support.sandbox import Sandbox

# learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling, of 2024 and
# later: size of the bucket, and what it is refilled with each second.
_PUBLISHED = {
    ("subscription", "GET", "reads"): (250, 25),
    ("subscription", "HEAD", "reads"): (250, 25),
    ("subscription", "DELETE", "deletes"): (200, 10),
    ("subscription", "PUT", "writes"): (200, 10),
    ("subscription", "PATCH", "writes"): (200, 10),
    ("subscription", "POST", "writes"): (200, 10),
    ("tenant", "GET", "reads"): (250, 25),
    ("tenant", "DELETE", "deletes"): (200, 10),
    ("tenant", "POST", "writes"): (200, 10),
}
_ALL_PRINCIPALS = 15  # times that, for a whole subscription
_AVAILABILITY = "providers/Microsoft.KeyVault/checkNameAvailability"
_NAME = {"name": "kv-buckets", "type": "Microsoft.KeyVault/vaults"}


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class _Caller:
    """Takes tokens of buckets whose time stands still."""

    def __init__(self) -> None:
        self.clock = _Clock()
        self.buckets = Buckets(self.clock)

    def take(
        self, method: str = "GET", *, subscription: str = "s", principal: str = "p", speed: float = 1
    ) -> Taken:
        return self.buckets.take(method, subscription=subscription, principal=principal, speed=speed)

    def until_refused(self, method: str = "GET", **whose: Any) -> int:
        """Return how many were answered before the first that was refused."""
        answered = 0
        while self.take(method, **whose).refusal is None:
            answered += 1
        return answered


@pytest.fixture
def caller() -> _Caller:
    return _Caller()


@pytest.mark.parametrize(("place", "method", "kind"), _PUBLISHED)
def test_a_bucket_holds_and_gets_back_what_is_published(
    caller: _Caller, place: str, method: str, kind: str
) -> None:
    size, per_second = _PUBLISHED[place, method, kind]
    subscription = "s" if place == "subscription" else ""
    first = caller.take(method, subscription=subscription)
    assert first.headers[f"x-ms-ratelimit-remaining-{place}-{kind}"] == str(size - 1)
    assert caller.until_refused(method, subscription=subscription) == size - 1
    caller.clock.now += 1
    assert caller.until_refused(method, subscription=subscription) == per_second
    caller.clock.now += 3600
    assert caller.until_refused(method, subscription=subscription) == size


def test_reads_writes_and_deletes_have_buckets_of_their_own(caller: _Caller) -> None:
    assert [caller.until_refused(method) for method in ("GET", "PUT", "DELETE")] == [250, 200, 200]


def test_each_subscription_and_each_principal_has_buckets_of_its_own(caller: _Caller) -> None:
    whose: list[dict[str, Any]] = [{}, {"subscription": "t"}, {"principal": "q"}]
    assert [caller.until_refused(**one) for one in whose] == [250, 250, 250]
    assert caller.take(subscription="S").refusal is not None  # ids are the same in capitals


def test_all_principals_of_a_subscription_have_fifteen_times_as_much(caller: _Caller) -> None:
    first = caller.take("DELETE", principal="p0")
    left = first.headers["x-ms-ratelimit-remaining-subscription-global-deletes"]
    assert int(left) == 200 * _ALL_PRINCIPALS - 1
    answered = 1 + sum(caller.until_refused("DELETE", principal=f"p{number}") for number in range(20))
    assert answered == 200 * _ALL_PRINCIPALS


def test_who_is_refused_is_told_when_there_is_a_token_and_takes_none(caller: _Caller) -> None:
    caller.until_refused("PUT")
    refusal = [caller.take("PUT").refusal for _ in range(50)][-1]
    assert refusal is not None
    assert (refusal.status, refusal.headers) == (429, {"Retry-After": "1"})
    assert refusal.body["error"]["code"] == "SubscriptionRequestsThrottled"
    assert "'write' requests for subscription 's' actor 'p'" in refusal.body["error"]["message"]
    caller.clock.now += 0.1
    assert caller.take("PUT").refusal is None


def test_a_bucket_fills_at_the_speed_of_the_clouds_time_and_is_no_larger_for_it(caller: _Caller) -> None:
    caller.until_refused("PUT", speed=6)
    caller.clock.now += 1
    assert caller.until_refused("PUT", speed=6) == 60
    caller.clock.now += 100
    assert caller.until_refused("PUT", speed=6) == 200


# --- a running sandbox ---


@pytest.fixture
def as_published(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox with Azure's own numbers."""
    sandbox.faults("limits", "1")
    yield sandbox
    sandbox.faults("clear")


def _posts(sandbox: Sandbox, count: int) -> Iterator[Any]:
    """Write so often and come again for none; yield what was refused, None for each that was not."""

    def post(_: int) -> Any:
        try:
            client.vaults.check_name_availability(_NAME)
        except HttpResponseError as error:
            return error.response
        return None

    with sandbox.client(KeyVaultManagementClient, retry_total=0) as client, ThreadPoolExecutor(8) as pool:
        yield from pool.map(post, range(count))


def _drain(sandbox: Sandbox) -> Any:
    """Write until a write is refused; return that answer."""
    refused = next((one for _ in range(20) for one in _posts(sandbox, 250) if one is not None), None)
    assert refused is not None, "5000 writes were not too many"
    return refused


def test_every_answer_tells_what_is_left_errors_too(sandbox: Sandbox) -> None:
    missing = f"{sandbox.subscription}/resourceGroups/rg-none"
    answer = plain(sandbox, "GET", missing, "2024-03-01")
    assert answer.status == 404
    assert 200 < int(answer.headers["x-ms-ratelimit-remaining-subscription-reads"]) < 250
    of_all = plain(sandbox, "GET", "/subscriptions", "2022-12-01")
    assert 200 < int(of_all.headers["x-ms-ratelimit-remaining-tenant-reads"]) < 250


def test_microsofts_client_comes_again_when_it_is_told_to(as_published: Sandbox) -> None:
    refused = _drain(as_published)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "SubscriptionRequestsThrottled" in refused.text()
    assert refused.headers["x-ms-ratelimit-remaining-subscription-writes"] == "0"
    with as_published.client(KeyVaultManagementClient) as client:
        started = time.monotonic()
        told = client.vaults.check_name_availability(_NAME)
    assert told.name_available
    assert time.monotonic() - started < 60


def test_many_calls_of_ours_at_once_all_come_through(as_published: Sandbox) -> None:
    before = as_published.command("status")["requests"].get("throttled", 0)
    _drain(as_published)
    arm = as_published.arm()
    path = f"{as_published.subscription}/{_AVAILABILITY}"
    with ThreadPoolExecutor(32) as pool:
        told = list(pool.map(lambda _: arm.post(path, "2024-11-01", _NAME), range(96)))
    arm.close()
    assert [one["nameAvailable"] for one in told] == [True] * 96
    assert as_published.command("status")["requests"]["throttled"] - before > 1


def test_an_ordinary_rehearsal_meets_no_limit(sandbox: Sandbox) -> None:
    before = sandbox.command("status")["requests"].get("throttled", 0)
    assert list(_posts(sandbox, 600)) == [None] * 600
    assert sandbox.command("status")["requests"].get("throttled", 0) == before
