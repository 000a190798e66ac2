from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tenantry.errors import FailedError, TenantryError, UnavailableError
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


def _until(act: Any, told: list[str], *, missing: Callable[[], Sequence[str]] = list) -> str:
    lease: Any = _Lease()
    return str(
        patience.until_it_passes(
            act, missing=missing, lease=lease, on_event=lambda event: told.append(event.text)
        )
    )


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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that only pauses move."""
    paused: list[float] = []
    monkeypatch.setattr("tenantry.targets.azure.patience.time.monotonic", lambda: sum(paused))
    monkeypatch.setattr("tenantry.targets.azure.patience.time.sleep", paused.append)


@pytest.mark.usefixtures("clock")
def test_a_role_that_is_given_no_more_is_not_waited_for_and_the_assignment_is_named() -> None:
    act, tries = _refusing("forbidden-by-rbac", 10**6)
    with pytest.raises(FailedError, match="refused; the role assignment /r/1 was made") as told:
        _until(act, [], missing=lambda: ["/r/1"])
    assert (told.value.code, len(tries)) == ("role-missing", 21), "a minute, of fifteen"
    assert "run the same command again" in told.value.hint


@pytest.mark.usefixtures("clock")
def test_an_assignment_that_is_seen_late_is_waited_for() -> None:
    act, _ = _refusing("forbidden-by-rbac", 40)
    looks = iter(range(100))
    assert _until(act, [], missing=lambda: ["/r/1"] if next(looks) < 10 else []) == "done"


@pytest.mark.parametrize("code", ["allocation-failed", "conflict", "internal-server-error"])
def test_what_often_passes_is_tried_twice_more_and_later_each_time(code: str, slept: list[float]) -> None:
    act, tries = _refusing(code, 2)
    assert _until(act, []) == "done"
    assert tries == [True, False, False]
    assert slept == sorted(slept)


def test_what_does_not_pass_is_told_after_three_tries() -> None:
    act, tries = _refusing("allocation-failed", 10)
    with pytest.raises(FailedError, match="refused"):
        _until(act, [])
    assert len(tries) == 3


@pytest.mark.parametrize(
    "error",
    [
        FailedError("workspace: Conflict: This workspace name is already in use.", code="conflict"),
        UnavailableError("site: InternalServerError: asked six times", code="internal-server-error"),
    ],
)
def test_a_name_that_is_kept_and_a_service_that_stays_broken_are_not_asked_again(
    error: TenantryError,
) -> None:
    tries: list[bool] = []

    def act(first: bool) -> str:  # noqa: FBT001 - as it is called
        tries.append(first)
        raise error

    with pytest.raises(type(error)):
        _until(act, [])
    assert tries == [True]


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
