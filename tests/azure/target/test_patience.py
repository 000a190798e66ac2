from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tenantry.errors import FailedError, UnavailableError
from tenantry.targets.azure import patience

_SITE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/app"


class _Lease:
    """Keeps what is told to it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def check(self) -> None:
        """Go on."""

    def evidence(self, text: str) -> None:
        self.told.append(text)


class _Site:
    """References of a site, which can be read after some looks."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self.asked: list[str] = []

    def list(self, path: str, version: str) -> Sequence[dict[str, Any]]:
        self._looks -= 1
        state = "Resolved" if self._looks < 0 else "AccessToKeyVaultDenied"
        return [{"name": "DATABASE_PASSWORD", "properties": {"status": state}}]

    def post(self, path: str, version: str) -> dict[str, Any]:
        self.asked.append(path)
        return {}


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("tenantry.targets.azure.patience.time.sleep", found.append)
    return found


def _refusing(code: str, times: int) -> tuple[Any, list[bool]]:
    tries: list[bool] = []

    def act(first: bool) -> str:  # noqa: FBT001 - as it is called
        tries.append(first)
        if len(tries) <= times:
            raise FailedError("refused", code=code)
        return "done"

    return act, tries


def _until(act: Any, told: list[str]) -> str:
    lease: Any = _Lease()
    return str(patience.once_in_force(act, lease=lease, on_event=lambda event: told.append(event.text)))


@pytest.mark.parametrize("code", ["key-vault-authentication-failure", "principal-not-found"])
def test_what_needs_a_role_is_tried_again_until_it_is_in_force(code: str) -> None:
    act, tries = _refusing(code, 2)
    told: list[str] = []
    assert _until(act, told) == "done"
    assert tries == [True, False, False], "only the first run looks afresh"
    assert len(told) == 2


def test_another_refusal_is_not_waited_for() -> None:
    act, tries = _refusing("sku-not-available", 1)
    with pytest.raises(FailedError, match="refused"):
        _until(act, [])
    assert tries == [True]


def test_the_patience_for_a_role_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PATIENCE_SECONDS", 0.0)
    act, _ = _refusing("principal-not-found", 10)
    with pytest.raises(FailedError, match="refused"):
        _until(act, [])


def _resolve(site: _Site, lease: _Lease, told: list[str]) -> None:
    arm: Any = site
    held: Any = lease
    patience.references_resolved(arm, _SITE, lease=held, on_event=lambda event: told.append(event.text))


def test_a_site_that_reads_its_secrets_is_left_alone(slept: list[float]) -> None:
    site = _Site(looks=0)
    _resolve(site, _Lease(), [])
    assert (site.asked, slept) == ([], [])


def test_a_site_that_may_not_read_its_secrets_yet_is_waited_for_and_reads_them_anew() -> None:
    site, lease, told = _Site(looks=2), _Lease(), list[str]()
    _resolve(site, lease, told)
    assert told == ["waiting until the site may read its secrets"]
    assert site.asked == [f"{_SITE}/config/configreferences/appsettings/refresh"]
    assert lease.told == ["the site reads its secrets anew"]


def test_a_site_that_never_may_is_told_with_azures_word_for_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(UnavailableError, match="1 of its secrets: DATABASE_PASSWORD: AccessToKeyVaultDenied"):
        _resolve(_Site(looks=10**6), _Lease(), [])
