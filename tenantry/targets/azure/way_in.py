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
from functools import partial
from typing import Final, TypeVar

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import DefectError, FailedError, Problem, StoppedError, TenantryError, UnavailableError
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
    def refuses(self, error: TenantryError) -> bool:
        """Say whether an error of entering means the address, and not a role that is not in force yet."""

    @abstractmethod
    def closing(self, lease: Lease) -> Sequence[Callable[[], object]]:
        """Return what lets nobody in any more, part by part: each is done whatever becomes of another.

        Not after a look, which may still show what was before it was opened.
        """

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
            Or afterwards it may still be open (``way-in-open``): what went wrong inside is told beside.
        RefusedError: the operation was cancelled.
        StoppedError: somebody stopped the closing itself.
    """
    for resource in dict.fromkeys((way.id, way.asked.id)):
        locks.refuse_locked(way.arm, resource)
    lease.intent(f"way in: allow the operator's address at {way.name}")
    on_event(Event(text="opening the private way in for this machine"))
    role, inside = "", list[Problem]()
    try:
        if way.role:
            role = lent_roles.lend(way.arm, way.id, role=way.role, principal=principal)
        _let_in(way, lease)
        yield
    except TenantryError as error:
        inside += error.problems
        raise
    finally:
        on_event(Event(text="closing the private way in"))
        _withdraw(way, lease, role, inside=inside)
        lease.evidence("way in: withdrawn, and seen to be closed")


def shut(way: Way, lease: Lease) -> None:
    """Withdraw what an operation allowed, and look that it is so. What is gone is closed.

    Raises:
        FailedError: it may still be open.
        StoppedError: the closing was stopped.
    """
    if not way.is_closed():
        _withdraw(way, lease)


def _withdraw(way: Way, lease: Lease, role: str = "", *, inside: Sequence[Problem] = ()) -> None:
    """Withdraw each part of what was allowed, and look that it is so; ``inside`` is told beside a failure."""
    parts = [*way.closing(lease)]
    if way.role:
        parts.append(partial(lent_roles.withdraw, way.arm, way.id, known=role, lease=lease))
    try:
        failed = _failures(parts) or _failures([partial(_see_that_it_is_closed, way)])
    except KeyboardInterrupt:
        raise StoppedError([_left_open(way, "it was stopped while it was being closed"), *inside]) from None
    if failed:
        left = _left_open(way, "; ".join(failed))
        raise FailedError(problems=[left, *inside], code=left.code, hint=left.hint)


def _failures(parts: Sequence[Callable[[], object]]) -> Sequence[str]:
    """Do each part whatever becomes of another; return why some failed."""
    failed = dict[str, None]()  # in their order, each once
    for part in parts:
        try:
            part()
        except TenantryError as error:
            failed[error.message] = None
    return [*failed]


def _left_open(way: Way, why: str) -> Problem:
    return Problem(
        code="way-in-open",
        message=f"the private way into {way.name} may still be open: {why}",
        hint="run the same command again, or deploy the instance: either closes it. In the portal its public "
        "access must be off, without a rule for an address, and without a role of tenantry's own principal "
        "there",
    )


def _see_that_it_is_closed(way: Way) -> None:
    """Look until it is seen to be closed: a look may show what was a moment ago."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (way.is_closed() and not (way.role and lent_roles.left(way.arm, way.id))):
        if time.monotonic() > deadline:
            raise FailedError(f"it is not seen to be closed after {_PATIENCE_SECONDS:.0f} seconds")
        time.sleep(1)


def _let_in(way: Way, lease: Lease) -> None:
    """Have our address allowed, and wait until the service lets us in.

    It may let us in at first by what a killed run allowed: that ends late, too.
    """
    why, address = "does not let this machine in", _allowed(way, lease)
    if not (address or way.role):
        return
    try:
        _until(way, way.enter, why, lease, unless=lambda error: not address and way.refuses(error))
    except TenantryError as error:
        if address or not way.refuses(error):
            raise
        _allowed(way, lease)
        _rest(way.pauses[-1], lease)  # it was knocked at just now
        _until(way, way.enter, why, lease, pauses=itertools.repeat(way.pauses[-1]))


def _allowed(way: Way, lease: Lease) -> str:
    """Allow the address that a service refuses; return it, "" if it lets us in already."""
    address = _address(way, lease)
    if address:
        way.allow(address)
        lease.evidence("way in: one address is allowed")
    return address


def _address(way: Way, lease: Lease) -> str:
    """Return the address that a service sees and refuses; "" if it lets us in already."""
    asked = way.asked
    says = "does not say which address it sees"
    if asked is way:
        way.allow("")
        return _until(way, way.address, says, lease)

    def told() -> str:
        """Ask; that the one lets us in says of the other nothing."""
        address = asked.address()
        if not address:
            try:
                way.enter()
            except TenantryError as error:
                if way.refuses(error):
                    raise UnavailableError(f"it lets this machine in, which {way.name} refuses") from None
        return address

    try:
        asked.allow("")
        return _until(asked, told, says, lease)
    finally:
        _withdraw(asked, lease)


def _pauses(way: Way) -> Iterator[float]:
    return itertools.chain(way.pauses, itertools.repeat(way.pauses[-1]))


def _until(
    way: Way,
    act: Callable[[], _Found],
    why: str,
    lease: Lease,
    *,
    pauses: Iterator[float] | None = None,
    unless: Callable[[TenantryError], bool] = lambda _: False,
) -> _Found:
    """Try until it succeeds; an error of the kind ``unless`` is raised at once."""
    deadline = time.monotonic() + way.patience_seconds
    for pause in pauses or _pauses(way):
        try:
            return act()
        except TenantryError as error:
            if unless(error):
                raise
            if time.monotonic() + pause > deadline:
                raise UnavailableError(
                    f"{way.name} {why}: {error.message}", hint=way.remedy, code="no-way-in"
                ) from None
        _rest(pause, lease)
    raise DefectError("there is always another pause")


def _rest(seconds: float, lease: Lease) -> None:
    """Wait; a cancel that is asked for meanwhile is heard at once."""
    lease.check()
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        lease.check()
