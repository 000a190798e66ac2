"""What Resource Manager's client takes for an answer of Azure's, and what it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import FailedError, RefusedError, TenantryError, UnavailableError
from tests.support.https import Server, https_server

_PAGE = "<html><body>Sign in to the network of Hotel Savoy</body></html>"
_JSON = "application/json; charset=utf-8"
_PATH, _VERSION = "/subscriptions/s/providers/A/b", "2024-01-01"

# What the client is asked to do.
_ASKED: dict[str, Callable[[Arm], object]] = {
    "get": lambda arm: arm.get(_PATH, _VERSION),
    "list": lambda arm: arm.list(_PATH, _VERSION),
    "put": lambda arm: arm.put(_PATH, _VERSION, {}),
    "put only": lambda arm: arm.put_only(_PATH, _VERSION, {}),
    "post": lambda arm: arm.post(_PATH, _VERSION),
    "delete": lambda arm: arm.delete(_PATH, _VERSION),
}
# What no service of Azure answers, to whatever it is asked: status, type, body, further headers.
_STRANGE: dict[str, tuple[int, str, str, dict[str, str]]] = {
    "a page": (200, "text/html", _PAGE, {}),
    "a page that nothing is there": (404, "text/html; charset=utf-8", _PAGE, {}),
    "a page that nobody may": (403, "Text/HTML", _PAGE, {}),
    "text": (200, "text/plain", "success", {}),
    "broken JSON": (200, _JSON, '{"value": [', {}),
    "no UTF-8": (200, _JSON, "\udcff", {}),
    "a list": (200, _JSON, "[]", {}),
    "another way": (302, "text/html", "", {"Location": "https://portal.example.org/?back=x"}),
    "another way for good": (308, _JSON, "{}", {"Location": "https://portal.example.org/"}),
    "a proxy's login": (407, "text/html", _PAGE, {"Proxy-Authenticate": "Basic"}),
    "a network's login": (511, "text/html", _PAGE, {}),
}


class _Login:
    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken("t", int(time.time()) + 3600)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with https_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def arm(server: Server) -> Iterator[Arm]:
    made = Arm(
        server.url, credential=_Login(), scope="x", ca_file=server.ca_file, retries=0, sleep=lambda _: None
    )
    with closing(made):
        yield made


def _told(ask: Callable[[], object]) -> TenantryError:
    with pytest.raises(TenantryError) as raised:
        ask()
    return raised.value


@pytest.mark.parametrize("what", _STRANGE)
@pytest.mark.parametrize("asked", _ASKED)
def test_what_something_on_the_way_answers_is_told_as_that(
    server: Server, arm: Arm, asked: str, what: str
) -> None:
    status, kind, body, headers = _STRANGE[what]
    server.answer(status, kind, "", **headers)
    server.body = body.encode(errors="surrogateescape")
    error = _told(lambda: _ASKED[asked](arm))
    assert (type(error), error.code) == (UnavailableError, "cloud-unreachable"), error.message
    assert "between here and Azure" in error.message
    assert "proxy" in error.hint


@pytest.mark.parametrize("body", ["", "null"])
@pytest.mark.parametrize("asked", ["get", "list"])
def test_nothing_is_no_answer_to_who_wants_to_read(server: Server, arm: Arm, asked: str, body: str) -> None:
    server.answer(200, _JSON, body)
    assert _told(lambda: _ASKED[asked](arm)).code == "cloud-unreachable"


@pytest.mark.parametrize("body", ['{"value": null}', '{"value": [1]}', '{"value": {}}', '{"status": "ok"}'])
def test_a_list_that_is_none_is_not_taken_for_an_empty_one(server: Server, arm: Arm, body: str) -> None:
    server.answer(200, _JSON, body)
    assert _told(lambda: arm.list(_PATH, _VERSION)).code == "cloud-unreachable"


@pytest.mark.parametrize("status", [200, 202, 204])
def test_an_effect_is_answered_without_a_word(server: Server, arm: Arm, status: int) -> None:
    server.answer(status, _JSON, "")
    assert arm.post(_PATH, _VERSION) == {}
    assert arm.delete(_PATH, _VERSION) == (status != 204)


def test_an_operation_that_a_page_tells_is_not_over(server: Server, arm: Arm) -> None:
    server.answer(202, "text/html", _PAGE, Location=f"{server.url}/operations/1")
    assert _told(lambda: arm.delete(_PATH, _VERSION)).code == "cloud-unreachable"


def test_files_and_texts_of_a_sites_own_management_are_taken_as_they_are(server: Server, arm: Arm) -> None:
    server.answer(200, "text/plain", "a line of a log\n")
    assert arm.call("GET", "/log").body == b"a line of a log\n"
    server.answer(200, "text/html", _PAGE)
    assert arm.call("GET", "/page").body == _PAGE.encode()


@pytest.mark.parametrize(
    "date", ["yesterday", "Sat, 99 Nov 2026 06:26:51 GMT", "Mon, 01 Jan 99999 00:00:00 GMT"]
)
def test_a_date_that_is_none_is_not_learnt(server: Server, arm: Arm, date: str) -> None:
    server.answer(200, _JSON, '{"id": "x"}', Date=date)
    assert arm.get(_PATH, _VERSION) == {"id": "x"}
    assert abs(arm.now().timestamp() - time.time()) < 60


@pytest.mark.parametrize(
    "body", ['{"properties": null}', '{"properties": "x"}', '{"error": null}', "[]", "null", ""]
)
@pytest.mark.parametrize(
    ("status", "kind"), [(400, FailedError), (403, RefusedError), (500, UnavailableError)]
)
def test_an_error_without_its_words_is_told_by_its_status(
    server: Server, arm: Arm, status: int, kind: type[TenantryError], body: str
) -> None:
    server.answer(status, _JSON, body)
    error = _told(lambda: arm.get(_PATH, _VERSION))
    assert (type(error), error.code) == (kind, f"http-{status}")


def test_who_is_not_there_is_told_as_out_of_reach(arm: Arm, server: Server) -> None:
    away = Arm("https://127.0.0.1:1", credential=_Login(), scope="x", ca_file=server.ca_file, retries=0)
    with closing(away):
        assert _told(lambda: away.get(_PATH, _VERSION)).code == "cloud-unreachable"


class _Throttled:
    """A service that tells a caller so often to come again, and how long the caller then slept."""

    def __init__(self, server: Server, times: int, **headers: str) -> None:
        self.slept: list[float] = []
        self._server, self._times = server, times
        server.answer(429, _JSON, '{"error": {"code": "SubscriptionRequestsThrottled"}}', **headers)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self._times:
            self._server.answer(200, _JSON, '{"id": "x"}')


def _ask(server: Server, throttled: _Throttled) -> dict[str, Any] | None:
    client = Arm(
        server.url, credential=_Login(), scope="x", ca_file=server.ca_file, retries=0, sleep=throttled.sleep
    )
    with closing(client):
        return client.get(_PATH, _VERSION)


def test_who_calls_too_often_comes_again_as_late_as_told_and_as_often_as_needed(server: Server) -> None:
    throttled = _Throttled(server, 20, **{"Retry-After": "7"})
    assert _ask(server, throttled) == {"id": "x"}
    assert len(throttled.slept) == 20
    assert all(7 <= one <= 37 for one in throttled.slept)
    assert len(set(throttled.slept)) > 10  # all who were told the same do not come at the same time


def test_who_is_not_told_how_late_waits_longer_each_time(server: Server) -> None:
    throttled = _Throttled(server, 6)
    assert _ask(server, throttled) == {"id": "x"}
    assert all(low <= one for low, one in zip((1, 2, 4, 8, 16, 30), throttled.slept, strict=True))


def test_who_calls_too_often_for_half_an_hour_gives_up_with_a_remedy(server: Server) -> None:
    throttled = _Throttled(server, 10_000, **{"Retry-After": "60"})
    error = _told(lambda: _ask(server, throttled))
    assert (type(error), error.code) == (UnavailableError, "subscription-requests-throttled")
    assert "run the same command again" in error.hint
    assert 1700 < sum(throttled.slept) <= 1800


def test_who_would_have_to_wait_for_longer_than_that_is_told_at_once(server: Server) -> None:
    throttled = _Throttled(server, 1, **{"Retry-After": "3600"})
    assert _told(lambda: _ask(server, throttled)).code == "subscription-requests-throttled"
    assert throttled.slept == []
