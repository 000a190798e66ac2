"""The one private way in: the operator's own address, allowed for an operation and withdrawn (ADR 0015).

What is the same for each service stands here; what a service needs of its own is a
``Way``. The service tells the address that it sees when it refuses it; nobody else is
asked for it. What was opened is closed in any case, and looked at afterwards; what a
killed run left open is closed by the next one.
"""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import DefectError, FailedError, TenantryError, UnavailableError
from tenantry.ports import Event, Lease, OnEvent
from tenantry.targets.azure import lent_roles, locks

__all__ = ["Way", "opened", "shut"]

_Found = TypeVar("_Found")
_PATIENCE_SECONDS: Final = 180.0


class Way(ABC):
    """What it takes to open one service to one address, and to close it again."""

    role = (
        ""  # that whoever enters needs there, by the id of a built-in one; "": the service has its own logins
    )
    patience_seconds = _PATIENCE_SECONDS  # until it lets us in
    pauses: Sequence[float] = (1.0,)  # seconds between tries; the last one goes on
    remedy = "run the same command again"  # where it does not let us in

    def __init__(self, arm: Arm, resource_id: str) -> None:
        self.arm = arm
        self.id = resource_id

    @property
    def name(self) -> str:
        """The name of what is opened."""
        return self.id.rpartition("/")[2]

    @property
    def asked(self) -> Way:
        """Whose refusal tells our address: not every service names it."""
        return self

    @abstractmethod
    def allow(self, address: str) -> None:
        """Let one address in; "": be there for everybody, and refuse them."""

    def address(self) -> str:
        """Knock once; return the address that is refused, "" if it lets us in already.

        Raises:
            TenantryError: it says neither; it may a moment later.
        """
        raise DefectError(f"{type(self).__name__} does not tell an address")

    @abstractmethod
    def enter(self) -> None:
        """Enter once, and leave. Raise TenantryError while we are not let in."""

    @abstractmethod
    def close(self, lease: Lease) -> None:
        """Let nobody in any more. Not after a look, which may still show what was before it was opened."""

    @abstractmethod
    def is_closed(self) -> bool:
        """Look whether nobody is let in. What is gone is closed."""


@contextmanager
def opened(way: Way, lease: Lease, on_event: OnEvent, *, principal: str = "") -> Iterator[None]:
    """Let this machine reach a service for as long as the block runs.

    Of locks the instance's own alone is ever lifted.

    Args:
        way: to the service.
        lease: of the running operation.
        on_event: told that it opens and closes.
        principal: id of who enters, where the service asks for a role.

    Raises:
        UnavailableError: the address is not learned, or the service does not let it in.
        FailedError: somebody else's lock would forbid to close it again; nothing was opened then.
            Or afterwards it is still open.
        RefusedError: the operation was cancelled.
    """
    for resource in dict.fromkeys((way.id, way.asked.id)):
        locks.refuse_locked(way.arm, resource)
    lease.intent(f"way in: allow the operator's address at {way.name}")
    on_event(Event(text="opening the private way in for this machine"))
    role = ""
    try:
        if way.role:
            role = lent_roles.lend(way.arm, way.id, role=way.role, principal=principal)
        address = _address(way, lease)
        if address:
            way.allow(address)
            lease.evidence("way in: one address is allowed")
        if address or way.role:
            _until(way, way.enter, "does not let this machine in", lease)
        yield
    finally:
        on_event(Event(text="closing the private way in"))
        _withdraw(way, lease, role)
        lease.evidence("way in: withdrawn, and seen to be closed")


def shut(way: Way, lease: Lease) -> None:
    """Withdraw what an operation allowed, and look that it is so. What is gone is closed."""
    if not way.is_closed():
        _withdraw(way, lease, "")


def _withdraw(way: Way, lease: Lease, role: str) -> None:
    try:
        way.close(lease)
    finally:
        if way.role:
            lent_roles.withdraw(way.arm, way.id, known=role, lease=lease)
    _see_that_it_is_closed(way)


def _see_that_it_is_closed(way: Way) -> None:
    """Look until it is seen to be closed: a look may show what was a moment ago."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (way.is_closed() and not (way.role and lent_roles.left(way.arm, way.id))):
        if time.monotonic() < deadline:
            time.sleep(1)
            continue
        raise FailedError(
            f"the private way into {way.name} is still open",
            hint="run the same command again; in the portal its public access must be off, without a rule "
            "for an address, and without a role of tenantry's own principal there",
            code="way-in-open",
        )


def _address(way: Way, lease: Lease) -> str:
    """Return the address that a service sees and refuses; "" if it lets us in already."""
    asked = way.asked
    says = "does not say which address it sees"
    if asked is way:
        way.allow("")
        return _until(way, way.address, says, lease)
    try:
        asked.allow("")
        return _until(asked, asked.address, says, lease)
    finally:
        asked.close(lease)
        _see_that_it_is_closed(asked)


def _until(way: Way, act: Callable[[], _Found], why: str, lease: Lease) -> _Found:
    deadline = time.monotonic() + way.patience_seconds
    for pause in itertools.chain(way.pauses, itertools.repeat(way.pauses[-1])):
        try:
            return act()
        except TenantryError as error:
            if time.monotonic() + pause > deadline:
                raise UnavailableError(
                    f"{way.name} {why}: {error.message}", hint=way.remedy, code="no-way-in"
                ) from None
        lease.check()
        time.sleep(pause)
    raise DefectError("there is always another pause")
