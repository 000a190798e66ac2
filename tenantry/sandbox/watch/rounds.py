"""Rounds of watching, in a thread of their own: tests of availability, days of logs, rules."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import Protocol

from tenantry.sandbox.kinds import Cloud
from tenantry.sandbox.watch.alerts import Alerts
from tenantry.sandbox.watch.evaluating import Evaluator
from tenantry.sandbox.watch.logs import Logs
from tenantry.sandbox.watch.rules import Rules
from tenantry.sandbox.watch.samples import Samples
from tenantry.sandbox.watch.tails import forget_tails
from tenantry.sandbox.watch.webtests import WebTests

__all__ = ["Rounds", "Watched"]

_LAST_SECONDS = 15.0  # that the end waits for the round that is being done
_TIDY = timedelta(minutes=10)
_log = logging.getLogger(__name__)


class Watched(Cloud, Protocol):
    """A cloud that keeps what was observed."""

    samples: Samples
    logs: Logs


class Rounds:
    """The thread, and what it does."""

    def __init__(self, cloud: Watched) -> None:
        self._cloud = cloud
        self.alerts = Alerts(cloud)
        self._tests = WebTests(cloud, cloud.logs)
        self._evaluator = Evaluator(cloud, Rules(cloud, cloud.samples, cloud.logs), self.alerts)
        self._tidied: datetime | None = None
        self._asked = self._done = 0
        self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)
        self._thread.start()

    def ask(self, seconds: float) -> None:
        """Ask for a round that begins from now on, and wait for its end so long."""
        with self._changed:
            self._asked += 1
            wanted = self._asked
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._done >= wanted or self._ending, seconds)

    def close(self) -> None:
        """End the thread and what it began."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(_LAST_SECONDS)
        self.alerts.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked > self._done or self._ending)
                if self._ending:
                    return
                number = self._asked
            for part in (self._tests.run_due, self._tidy, self._evaluator.run):
                try:
                    part()
                except Exception:  # noqa: BLE001 - the next round may do better
                    _log.exception("a round of watching failed")
            with self._changed:
                self._done = number
                self._changed.notify_all()

    def _tidy(self) -> None:
        """Erase what is kept no longer; not at every round."""
        now = self._cloud.now()
        if self._tidied is not None and self._tidied <= now < self._tidied + _TIDY:
            return
        self._tidied = now
        self._cloud.logs.keep_to_retention()
        self.alerts.drop_old()
        forget_tails(self._cloud)
        for one in self._cloud.samples.resources():
            if self._cloud.find(one) is None:
                self._cloud.samples.forget(one)
