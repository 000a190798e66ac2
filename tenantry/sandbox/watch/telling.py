"""Tells action groups: webhooks are called, one after the other, off every other thread.

A webhook that does not take a message is tried a few times more; then that is
noted. What was not told yet when the sandbox ended is told after its next start.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tenantry.sandbox.kinds import Cloud
from tenantry.sandbox.watch.fetching import FAILURES, fetch

__all__ = ["Message", "Teller"]

_TIMEOUT = 5.0  # seconds
_PAUSES = (0.5, 1.0, 2.0)  # seconds before each further try
_MET = 300  # statuses from here on are no success
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Message:
    """What one webhook is to be told."""

    alert: str
    receiver: str  # its name; the address may hold a secret and is never noted
    url: str
    body: Mapping[str, Any]
    condition: str


class Teller:
    """Sends messages, in their order."""

    def __init__(self, cloud: Cloud, noted: Callable[[Message, str], None]) -> None:
        self._cloud = cloud
        self._noted = noted
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, message: Message) -> None:
        """Send a message soon."""
        self._queue.put(message)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Send nothing more; what was begun is waited for."""
        self._ending.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(_TIMEOUT + 1)

    def _work(self) -> None:
        while (message := self._queue.get()) is not None and not self._ending.is_set():
            try:
                self._noted(message, self._sent(message))
            except Exception:  # noqa: BLE001 - the next message is to be sent in any case
                _log.exception("a message of %s was not sent", message.alert)

    def _sent(self, message: Message) -> str:
        """Send it; return how that went."""
        content = json.dumps(message.body).encode()
        result = ""
        for pause in (0.0, *_PAUSES):
            if self._ending.wait(pause):
                return "pending"
            try:
                found = fetch(
                    self._cloud,
                    message.url,
                    method="POST",
                    headers={
                        "Content-Type": "application/json; charset=utf-8",
                        "User-Agent": "tenantry-sandbox",
                    },
                    body=content,
                    timeout=_TIMEOUT,
                )
            except FAILURES as error:
                result = f"failed: {type(error).__name__}"
                continue
            if found.status < _MET:
                return "succeeded"
            result = f"failed: {found.status}"
        return result
