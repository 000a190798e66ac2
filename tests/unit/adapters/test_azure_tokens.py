"""The endpoint that gives the engine its tokens."""

from __future__ import annotations

import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from tenantry import loopback
from tenantry.adapters.azure_tokens import token_endpoint
from tests.support.plain_http import ask

_STORAGE = "https://storage.azure.com"


class _Login:
    """A credential that says what it was asked for."""

    refuses: Exception | None = None

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        if self.refuses is not None:
            raise self.refuses
        return AccessToken(f"token for {scopes[0]}", 1_900_000_000)


@pytest.fixture
def login() -> _Login:
    return _Login()


@pytest.fixture
def lent(login: _Login) -> Iterator[Mapping[str, str]]:
    with token_endpoint(login, [_STORAGE]) as variables:
        yield variables


def _ask(lent: Mapping[str, str], resource: str, *, header: str | None = None) -> tuple[int, dict[str, str]]:
    answer = ask(
        f"{lent['IDENTITY_ENDPOINT']}?api-version=2019-08-01&resource={quote(resource, safe='')}",
        headers={"X-IDENTITY-HEADER": lent["IDENTITY_HEADER"] if header is None else header},
    )
    return answer.status, answer.json


def test_it_gives_a_token_of_the_credential(lent: Mapping[str, str]) -> None:
    status, body = _ask(lent, _STORAGE)
    assert (status, body["access_token"]) == (200, f"token for {_STORAGE}/.default")
    assert body["expires_on"] == "1900000000"


def test_who_does_not_know_the_header_gets_none(lent: Mapping[str, str]) -> None:
    assert _ask(lent, _STORAGE, header="guessed")[0] == 401


def test_another_user_gets_none(lent: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "owner", lambda *_: 65534)
    assert _ask(lent, _STORAGE)[0] == 401


def test_it_gives_no_token_for_what_the_engine_has_no_business_with(lent: Mapping[str, str]) -> None:
    assert _ask(lent, "https://graph.microsoft.com")[0] == 400


@pytest.mark.parametrize("name", ["https://management.azure.com", "https://management.core.windows.net/"])
def test_the_plugin_that_the_engine_starts_gets_one_for_resource_manager(
    lent: Mapping[str, str], name: str
) -> None:
    status, body = _ask(lent, name)
    assert (status, body["access_token"]) == (200, f"token for {name}/.default")


def test_a_refusal_of_the_login_is_told_by_its_first_line(lent: Mapping[str, str], login: _Login) -> None:
    login.refuses = ClientAuthenticationError("AADSTS7000222: the secret has expired\nTrace ID: 1")
    status, body = _ask(lent, _STORAGE)
    assert (status, body["error_description"]) == (400, "AADSTS7000222: the secret has expired")


def test_a_token_file_that_is_gone_is_told_to_the_engine_and_not_on_our_errors(
    lent: Mapping[str, str], login: _Login, capfd: pytest.CaptureFixture[str]
) -> None:
    login.refuses = FileNotFoundError(2, "No such file or directory", "/var/token")
    status, body = _ask(lent, _STORAGE)
    assert (status, "/var/token" in body["error_description"]) == (400, True)
    assert capfd.readouterr().err == ""


class _SlowLogin(_Login):
    """Gives its token when it is let."""

    def __init__(self) -> None:
        self.asked, self.let = threading.Event(), threading.Event()

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.asked.set()
        assert self.let.wait(20)
        return super().get_token(*scopes)


def test_an_engine_that_went_away_is_none_of_our_errors(capfd: pytest.CaptureFixture[str]) -> None:
    login = _SlowLogin()
    with token_endpoint(login, [_STORAGE]) as lent:
        place = urlsplit(lent["IDENTITY_ENDPOINT"])
        with socket.create_connection((place.hostname, place.port)) as engine:
            known = f"X-IDENTITY-HEADER: {lent['IDENTITY_HEADER']}"
            engine.sendall(f"GET {place.path}?resource={_STORAGE} HTTP/1.0\r\n{known}\r\n\r\n".encode())
            assert login.asked.wait(20)
            # Reset, not merely closed: what is written to it then fails.
            engine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handlers = [one for one in threading.enumerate() if "process_request" in one.name]
        assert handlers
        login.let.set()
        for one in handlers:
            one.join(20)
    assert capfd.readouterr().err == ""


def test_it_ends_with_the_run(login: _Login) -> None:
    with token_endpoint(login, [_STORAGE]) as variables:
        pass
    with pytest.raises(urllib.error.URLError):
        _ask(variables, _STORAGE)
