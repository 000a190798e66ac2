"""Faults that a rehearsal asks for: what goes wrong, how often, and for whom."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import Response

from tenantry.sandbox.answers import fault_answer
from tenantry.sandbox.kinds import ArmFault, Cloud
from tenantry.sandbox.lengths import length_of
from tenantry.sandbox.store import Store

__all__ = ["Fault", "Faults", "held"]

_NOTES = "sandbox/fault/"
# A deploy that takes a quarter of an hour on Azure takes as many seconds here. At the speed of its time
# the limits of calls are met by whom they would be met by there.
_SPEED = 60.0


@dataclass
class Fault:
    """One fault."""

    id: str
    kind: str
    value: str = ""  # status, seconds, type, region or code
    type: str = ""  # of kinds "code" and "fail"; of kind "disk" the server's name
    left: int = -1  # times; -1: until it is cleared
    match: str = ""  # only requests with this method, or with this in their type
    message: str = ""  # of kinds "code" and "fail": Azure's words

    def concerns(self, method: str, type_: str) -> bool:
        """Say whether a request is meant."""
        wanted = self.match.lower()
        if self.kind in {"stuck", "policy"} and not same(self.value, type_):
            return False
        if self.kind in {"code", "fail"}:
            return same(self.type, type_) and method.lower() == (wanted or "put")
        return not wanted or wanted == method.lower() or same(wanted, type_)


def held(cloud: Cloud, kind: str) -> list[Fault]:
    """Return the faults of a kind that a real part is to suffer from, in the order of their making."""
    every = (Fault(**note) for note in cloud.recall(_NOTES).values())
    return [one for one in every if one.kind == kind]


def same(wanted: str, type_: str) -> bool:
    """Say whether a type, or the end of one, is meant: ``vaults``, ``Microsoft.KeyVault/vaults``."""
    wanted, type_ = wanted.lower(), type_.lower()
    return wanted == type_ or type_.endswith("/" + wanted)


class Faults:
    """The faults that hold. They outlive a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._faults = {name: Fault(**note) for name, note in store.recall(_NOTES).items()}
        self._ended = False
        self.changed = threading.Condition(self._lock)

    def add(
        self,
        kind: str,
        *,
        value: str = "",
        type_: str = "",
        count: int = -1,
        match: str = "",
        message: str = "",
    ) -> Fault:
        """Let something go wrong from now on."""
        fault = Fault(
            id=uuid.uuid4().hex[:8],
            kind=kind,
            value=value,
            type=type_,
            left=count,
            match=match,
            message=message,
        )
        with self._lock:
            self._faults[_NOTES + fault.id] = fault
            self._store.remember(_NOTES + fault.id, asdict(fault))
        return fault

    def list(self) -> list[dict[str, Any]]:
        """Return what holds."""
        with self._lock:
            return [asdict(one) for one in self._faults.values()]

    def clear(self) -> int:
        """Let nothing go wrong any more; return how many ended."""
        with self._lock:
            count = len(self._faults)
            for name in self._faults:
                self._store.remember(name, None)
            self._faults.clear()
            self.changed.notify_all()
        return count

    def take(self, kind: str, *, method: str = "", type_: str = "") -> Fault | None:
        """Return the fault that meets a request, and count it."""
        with self._lock:
            for name, fault in self._faults.items():
                if fault.kind == kind and fault.concerns(method, type_):
                    return self._count(name, fault)
        return None

    def holds(self, kind: str, *, method: str = "", type_: str = "", value: str = "") -> Fault | None:
        """Return a fault without counting it."""
        with self._lock:
            for fault in self._faults.values():
                if fault.kind == kind and fault.concerns(method, type_) and value in ("", fault.value):
                    return fault
        return None

    def every(self, kind: str, *, method: str, type_: str) -> Sequence[Fault]:
        """Return all faults of a kind that a request would meet, without counting them."""
        with self._lock:
            return [one for one in self._faults.values() if one.kind == kind and one.concerns(method, type_)]

    def storm(self, method: str, type_: str) -> Response | None:
        """Return the answer of a service that is busy, broken or refuses, if it is to be."""
        if self.take("throttle", method=method, type_=type_) is not None:
            fault = ArmFault(429, "TooManyRequests", "The request is being throttled.")
            response = fault_answer(fault).response()
            response.headers["Retry-After"] = "1"
            return response
        if (one := self.take("error", method=method, type_=type_)) is not None:
            return fault_answer(ArmFault(int(one.value), "InternalServerError", "Rehearsed.")).response()
        if (one := self.take("code", method=method, type_=type_)) is not None:
            return fault_answer(_rehearsed(one, type_)).response()
        return None

    def pace(self, method: str, type_: str, *, new: bool = False) -> float:
        """Return how many seconds a write takes where the pace is Azure's."""
        pace = self.holds("pace", method=method, type_=type_)
        return length_of(type_, method, new=new) / float(pace.value) if pace else 0.0

    def speed(self) -> float:
        """Return how many times as fast as Azure's the limits of calls are refilled: as fast as time goes."""
        for kind in ("limits", "pace"):
            every = (one for one in self.list() if one["kind"] == kind and not one["match"])
            if (found := next(every, None)) is not None:
                return float(found["value"])
        return _SPEED

    def keep_pace(self, method: str, type_: str, *, new: bool = False) -> None:
        """Wait as long as a write takes that is answered at its end."""
        self._wait(self.pace(method, type_, new=new))

    def _wait(self, seconds: float) -> None:
        with self.changed:
            if seconds:
                self.changed.wait_for(lambda: self._ended or not self._faults, seconds)

    def delay(self, method: str, type_: str, *, new: bool = False) -> None:
        """Wait as long as operations last; a stuck one until the faults are cleared."""
        slow = self.holds("slow", method=method, type_=type_)
        self._wait(float(slow.value) if slow else self.pace(method, type_, new=new))
        with self.changed:
            while not self._ended and any(
                one.kind == "stuck" and one.concerns(method, type_) for one in self._faults.values()
            ):
                self.changed.wait(1.0)

    def fail(self, method: str, type_: str) -> None:
        """Raise what an operation ends with that was accepted, if one is to fail."""
        if (one := self.take("fail", method=method, type_=type_)) is not None:
            raise _rehearsed(one, type_)

    def release(self) -> None:
        """Let nobody wait any more: the server ends."""
        with self.changed:
            self._ended = True
            self.changed.notify_all()

    def refuse_put(self, type_: str, location: str) -> None:
        """Raise what a PUT of a type in a region meets."""
        if self.holds("policy", method="PUT", type_=type_):
            raise ArmFault(
                403,
                "RequestDisallowedByPolicy",
                "Resource was disallowed by policy. Policy identifiers: 'tenantry-rehearsal'.",
            )
        if location and self.holds("capacity", method="PUT", type_=type_, value=location):
            raise ArmFault(409, "AllocationFailed", f"The region {location} has no capacity for {type_}.")

    def _count(self, name: str, fault: Fault) -> Fault:
        if fault.left > 0:
            fault.left -= 1
            self._store.remember(name, asdict(fault) if fault.left else None)
            if not fault.left:
                del self._faults[name]
        return fault


def _rehearsed(fault: Fault, type_: str) -> ArmFault:
    code = fault.value
    return ArmFault(_STATUS.get(code, 409), code, fault.message or f"Rehearsed: {code} for {type_}.")


# The status that Azure answers a code with; 409 where none is listed.
_STATUS = {
    "RequestDisallowedByPolicy": 403,
    "AuthorizationFailed": 403,
    "LinkedAuthorizationFailed": 403,
    "Forbidden": 403,
    "LocationIsOfferRestricted": 400,
    "RegionIsOfferRestricted": 400,
    "ParameterOutOfRange": 400,
    "RegionDoesNotAllowProvisioning": 400,
    "MultiAzHaIsOfferRestricted": 400,
    "NoRegisteredProviderFound": 400,
    "InUseSubnetCannotBeDeleted": 400,
    "QuotaExceeded": 400,
    "ResourceQuotaExceeded": 400,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "TooManyRequests": 429,
    "MethodNotAllowed": 405,
    "DnsRecordInUse": 400,
}
