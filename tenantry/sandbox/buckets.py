"""Resource Manager's limits: a bucket of tokens for each kind of request, which fills again each second.

As Microsoft publishes them on "Understand how Azure Resource Manager throttles requests": for a
principal in a subscription, and fifteen times as much for all principals of it; requests about no
subscription count for the directory. On Azure each region of Resource Manager has buckets of its own,
and a caller is answered by the one that is nearest: that is one here.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tenantry.sandbox.answers import Answer

__all__ = ["LIMITS", "TOGETHER", "Buckets", "Limit", "Taken"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What one bucket holds, and what comes back."""

    tokens: int
    per_second: int


LIMITS: Final[Mapping[str, Limit]] = {
    "reads": Limit(tokens=250, per_second=25),
    "writes": Limit(tokens=200, per_second=10),
    "deletes": Limit(tokens=200, per_second=10),
}
TOGETHER: Final = 15  # times a principal's limit, for all principals of a subscription
_KINDS: Final = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What came of a request for a token."""

    headers: Mapping[str, str]  # of whatever is answered
    refusal: Answer | None = None


class _Bucket:
    def __init__(self, limit: Limit, *, times: int, now: float) -> None:
        self.most = limit.tokens * times
        self.per_second = limit.per_second * times
        self.tokens = float(self.most)
        self._filled = now

    def fill(self, now: float, speed: float) -> None:
        self.tokens = min(self.most, self.tokens + (now - self._filled) * self.per_second * speed)
        self._filled = now

    def wait(self, speed: float) -> float:
        """Return in how many seconds there is a token."""
        return max(0.0, 1.0 - self.tokens) / (self.per_second * speed)


class Buckets:
    """The buckets of all who ask. They are full after a restart. Threads may share them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Make them; ``clock`` tells seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}

    def take(self, method: str, *, subscription: str, principal: str, speed: float) -> Taken:
        """Take a token for a request; a refused one takes none.

        Args:
            method: of HTTP.
            subscription: its id, "" of a request about the directory.
            principal: who asks, an object id.
            speed: how many times as fast as Azure's the buckets fill.
        """
        kind = _KINDS.get(method, "writes")
        with self._lock:
            mine = self._filled((subscription.lower(), principal, kind), 1, speed)
            all_ = self._filled((subscription.lower(), "", kind), TOGETHER, speed)
            seconds = max(mine.wait(speed), all_.wait(speed))
            if not seconds:
                mine.tokens -= 1
                all_.tokens -= 1
            left = {"": int(mine.tokens), "global-": int(all_.tokens)}
        place = "subscription" if subscription else "tenant"
        headers = {f"x-ms-ratelimit-remaining-{place}-{more}{kind}": str(n) for more, n in left.items()}
        if not seconds:
            return Taken(headers=headers)
        return Taken(headers=headers, refusal=_refusal(kind, subscription, principal, math.ceil(seconds)))

    def _filled(self, key: tuple[str, str, str], times: int, speed: float) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(LIMITS[key[2]], times=times, now=now)
        bucket.fill(now, speed)
        return bucket


def _refusal(kind: str, subscription: str, principal: str, seconds: int) -> Answer:
    where = f"subscription '{subscription}'" if subscription else "tenant"
    message = (
        f"Number of '{kind.removesuffix('s')}' requests for {where} actor '{principal}' exceeded. "
        f"Please try again after '{seconds}' seconds."
    )
    code = "SubscriptionRequestsThrottled" if subscription else "TenantRequestsThrottled"
    return Answer(429, {"error": {"code": code, "message": message}}, {"Retry-After": str(seconds)})
