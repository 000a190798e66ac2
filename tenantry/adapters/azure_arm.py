"""HTTPS to Azure: Resource Manager, and the services that a resource has itself.

One pipeline of azure-core for all of it: a token of the one credential, retries
with Retry-After, no bodies in logs. On top of it what Resource Manager needs:
pages, long-running operations in their three styles, and errors as ours.
"""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from tenantry import faults
from tenantry.adapters.azure_answers import Answer, failure, short, strange, unreachable
from tenantry.adapters.azure_credential import Renewable
from tenantry.adapters.azure_refusals import no_token
from tenantry.errors import FailedError, UnavailableError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["Arm"]

_ACCEPTED = frozenset({200, 201, 202, 204})
_ON_THE_WAY = frozenset({407, 511})  # a proxy, or a network's sign-in page, as redirections are: not Azure
_BUSY_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds, where the service names none
_POLL_SECONDS = 2.0  # where Azure names no other
_PATIENCE_SECONDS = 60 * 60.0
_THROTTLED_SECONDS = 30 * 60.0  # the longest that one call waits because there are too many
_SIGHT_SECONDS = 10 * 60.0  # until every region of Resource Manager has heard of what was written
_TIMEOUT_SECONDS = 60
_CONNECTIONS = 40  # the engine works on 32 resources at once
_SETTLED = frozenset({"", "succeeded", "ready", "provisioned", "deleted"})
_ENDED = {"succeeded", "ready", "failed", "canceled", "cancelled"}


