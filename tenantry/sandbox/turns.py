"""One at a time: who works on a resource, and who waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault

__all__ = ["Turns"]

_PATIENCE = 50.0  # seconds that a request waits while another one works on the same resource


class Turns:
    """Turns at resources; what lies below a resource shares its turn."""

    def __init__(self) -> None:
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def take(self, resource_id: str) -> threading.Lock:
        """Wait until nobody else works on a resource, and hold it. ArmFault 409 after a long wait."""
        turn = self._turn(resource_id)
        if not turn.acquire(timeout=_PATIENCE):
            raise ArmFault(
                409,
                "AnotherOperationInProgress",
                "Another operation on this or a dependent resource is in progress.",
            )
        return turn

    @contextmanager
    def taken(self, resource_id: str) -> Iterator[None]:
        """Hold a turn for a while. ArmFault as of take."""
        turn = self.take(resource_id)
        try:
            yield
        finally:
            turn.release()

    def busy(self, resource_id: str) -> bool:
        """Say whether somebody works on a resource."""
        return self._turn(resource_id).locked()

    def busy_below(self, resource_id: str) -> bool:
        """Say whether somebody works on anything below a resource."""
        start = ids.key(resource_id) + "/"
        with self._lock:
            return any(turn.locked() for key, turn in self._turns.items() if key.startswith(start))

    @staticmethod
    def ending(turn: threading.Lock, work: Callable[[], None]) -> None:
        """Do the last work of a turn that was handed over."""
        try:
            work()
        finally:
            turn.release()

    def _turn(self, resource_id: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(ids.root_of(resource_id), threading.Lock())
