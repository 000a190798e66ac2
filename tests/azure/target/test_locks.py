from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.errors import FailedError, UnavailableError
from tenantry.model.azure_types import TYPES
from tenantry.targets.azure import locks, way_in
from tenantry.targets.azure.way_to_database import ToDatabase

_GROUP = "/subscriptions/s/resourceGroups/rg-kenya"
_SERVER = f"{_GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"
_AT = "/providers/Microsoft.Authorization/locks/"
_OURS = f"{_SERVER}{_AT}tenantry-holds-data"
_VERSION = TYPES["azure-native:dbforpostgresql:Server"].version


class _Manager:
    """A server with locks, and what was asked for at it."""

    def __init__(self, *locked: str, open_: bool = False) -> None:
        self.locked = {one: {"level": "CanNotDelete", "notes": "why"} for one in locked}
        self.public = "Enabled" if open_ else "Disabled"
        self.rules = [f"{_SERVER}/firewallRules/tenantry-operator"] if open_ else []
        self.effects: list[tuple[str, str]] = []
        self.held_on = 0  # how often a lock that was lifted is still held

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        if path.endswith("/firewallRules"):
            return [{"id": one} for one in self.rules]
        assert path == "/subscriptions/s/providers/Microsoft.Authorization/locks"
        names = {one: one.rpartition("/")[2] for one in self.locked}
        return [
            {"id": one, "name": names[one], "properties": dict(kept)} for one, kept in self.locked.items()
        ]

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        if path == _SERVER:
            return {"properties": {"network": {"publicNetworkAccess": self.public}}}
        return {"id": path} if path in self.rules else None

    def patch(self, path: str, version: str, body: Any) -> None:
        self.effects.append(("PATCH", path))
        self.public = body["properties"]["network"]["publicNetworkAccess"]

    def put(self, path: str, version: str, body: Any) -> None:
        self.effects.append(("PUT", path))
        self.locked[path] = body["properties"]

    def delete(self, path: str, version: str, **query: str) -> bool:
        if path in self.rules:
            self.held_on -= 1
            if self.locked or self.held_on >= 0:
                raise FailedError("(ScopeLocked) it is locked", code="scope-locked")
            self.rules.remove(path)
        else:
            del self.locked[path]
        self.effects.append(("DELETE", path))
        return True


class _Lease:
    def intent(self, text: str) -> None: ...

    def evidence(self, text: str) -> None: ...


@contextmanager
def _opened(manager: _Manager) -> Any:
    with way_in.opened(_to(manager), _Lease(), lambda _: None):  # type: ignore[arg-type]
        yield


def _to(manager: _Manager) -> ToDatabase:
    return ToDatabase(manager, _SERVER)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "theirs",
    [
        f"{_SERVER}{_AT}theirs",
        f"{_GROUP}{_AT}theirs",
        f"/subscriptions/s{_AT}theirs",
        f"{_GROUP}{_AT}tenantry-holds-data",
    ],
)
def test_nothing_is_opened_where_somebody_elses_lock_would_forbid_to_close_it(theirs: str) -> None:
    manager = _Manager(_OURS, theirs)
    with pytest.raises(FailedError, match=theirs) as refused, _opened(manager):
        pass
    assert (refused.value.code, refused.value.exit_code) == ("scope-locked", 1)
    assert (manager.effects, len(manager.locked)) == ([], 2)


def test_a_lock_of_something_else_holds_nobody_up() -> None:
    others = [f"{_GROUP}/providers/Microsoft.KeyVault/vaults/kvs{_AT}theirs", f"{_GROUP}-2{_AT}theirs"]
    manager = _Manager(_OURS, *others)
    locks.refuse_locked(manager, _SERVER)  # type: ignore[arg-type]


def test_what_was_left_open_is_closed_with_our_own_lock_lifted_and_put_back() -> None:
    manager = _Manager(_OURS, open_=True)
    way_in.shut(_to(manager), _Lease())  # type: ignore[arg-type]
    assert manager.effects == [
        ("PATCH", _SERVER),
        ("DELETE", _OURS),
        ("DELETE", f"{_SERVER}/firewallRules/tenantry-operator"),
        ("PUT", _OURS),
    ]
    assert manager.locked == {_OURS: {"level": "CanNotDelete", "notes": "why"}}


def test_somebody_elses_lock_is_never_lifted_and_is_named() -> None:
    theirs = f"{_SERVER}{_AT}theirs"
    manager = _Manager(_OURS, theirs, open_=True)
    with pytest.raises(FailedError, match="theirs"):
        way_in.shut(_to(manager), _Lease())  # type: ignore[arg-type]
    assert ("DELETE", theirs) not in manager.effects
    assert set(manager.locked) == {_OURS, theirs}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock on which waiting costs nothing; what was waited, in seconds."""
    waited = list[float]()
    monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=lambda: sum(waited), sleep=waited.append))
    return waited


def test_our_lock_is_lifted_once_however_long_azure_goes_on_holding_it(hurried: list[float]) -> None:
    manager = _Manager(_OURS, open_=True)
    manager.held_on = 20
    way_in.shut(_to(manager), _Lease())  # type: ignore[arg-type]
    assert manager.effects[1:] == [
        ("DELETE", _OURS),
        ("DELETE", f"{_SERVER}/firewallRules/tenantry-operator"),
        ("PUT", _OURS),
    ]
    assert len(hurried) == 20


def test_a_lock_that_azure_holds_for_ever_is_not_told_as_somebody_elses(hurried: list[float]) -> None:
    manager = _Manager(_OURS, open_=True)
    manager.held_on = 10_000
    rule, lease = f"{_SERVER}/firewallRules/tenantry-operator", _Lease()
    with pytest.raises(UnavailableError) as told:
        locks.delete_part(manager, rule, _VERSION, of=_SERVER, lease=lease)  # type: ignore[arg-type]
    assert (told.value.code, told.value.hint) == ("lock-lingers", "run the same command again later")
    assert (set(manager.locked), sum(hurried) < 200) == ({_OURS}, True)


def test_a_lock_that_a_list_shows_late_is_lifted_and_put_back_as_well(hurried: list[float]) -> None:
    manager = _Manager(_OURS, open_=True)
    shown, looks = manager.list, list[str]()

    def late(path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        looks.append(path)
        return shown(path, version) if len(looks) > 3 else []

    manager.list = late  # type: ignore[method-assign]
    rule, lease = f"{_SERVER}/firewallRules/tenantry-operator", _Lease()
    locks.delete_part(manager, rule, _VERSION, of=_SERVER, lease=lease)  # type: ignore[arg-type]
    assert (manager.rules, set(manager.locked), hurried) == ([], {_OURS}, [1, 1])


def test_what_lies_in_a_group_is_held_by_locks_there_below_and_above() -> None:
    held = [f"{one}{_AT}a" for one in (_SERVER, _GROUP, "/subscriptions/s")]
    manager = _Manager(*held, f"{_GROUP}-2{_AT}a")
    assert [one["id"] for one in locks.at_and_below(manager, _GROUP)] == held  # type: ignore[arg-type]