class Arm:
    """A client of one service with one credential. Threads may share it."""

    def __init__(
        self,
        base: str,
        *,
        credential: TokenCredential,
        scope: str,
        ca_file: Path | None = None,
        poll_seconds: float = _POLL_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
        retries: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base: URL of the service, without a slash at the end.
            credential: gives the tokens; a Renewable one is renewed when a token is ended early.
            scope: what tokens are asked for.
            ca_file: what its HTTPS is verified with; None: the system's authorities.
            poll_seconds: how often an operation is asked for, where the service does not say.
            patience_seconds: how long an operation may take in all.
            retries: how often a call is tried again that found the service busy or broken.
            sleep: waits so many seconds.
        """
        self.base = base.rstrip("/")
        self.calls: Counter[str] = Counter()  # by method
        self._poll_seconds = poll_seconds
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._lock = threading.Lock()
        self._offset: float | None = None  # seconds that the service's clock is ahead of ours
        self._credential = credential
        self._where = getattr(credential, "where", "")  # the place that names the credential
        self._client = _pipeline(self.base, credential, scope, ca_file=ca_file, retries=retries)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # --- single calls ---

    def call(
        self,
        method: str,
        path: str,
        *,
        version: str = "",
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; return the answer, whatever its status.

        What passes is waited for: a busy or broken service, too many calls, another
        operation on the resource, a token that was ended before its time.

        Args:
            method: of HTTP.
            path: below ``base``, or a whole URL of the same service.
            version: api-version, "" where the URL has it or none is wanted.
            query: further parameters.
            body: becomes JSON.
            content: sent as it is.
            headers: further ones.

        Raises:
            UnavailableError: the service cannot be reached, something on the way answers, or the login
                gives no token.
        """
        url = self._url(path, version=version, query=query or {})

        def send() -> Answer:
            return self._sent(method, url, body=body, content=content, headers=dict(headers or {}))

        credential = self._credential
        age = credential.age if isinstance(credential, Renewable) else 0
        answer = self._unhurried(send)
        if answer.has_ended_token and isinstance(credential, Renewable):
            credential.renew(age)
            answer = self._unhurried(send)
        for pause in _BUSY_PAUSES:
            if not answer.is_busy:
                break
            self._sleep(_seconds(answer.headers.get("retry-after", ""), pause))
            answer = self._unhurried(send)
        return answer

    def _unhurried(self, send: Callable[[], Answer]) -> Answer:
        """Send; who is told to come again later does. That is no failure, and counts as no try.

        Everybody is told the same number of seconds, so each adds a little, and more each time: else all
        came back at once, and most of them for nothing.
        """
        waited, tries = 0.0, 0
        while True:
            answer = send()
            told = max(_seconds(answer.headers.get("retry-after", ""), _BUSY_PAUSES[min(tries, 5)]), 0.5)
            pause = told + random.uniform(0, min(told * 2**tries / 4, 30))  # noqa: S311 - no secret
            if answer.status != 429 or waited + pause > _THROTTLED_SECONDS:  # noqa: PLR2004
                return answer
            self._sleep(pause)
            waited, tries = waited + pause, tries + 1

    def _sent(
        self, method: str, url: str, *, body: Any, content: bytes | None, headers: dict[str, str]
    ) -> Answer:
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.core.rest import HttpRequest

        request = HttpRequest(method, url, json=body, content=content, headers=headers)
        if method != "GET":
            faults.point(f"before {method} {short(url)}")
        with self._lock:
            self.calls[method] += 1
        try:
            response = self._client.send_request(request, stream=False)
        except (ClientAuthenticationError, OSError) as error:  # a token file may be gone meanwhile
            raise no_token(error, where=self._where) from None
        except AzureError as error:
            raise unreachable(str(urlsplit(url).hostname), error) from None
        if method != "GET":
            faults.point(f"after {method} {short(url)}")
        found = {name.lower(): value for name, value in response.headers.items()}
        self._learn_time(found.get("date", ""))
        answer = Answer(status=response.status_code, body=_body(response), headers=found)
        if 300 <= answer.status < 400 or answer.status in _ON_THE_WAY:  # noqa: PLR2004
            raise strange(method, url, answer)
        return answer

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        """Return a resource, None if there is none."""
        answer = self.call("GET", path, version=version, query=query)
        if answer.is_missing:
            return None
        return self._object(path, answer)

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        """Return all items of a list, page by page. What the list belongs to being gone, it is empty."""
        found: list[dict[str, Any]] = []
        url, one_version, more = path, version, dict(query)
        while url:
            answer = self.call("GET", url, version=one_version, query=more)
            if answer.is_missing:
                return found
            body = self._object(path, answer)
            value = body.get("value", [] if answer.status == 204 else None)  # noqa: PLR2004 - no content
            if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
                raise strange("GET", path, answer)  # to take it for an empty one would be to guess
            found += value
            url, one_version, more = body.get("nextLink") or "", "", {}
        return found

    # --- effects, followed to their end ---

    def put(self, path: str, version: str, body: Any) -> dict[str, Any]:
        """Make or replace a resource; return it as it is when that has ended."""
        return self._effect("PUT", path, version, body)

    def put_only(self, path: str, version: str, body: Any) -> None:
        """Replace what cannot be read with GET, as the settings of a site."""
        self._wait(self._insist("PUT", path, self.call("PUT", path, version=version, body=body)), path)

    def patch(self, path: str, version: str, body: Any) -> dict[str, Any]:
        """Change parts of a resource; return it as it is when that has ended."""
        return self._effect("PATCH", path, version, body)

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Have a resource do something; return what it says when that has ended."""
        answer = self._insist("POST", path, self.call("POST", path, version=version, body=body, query=query))
        ended = self._wait(answer, path)
        return ended.body if isinstance(ended.body, dict) else {}

    def delete(self, path: str, version: str, **query: str) -> bool:
        """Delete a resource; return whether there was one. What is gone is fine."""
        answer = self.call("DELETE", path, version=version, query=query)
        if answer.is_missing:
            return False
        self._wait(self._insist("DELETE", path, answer), path)
        return answer.status != 204  # noqa: PLR2004 - Azure's word for: there was none

    @property
    def has_answered(self) -> bool:
        """Whether the service has told its time, as it does with each answer."""
        return self._offset is not None

    def now(self) -> datetime:
        """Return the time of the service; ours until it has answered once."""
        return datetime.fromtimestamp(time.time() + (self._offset or 0.0), UTC)

    # --- parts ---

    def _effect(self, method: str, path: str, version: str, body: Any) -> dict[str, Any]:
        answer = self._insist(method, path, self.call(method, path, version=version, body=body))
        ended = self._wait(answer, path)
        location = answer.headers.get("location", "")
        if ended is not answer and location and not _is_settled(ended, path):
            ended = self.call("GET", location)
        # What the write itself answers is newer than what a reader may be told.
        return ended.body if _is_settled(ended, path) else self._settled(path, version)

    def _settled(self, path: str, version: str) -> dict[str, Any]:
        """Return a resource once its own provisioningState says that nothing works on it any more.

        One that was just written may be read where nobody has heard of it yet: that is no absence.

        Raises:
            TenantryError: it says that the work failed, or it takes too long, or it is not seen.
        """
        deadline = time.monotonic() + self._patience_seconds
        seen_by = time.monotonic() + min(_SIGHT_SECONDS, self._patience_seconds)
        while True:
            answer = self.call("GET", path, version=version)
            if answer.status == 405:  # noqa: PLR2004 - its type cannot be read so
                return {}
            if answer.is_missing and time.monotonic() < seen_by:
                self._sleep(min(self._poll_seconds, 1.0))
                continue
            if answer.is_missing:
                raise UnavailableError(
                    f"{short(path)}: Azure took it, and does not show it",
                    hint="see whether somebody deleted it meanwhile; then run the same command again",
                    code="not-seen",
                )
            body = self._object(path, answer)
            state = _state(body)
            if state.lower() in {"failed", "canceled"}:
                raise FailedError(
                    f"{short(path)}: its provisioning {state.lower()}", code="provisioning-failed"
                )
            if state.lower() in _SETTLED or time.monotonic() > deadline:
                return body
            self._sleep(_seconds(answer.headers.get("retry-after", ""), min(self._poll_seconds, 0.5)))

    def _url(self, path: str, *, version: str, query: Mapping[str, str]) -> str:
        url = path if path.startswith("https://") else self.base + quote(path, safe="/?&=%$'()@:+,;~.-_")
        wanted = {**({"api-version": version} if version else {}), **query}
        if not wanted:
            return url
        return url + ("&" if "?" in url else "?") + urlencode(wanted, quote_via=quote)

    def _insist(self, method: str, path: str, answer: Answer) -> Answer:
        """Return an answer that is a yes; its body is an object of JSON, or there is none."""
        if answer.is_page:
            raise strange(method, path, answer)
        if answer.status not in _ACCEPTED:
            raise failure(method, path, answer)
        if answer.body is not None and not isinstance(answer.body, dict):
            raise strange(method, path, answer)
        return answer

    def _object(self, path: str, answer: Answer) -> dict[str, Any]:
        """Return what a read found; nothing at all is no answer to that."""
        body = self._insist("GET", path, answer).body
        if body is None and answer.status == 200:  # noqa: PLR2004
            raise strange("GET", path, answer)
        return body or {}

    def _wait(self, answer: Answer, path: str) -> Answer:
        """Follow an accepted operation to its end; return the last answer.

        Raises:
            TenantryError: it failed, or took too long.
        """
        deadline = time.monotonic() + self._patience_seconds
        status_url = answer.headers.get("azure-asyncoperation", "")
        url = status_url or (answer.headers.get("location", "") if answer.status == 202 else "")  # noqa: PLR2004
        while url:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"{short(path)}: Azure works on it for over {self._patience_seconds / 60:.0f} minutes",
                    hint="run the same command again: it goes on from what is there",
                    code="operation-slow",
                )
            self._sleep(_seconds(answer.headers.get("retry-after", ""), self._poll_seconds))
            answer = self.call("GET", url)
            if answer.status == 404 and not answer.is_page:  # noqa: PLR2004 - forgotten, so it has ended
                return answer
            self._insist("GET", path, answer)
            if status_url:
                state = str((answer.body or {}).get("status", "")).lower()
                if state in _ENDED:
                    return self._concluded(path, answer, state)
            elif answer.status != 202:  # noqa: PLR2004
                return answer
            else:
                url = answer.headers.get("location", url)
        return answer

    def _concluded(self, path: str, answer: Answer, state: str) -> Answer:
        if state in {"failed", "canceled", "cancelled"}:
            raise failure("operation on", path, answer)
        return answer

    def _learn_time(self, date: str) -> None:
        """Keep how far the service's clock is from ours. Its header has whole seconds."""
        try:
            offset = email.utils.parsedate_to_datetime(date).timestamp() - time.time()
        except (ValueError, OverflowError):  # it says nothing, or nothing that is a time
            return
        self._offset = offset if abs(offset) > 2 else 0.0  # noqa: PLR2004


def _is_settled(answer: Answer, path: str) -> bool:
    """Say whether an answer is the resource at a path, with no work on it going on."""
    body = answer.body if isinstance(answer.body, dict) and answer.status in _ACCEPTED else {}
    return str(body.get("id", "")).lower() == path.lower() and _state(body).lower() in _SETTLED


def _state(body: Mapping[str, Any]) -> str:
    properties = body.get("properties")
    return str(properties.get("provisioningState", "") if isinstance(properties, dict) else "")


def _seconds(header: str, otherwise: float) -> float:
    try:
        return max(0.0, float(header))
    except ValueError:
        return otherwise


def _body(response: Any) -> Any:
    if not response.content:
        return None
    if "json" in response.headers.get("content-type", ""):
        with suppress(ValueError):  # it is cut off, say
            return response.json()
    return response.content


def _pipeline(base: str, credential: Any, scope: str, *, ca_file: Path | None, retries: int) -> Any:
    import requests
    from azure.core import PipelineClient
    from azure.core.pipeline import policies
    from azure.core.pipeline.transport import RequestsTransport
    from requests.adapters import HTTPAdapter

    class Retries(policies.RetryPolicy[Any, Any]):
        """Tries again what failed; who calls too often is the client's business."""

        def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
            throttled = response.http_response.status_code == 429  # noqa: PLR2004
            return not throttled and super().is_retry(settings, response)

    # The environment's own ideas of authorities (REQUESTS_CA_BUNDLE) must not outrank the cloud's.
    session = requests.Session()
    session.trust_env = ca_file is None
    session.mount("https://", HTTPAdapter(pool_maxsize=_CONNECTIONS))
    transport = RequestsTransport(
        session=session,
        connection_timeout=10,
        read_timeout=_TIMEOUT_SECONDS,
        connection_verify=True if ca_file is None else str(ca_file),
        use_env_settings=ca_file is None,
    )
    return PipelineClient(
        base,
        policies=[
            policies.RequestIdPolicy(),
            policies.UserAgentPolicy("tenantry"),
            Retries(retry_total=retries, retry_backoff_factor=0.5, retry_backoff_max=60),
            policies.BearerTokenCredentialPolicy(credential, scope),
        ],
        transport=transport,
    )
