"""A way in that something keeps from being closed: each part is tried, and what is left is told."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tenantry.components.azure.props import APP_PASSWORD
from tenantry.errors import FailedError, StoppedError, TenantryError, UnavailableError
from tenantry.model.azure_types import TYPES
from tenantry.model.profile import Service
from tenantry.targets import terminal
from tenantry.targets.azure import deploying, entering, lent_roles, way_in
from tenantry.targets.azure.way_to_database import ToDatabase
from tenantry.targets.azure.way_to_vault import ToVault

_GROUP = "/subscriptions/s/resourceGroups/rg-kenya"
_SERVER = f"{_GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"
_RULE = f"{_SERVER}/firewallRules/tenantry-operator"
_VAULT = f"{_GROUP}/providers/Microsoft.KeyVault/vaults/kvs"
_PRINCIPAL = "11111111-2222-3333-4444-555555555555"
_ROLES = TYPES["azure-native:authorization:RoleAssignment"].arm_type
_REFUSES = 'no pg_hba.conf entry for host "198.51.100.7"'


class _Manager:
    """Resource Manager over a line that may drop."""

    def __init__(self) -> None:
        self.held = dict[str, dict[str, Any]]()
        self.down: TenantryError | None = None
        self.refused = dict[str, TenantryError]()  # by method

    def _refuse(self, method: str) -> None:
        if error := self.down or self.refused.get(method):
            raise error

    def list(self, path: str, version: str) -> Sequence[dict[str, Any]]:
        self._refuse("LIST")
        wanted = f"/providers/{_ROLES}/" if path.endswith(_ROLES) else f"{path}/"
        return [{"id": at, **body} for at, body in self.held.items() if wanted in at]

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        self._refuse("GET")
        return self.held.get(path)

    def patch(self, path: str, version: str, body: dict[str, Any]) -> None:
        self._refuse("PATCH")
        self.held[path] = body

    def put(self, path: str, version: str, body: dict[str, Any]) -> None:
        self._refuse("PUT")
        self.held[path] = body

    def delete(self, path: str, version: str) -> bool:
        self._refuse("DELETE")
        return self.held.pop(path, None) is not None


class _Door:
    """Lets nobody in but by the rule."""

    def __init__(self, manager: _Manager) -> None:
        self.manager = manager

    def open(self, *, timeout: int) -> Any:
        if _RULE not in self.manager.held:
            raise FailedError(_REFUSES)
        return nullcontext()


class _Lease:
    def check(self) -> None: ...

    def intent(self, text: str) -> None: ...

    evidence = intent


@pytest.fixture
def manager() -> _Manager:
    return _Manager()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(way_in, "_PATIENCE_SECONDS", 0.0)


def _to_database(manager: Any) -> Any:
    door: Any = _Door(manager)
    lease: Any = _Lease()
    return way_in.opened(ToDatabase(manager, _SERVER, door), lease, lambda _: None)


def _to_vault(manager: Any) -> Any:
    lease: Any = _Lease()
    vault = ToVault(manager, _VAULT, manager)
    return way_in.opened(vault, lease, lambda _: None, principal=_PRINCIPAL)


def test_a_way_that_the_network_let_nobody_close_is_told_as_open_with_what_closes_it(
    manager: _Manager,
) -> None:
    with pytest.raises(FailedError) as told, _to_database(manager):
        manager.down = UnavailableError("management cannot be reached: no route", hint="see the network")
    (problem,) = told.value.problems
    assert (told.value.code, problem.code) == ("way-in-open", "way-in-open")
    assert problem.message.startswith("the private way into psql may still be open: ")
    assert "cannot be reached: no route" in problem.message
    assert "deploy the instance: either closes it" in problem.hint
    assert _RULE in manager.held, "a control: it is open"


def test_the_rule_goes_even_if_public_access_cannot_be_taken_away(manager: _Manager) -> None:
    with pytest.raises(FailedError, match=r"may still be open: .*out of order"), _to_database(manager):
        manager.refused["PATCH"] = UnavailableError("it is out of order", code="internal-server-error")
    assert _RULE not in manager.held


def test_the_role_goes_even_if_the_vault_cannot_be_closed(manager: _Manager) -> None:
    with pytest.raises(FailedError) as told, _to_vault(manager):
        manager.refused["PATCH"] = UnavailableError("it is out of order", code="internal-server-error")
    assert (told.value.code, lent_roles.left(manager, _VAULT)) == ("way-in-open", [])  # type: ignore[arg-type]


def test_what_was_closed_and_cannot_be_looked_at_may_be_open(manager: _Manager) -> None:
    with pytest.raises(FailedError, match="may still be open: no answer") as told, _to_database(manager):
        manager.refused["GET"] = UnavailableError("no answer")
    assert told.value.code == "way-in-open"


def test_somebody_elses_rule_holds_nobody_up_and_stays(manager: _Manager) -> None:
    theirs = f"{_SERVER}/firewallRules/debug"
    manager.held[theirs] = {}
    with _to_database(manager):
        assert _RULE in manager.held
    assert (_RULE in manager.held, theirs in manager.held) == (False, True)
    way, lease, closed = ToDatabase(manager, _SERVER), _Lease(), dict(manager.held)  # type: ignore[arg-type]
    manager.refused = dict.fromkeys(("PATCH", "PUT", "DELETE"), FailedError("it was to change nothing"))
    way_in.shut(way, lease)  # type: ignore[arg-type]
    assert manager.held == closed


def test_what_went_wrong_inside_is_told_beside_a_way_that_stays_open(manager: _Manager) -> None:
    def migrate() -> None:
        manager.down = UnavailableError("no route")
        raise FailedError("the migration ended with 3", code="task-failed", hint="see its output")

    with pytest.raises(FailedError) as told, _to_database(manager):
        migrate()
    assert [one.code for one in told.value.problems] == ["way-in-open", "task-failed"]
    assert told.value.problems[1].hint == "see its output"


def test_whoever_stops_the_closing_is_told_that_the_way_may_be_open(
    manager: _Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(manager, "delete", stopped)
    with pytest.raises(KeyboardInterrupt) as told, _to_database(manager):
        pass
    assert isinstance(told.value, StoppedError)
    (problem,) = told.value.problems
    assert (problem.code, problem.hint[:26]) == ("way-in-open", "run the same command again")
    assert problem.message.startswith("the private way into psql may still be open: ")


def test_a_commands_own_exit_code_is_told_beside_a_way_that_stays_open(
    manager: _Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: Any, **__: Any) -> int:
        manager.down = UnavailableError("no route")
        return 3

    monkeypatch.setattr(entering, "planned", lambda *_: (["/usr/bin/psql"], Path("/")))
    monkeypatch.setattr(terminal, "run", ends)
    monkeypatch.setattr(deploying, "variables", lambda *_, **__: {})
    monkeypatch.setattr(deploying, "door", lambda *_: _Door(manager))
    monkeypatch.setattr(deploying, "server_id", lambda *_: _SERVER)
    clients: Any = type("_Clients", (), {"arm": manager})
    props: Any = type("_Props", (), {"profile": None, "subscription_id": "s", "names": None})
    props.needs = lambda one: one is Service.DATABASE
    secrets = {APP_PASSWORD: "hidden"}
    hold: Any = lambda: nullcontext(_Lease())  # noqa: E731
    with pytest.raises(FailedError) as told:
        entering.execute(clients, props, secrets, ["psql"], hold=hold, on_event=lambda _: None)
    assert [one.code for one in told.value.problems] == ["way-in-open", "command-ended"]
    assert told.value.problems[1].message == "the command itself ended with 3"
