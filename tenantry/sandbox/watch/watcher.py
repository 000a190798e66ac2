"""Watches the cloud: runs availability tests, looks at rules, keeps logs to their days.

It does so in rounds, in a thread of its own. A sweep asks for a round and waits
for its end a while, so that who has moved the clock finds done what is due.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import Response

from tenantry.sandbox.kinds import ArmFault, Cloud, Handler, Kind, Resource

if TYPE_CHECKING:
    from tenantry.sandbox.watch.rounds import Rounds, Watched

__all__ = ["ALERT_NOTES", "Watcher", "kinds"]

ALERT_NOTES = "watch/alert/"
_PATIENCE = 15.0  # seconds that a sweep waits for its round


class _Later:
    """A handler that is loaded with its first request: most sandboxes never hear one."""

    def __init__(self, load: Callable[[], Handler]) -> None:
        self._load = load
        self._handler: Handler | None = None

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if self._handler is None:
            self._handler = self._load()
        return await self._handler(request)


class Watcher(Kind):
    """Alerts as a type: they come about, nobody makes them."""

    type = "Microsoft.AlertsManagement/alerts"

    def __init__(self) -> None:
        self._rounds: Rounds | None = None
        self._lock = threading.Lock()

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse to make one."""
        del cloud, old
        raise ArmFault(405, "MethodNotAllowed", f"{new.type} cannot be made.")

    def resume(self, cloud: Cloud) -> None:
        """Tell what was not told yet."""
        if cloud.recall(ALERT_NOTES):
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
        logs = cast("Watched", cloud).logs

        def queries() -> Handler:
            from tenantry.sandbox.watch.query_plane import QueryPlane

            return QueryPlane(cloud, logs)

        def ingestion() -> Handler:
            from tenantry.sandbox.watch.ingestion import Ingestion

            return Ingestion(cloud, logs)

        return {
            f"api.loganalytics.{cloud.suffix}": _Later(queries),
            f"ingest.applicationinsights.{cloud.suffix}": _Later(ingestion),
        }

    def _begun(self, cloud: Cloud) -> Rounds:
        from tenantry.sandbox.watch.rounds import Rounds

        with self._lock:
            if self._rounds is None:
                self._rounds = Rounds(cast("Watched", cloud))
            return self._rounds


def kinds(issue: Callable[[list[str]], tuple[bytes, bytes]]) -> list[Kind]:
    """Return the one kind."""
    del issue
    return [Watcher()]
