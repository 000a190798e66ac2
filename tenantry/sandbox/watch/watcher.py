"""Watches the cloud: runs availability tests, looks at rules, keeps logs to their days.

It does so in rounds, in a thread of its own. A sweep asks for a round and waits
for its end a while, so that who has moved the clock finds done what is due.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, cast

from tenantry.sandbox.kinds import ArmFault, Cloud, Handler, Kind, Resource
from tenantry.sandbox.watch.alerts import Alerts
from tenantry.sandbox.watch.evaluating import Evaluator
from tenantry.sandbox.watch.logs import Logs
from tenantry.sandbox.watch.rules import Rules
from tenantry.sandbox.watch.samples import Samples
from tenantry.sandbox.watch.tails import forget_tails
from tenantry.sandbox.watch.webtests import WebTests

__all__ = ["Watched", "Watcher", "kinds"]

_PATIENCE = 15.0  # seconds that a sweep waits for its round
_TIDY = timedelta(minutes=10)
_log = logging.getLogger(__name__)


class Watched(Cloud, Protocol):
    """A cloud that keeps what was observed."""

    samples: Samples
    logs: Logs


class Watcher(Kind):
    """Alerts as a type: they come about, nobody makes them."""

    type = "Microsoft.AlertsManagement/alerts"

    def __init__(self) -> None:
        self._rounds: _Rounds | None = None
        self._lock = threading.Lock()

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse to make one."""
        del cloud, old
        raise ArmFault(405, "MethodNotAllowed", f"{new.type} cannot be made.")

    def resume(self, cloud: Cloud) -> None:
        """Tell what was not told yet."""
        self._begun(cloud).alerts.resume()

    def sweep(self, cloud: Cloud) -> None:
        """Have a round done."""
        self._begun(cloud).ask(_PATIENCE)

    def stop(self, cloud: Cloud) -> None:
        """End the rounds."""
        if self._rounds is not None:
            self._rounds.close()
        cast("Watched", cloud).logs.close()

    def hosts(self, cloud: Cloud) -> dict[str, Handler]:
        """Answer queries of logs, and take in what workloads send."""
        from tenantry.sandbox.watch.ingestion import Ingestion
        from tenantry.sandbox.watch.query_plane import QueryPlane

        logs = cast("Watched", cloud).logs
        return {
            f"api.loganalytics.{cloud.suffix}": QueryPlane(cloud, logs),
            f"ingest.applicationinsights.{cloud.suffix}": Ingestion(cloud, logs),
        }

    def _begun(self, cloud: Cloud) -> _Rounds:
        with self._lock:
            if self._rounds is None:
                self._rounds = _Rounds(cast("Watched", cloud))
            return self._rounds


class _Rounds:
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
        self._thread.join(_PATIENCE)
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


def kinds(issue: Callable[[list[str]], tuple[bytes, bytes]]) -> list[Kind]:
    """Return the one kind."""
    del issue
    return [Watcher()]
