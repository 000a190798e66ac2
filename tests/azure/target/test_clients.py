from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from tenantry.errors import UnavailableError
from tenantry.model.spec import CloudName, CredentialKind
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.clouds import CLOUDS, Access

_NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class _Login:
    def __init__(self, text: str) -> None:
        self.text = text

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(self.text, int(time.time()) + 3600)


def _part(claims: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def _clients(text: str) -> Clients:
    made = Clients(
        Access(
            cloud=CLOUDS[CloudName.PUBLIC],
            subscription_id="s",
            directory_id="d",
            credential=CredentialKind.SECRET,
            client_secret_file=Path("/nowhere"),
        )
    )
    made.__dict__["credential"] = _Login(text)
    return made


def test_who_tenantry_is_stands_in_its_token() -> None:
    principal = _clients(f"h.{_part({'oid': 'o', 'appid': 'a', 'idtyp': 'app'})}.s").principal
    assert (principal.object_id, principal.client_id) == ("o", "a")


@pytest.mark.parametrize("text", ["", "hunter22", "a.b.c", "a.\udcff.c", f"h.{_part([1])}.s", "h.é.s"])
def test_a_token_that_does_not_say_whose_it_is_is_told_and_not_repeated(text: str) -> None:
    with pytest.raises(UnavailableError) as told:
        _ = _clients(text).principal
    assert told.value.code == "no-token"
    assert "hunter22" not in told.value.message + told.value.hint


def test_a_sites_management_is_a_host_beside_it() -> None:
    assert _clients("").site("app-one").base == "https://app-one.scm.azurewebsites.net"


class _Arm:
    """A Resource Manager that tells its time with each answer."""

    def __init__(self, *, answers: bool) -> None:
        self.has_answered = answers
        self.asked: list[str] = []

    def get(self, path: str, version: str) -> dict[str, Any]:
        self.asked.append(path)
        self.has_answered = True
        return {}

    def now(self) -> datetime:
        return _NOW


def _silent() -> None:
    raise UnavailableError("that list alone does not answer")


def test_what_azure_offers_is_asked_once_in_a_command() -> None:
    clients = _clients("")
    clients.__dict__["arm"] = arm = _Arm(answers=True)
    for _ in range(2):
        clients.offers.get("/subscriptions/s/providers/P/locations/l", "1")
    assert len(arm.asked) == 1


def test_the_time_is_told_by_a_question_that_is_asked_in_any_case() -> None:
    clients = _clients("")
    clients.__dict__["arm"] = arm = _Arm(answers=True)
    assert clients.now_by(lambda: None) == _NOW
    assert arm.asked == []


def test_an_error_of_the_first_question_is_told_only_when_nothing_answers() -> None:
    clients = _clients("")
    clients.__dict__["arm"] = arm = _Arm(answers=True)
    assert clients.now_by(_silent) == _NOW
    assert arm.asked == ["/subscriptions/s"]
    clients.__dict__["arm"] = _Arm(answers=False)
    with pytest.raises(UnavailableError, match="that list alone"):
        clients.now_by(_silent)


def test_a_token_file_that_goes_meanwhile_is_told_as_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: str, **__: Any) -> AccessToken:
        raise FileNotFoundError(2, "No such file or directory")

    clients = _clients("")
    monkeypatch.setattr(clients.credential, "get_token", gone)
    with pytest.raises(UnavailableError) as told:
        clients.arm.get("/subscriptions/s", "2022-12-01")
    assert told.value.code == "no-token"
