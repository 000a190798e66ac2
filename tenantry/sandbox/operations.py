"""Long-running operations: work in threads of its own, and what clients ask about it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts.notes import iso

__all__ = ["Operation", "Operations", "Span"]

_NOTES = "sandbox/operation/"
_AT_A_TIME = 64
_SPANS = 10_000  # that are kept, in memory: of the last dozens of instances
_LISTEN = 0.5  # seconds that a question waits for the end, so that clients need not ask so often
_log = logging.getLogger(__name__)


@dataclass
class Operation:
    """One operation on a resource."""

    id: str
    method: str
    resource_id: str
    started: str
    status: str = "InProgress"
    ended: str = ""
    error: dict[str, Any] | None = None
    http: int = 200  # of the error
    answer: dict[str, Any] | None = None  # of a POST
    over: threading.Event = field(default_factory=threading.Event, repr=False)

    def body(self, where: str) -> dict[str, Any]:
        """Return what Azure-AsyncOperation answers."""
        told: dict[str, Any] = {
            "id": where,
            "name": self.id,
            "status": self.status,
            "startTime": self.started,
        }
        if self.ended:
            told |= {"endTime": self.ended, "percentComplete": 100.0}
        if self.error is not None:
            told["error"] = self.error
        elif self.answer is not None:
            told["properties"] = self.answer
        return told


@dataclass(frozen=True, kw_only=True)
class Span:
    """When a write was worked on, in seconds since 1970 by this machine's clock."""

    method: str
    id: str  # of the resource
    start: float
    end: float


class Operations:
    """All operations of the sandbox."""

    def __init__(self, cloud: SandboxCloud) -> None:
        self._cloud = cloud
        self._pool = ThreadPoolExecutor(max_workers=_AT_A_TIME, thread_name_prefix="operation")
        self._known: dict[str, Operation] = {}
        self._spans: deque[Span] = deque(maxlen=_SPANS)
        self._lock = threading.Lock()
        for name, note in cloud.recall(_NOTES).items():
            self._restore(name, note)

    def begin(self, method: str, resource_id: str, work: Callable[[], dict[str, Any] | None]) -> Operation:
        """Start work; an ArmFault that it raises becomes the operation's error."""
        operation = Operation(
            id=str(uuid.uuid4()), method=method, resource_id=resource_id, started=iso(self._cloud.now())
        )
        with self._lock:
            self._known[operation.id] = operation
        self._keep(operation)
        self._pool.submit(self._run, operation, work, time.time())
        return operation

    @contextmanager
    def span(self, method: str, resource_id: str) -> Iterator[None]:
        """Note when a write was worked on that is answered at its end."""
        start = time.time()
        try:
            yield
        finally:
            self._note(method, resource_id, start)

    def spans(self) -> list[dict[str, Any]]:
        """Return when each write since the start was worked on, in the order of their ends."""
        with self._lock:
            return [asdict(one) for one in self._spans]

    def _note(self, method: str, resource_id: str, start: float) -> None:
        with self._lock:
            self._spans.append(Span(method=method, id=resource_id, start=start, end=time.time()))

    def find(self, identity: str) -> Operation | None:
        """Return an operation, at its end if that comes soon."""
        operation = self._known.get(identity)
        if operation is not None:
            operation.over.wait(_LISTEN)
        return operation

    def running(self) -> int:
        """Return how many have not ended."""
        return sum(1 for one in self._known.values() if not one.over.is_set())

    def close(self) -> None:
        """Wait for what runs; nothing new begins."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, operation: Operation, work: Callable[[], dict[str, Any] | None], begun: float) -> None:
        try:
            operation.answer = work()
            operation.status = "Succeeded"
        except ArmFault as fault:
            self._fail(operation, fault)
        except Exception as error:  # noqa: BLE001 - a defect is told as Azure tells its own
            _log.exception("an operation on %s failed", operation.resource_id)
            self._fail(operation, ArmFault(500, "InternalServerError", f"{type(error).__name__}: {error}"))
        operation.ended = iso(self._cloud.now())
        self._keep(operation)
        self._note(operation.method, operation.resource_id, begun)
        operation.over.set()

    def _fail(self, operation: Operation, fault: ArmFault) -> None:
        operation.status, operation.http = "Failed", fault.status
        operation.error = {"code": fault.code, "message": fault.message}

    def _keep(self, operation: Operation) -> None:
        kept = {name: value for name, value in vars(operation).items() if name not in {"over", "answer"}}
        self._cloud.remember(_NOTES + operation.id, kept)

    def _restore(self, name: str, note: dict[str, Any]) -> None:
        operation = Operation(**note)
        if operation.status == "InProgress":
            operation.status, operation.http = "Failed", 500
            operation.error = {"code": "InternalServerError", "message": "The service was restarted."}
            self._cloud.remember(
                name, {k: v for k, v in vars(operation).items() if k not in {"over", "answer"}}
            )
        operation.over.set()
        self._known[operation.id] = operation
