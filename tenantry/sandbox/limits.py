"""How many requests Resource Manager takes of a principal in a subscription, where a rehearsal asks for it.

As published: a bucket per subscription, principal and kind of operation, which is refilled each second.
Whoever asks, a bucket is a subscription's here. The limits of resource providers, of the
directory and of all principals together are not there.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from tenantry.sandbox.answers import fault_answer
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts.notes import segment

__all__ = ["Limits"]

# Kind of operation: size of the bucket, tokens that come back each second.
_PUBLISHED = {"read": (250, 25), "write": (200, 10), "delete": (200, 10)}
_KINDS = {"GET": "read", "HEAD": "read", "DELETE": "delete"}


@dataclass
class _Bucket:
    tokens: float
    at: float


class Limits:
    """Counts the requests of each subscription."""

    def __init__(
        self, faults: Faults, *, principal: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Count nothing yet; ``clock`` tells seconds."""
        self._faults = faults
        self._principal = principal
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def refusal(self, method: str, path: str) -> Response | None:
        """Take a request in, or return what it is refused with."""
        limits = self._faults.holds("limits")
        subscription = segment(path, "subscriptions").lower()
        if limits is None or not subscription:
            return None
        kind = _KINDS.get(method, "write")
        wait = self._take(subscription, kind, scale=float(limits.value))
        if not wait:
            return None
        text = (
            f"Number of '{kind}' requests for subscription '{subscription}' actor '{self._principal}' "
            f"exceeded. Please try again after '{wait}' seconds after additional tokens are available."
        )
        response = fault_answer(ArmFault(429, "SubscriptionRequestsThrottled", text)).response()
        response.headers["Retry-After"] = str(wait)
        response.headers[f"x-ms-ratelimit-remaining-subscription-{kind}s"] = "0"
        return response

    def _take(self, subscription: str, kind: str, *, scale: float) -> int:
        """Take a token, or return in how many whole seconds there is one."""
        size, refill = (number / scale for number in _PUBLISHED[kind])
        size = max(size, 1.0)
        now = self._clock()
        with self._lock:
            bucket = self._buckets.setdefault((subscription, kind), _Bucket(size, now))
            bucket.tokens = min(size, bucket.tokens + (now - bucket.at) * refill)
            bucket.at = now
            if bucket.tokens >= 1.0:
                bucket.tokens -= 1.0
                return 0
            return max(1, math.ceil((1.0 - bucket.tokens) / refill))
