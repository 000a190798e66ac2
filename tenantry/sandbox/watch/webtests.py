"""Availability tests: each really requests its URL, from this machine, once for each of its places."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.watch.fetching import FAILURES, NotServingError, fetch
from tenantry.sandbox.watch.logs import Logs

__all__ = ["WEB_TEST", "WebTests", "component_of"]

WEB_TEST = "Microsoft.Insights/webtests"
_AT_A_TIME = 8
_PATIENCE = 5.0  # seconds that a round waits for its tests; what comes later counts in the next one
_MOST_HOPS = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    passed: bool
    message: str
    seconds: float
    size: int = 0


class WebTests:
    """Runs what is due, and keeps what came out as metrics and rows of the component."""

    def __init__(self, cloud: Cloud, logs: Logs) -> None:
        self._cloud = cloud
        self._logs = logs
        self._last: dict[str, datetime] = {}
        self._running: dict[str, threading.Thread] = {}
        self._turns = threading.Semaphore(_AT_A_TIME)

    def run_due(self) -> None:
        """Run each enabled test whose time has come."""
        now = self._cloud.now()
        self._running = {name: one for name, one in self._running.items() if one.is_alive()}
        for test in self._cloud.children("", WEB_TEST):
            every = timedelta(seconds=int(test.properties.get("Frequency") or 300))
            last = self._last.setdefault(test.id, now)  # a new test begins after its first interval
            enabled = test.properties.get("Enabled", True) is not False
            if not enabled or test.id in self._running or last <= now < last + every:
                continue
            self._last[test.id] = now
            # A daemon: one that hangs must not hold up the end of the sandbox.
            thread = threading.Thread(target=self._run, args=(test,), name="web test", daemon=True)
            self._running[test.id] = thread
            thread.start()
        deadline = time.monotonic() + _PATIENCE
        for thread in self._running.values():
            thread.join(max(deadline - time.monotonic(), 0))

    def _run(self, test: Resource) -> None:
        with self._turns:
            try:
                for place in test.properties.get("Locations") or []:
                    self._keep(test, str(place.get("Id")), self._outcome(test))
            except NotServingError:
                return  # the sandbox itself begins or ends; that says nothing of the site
            except Exception:  # noqa: BLE001 - the next time may do better
                _log.exception("the availability test %s failed to run", test.name)

    def _outcome(self, test: Resource) -> _Outcome:
        found = _Request(self._cloud, test).outcome()
        # Azure tries again after 20 seconds; here at once.
        return (
            found
            if found.passed or not test.properties.get("RetryEnabled")
            else _Request(self._cloud, test).outcome()
        )

    def _keep(self, test: Resource, place: str, outcome: _Outcome) -> None:
        component = component_of(self._cloud, test)
        if component is None:
            return
        name = str(test.properties.get("Name") or test.name)
        where = {"availabilityResult/name": name, "availabilityResult/location": place}
        for metric, value in (
            ("availabilityPercentage", 100.0 if outcome.passed else 0.0),
            ("duration", outcome.seconds * 1000),
            ("count", 1),
        ):
            self._cloud.sample(component.id, f"availabilityResults/{metric}", value, **where)
        # The same figure where the rule about this test looks for it.
        self._cloud.sample(test.id, "failed", 0.0 if outcome.passed else 1.0, place=place)
        workspace = self._cloud.find(str(component.properties.get("WorkspaceResourceId") or "-"))
        if workspace is None:
            return
        row = {
            "Id": str(uuid.uuid4()),
            "Name": name,
            "Location": place,
            "Success": outcome.passed,
            "Message": outcome.message,
            "Size": float(outcome.size),
            "DurationMs": round(outcome.seconds * 1000, 2),
            "ItemCount": 1,
            "IKey": str(component.properties.get("InstrumentationKey") or ""),
        }
        self._logs.write(workspace, "AppAvailabilityResults", [(self._cloud.now(), row)], component.id)


def component_of(cloud: Cloud, test: Resource) -> Resource | None:
    """Return the component that a test belongs to by its tag."""
    for name in test.body.get("tags") or {}:
        if str(name).startswith("hidden-link:"):
            return cloud.find(str(name).removeprefix("hidden-link:"))
    return None


class _Request:
    """One request of a test, with the redirects that it follows."""

    def __init__(self, cloud: Cloud, test: Resource) -> None:
        self._cloud = cloud
        self._wanted: Mapping[str, Any] = test.properties.get("Request") or {}
        self._rules: Mapping[str, Any] = test.properties.get("ValidationRules") or {}
        self._timeout = float(test.properties.get("Timeout") or 30)

    def outcome(self) -> _Outcome:
        began = time.monotonic()
        try:
            status, content = self._follow(str(self._wanted.get("RequestUrl") or ""))
        except NotServingError:
            raise
        except FAILURES as error:
            return _Outcome(
                passed=False, message=f"{type(error).__name__}: {error}", seconds=time.monotonic() - began
            )
        message = self._judged(status, content)
        return _Outcome(
            passed=not message,
            message=message or "Passed",
            seconds=time.monotonic() - began,
            size=len(content),
        )

    def _judged(self, status: int, content: bytes) -> str:
        """Return why it failed, "" when it passed."""
        wanted = int(self._rules.get("ExpectedHttpStatusCode") or 200)
        good = self._rules.get("IgnoreHttpStatusCode") or status == wanted
        if not good:
            return f"Response status code does not indicate success: {status}."
        words = self._rules.get("ContentValidation") or {}
        text = str(words.get("ContentMatch") or "")
        body = content.decode(errors="replace")
        if words.get("IgnoreCase"):
            text, body = text.lower(), body.lower()
        if text and (text in body) is not bool(words.get("PassIfTextFound", True)):
            return "The content of the response does not match."
        return ""

    def _follow(self, url: str) -> tuple[int, bytes]:
        headers = {str(one["key"]): str(one["value"]) for one in self._wanted.get("Headers") or []}
        for _ in range(_MOST_HOPS):
            found = fetch(
                self._cloud,
                url,
                method=str(self._wanted.get("HttpVerb") or "GET"),
                headers={**headers, "User-Agent": "AppInsights"},
                body=str(self._wanted.get("RequestBody") or "").encode() or None,
                timeout=self._timeout,
            )
            if not found.location or not self._wanted.get("FollowRedirects", True):
                return found.status, found.content
            url = urljoin(url, found.location)
        raise ValueError("too many redirects")
