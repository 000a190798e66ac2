"""What the way in asks Resource Manager for, held against Microsoft's types; and how often it knocks."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tenantry.errors import RefusedError, TenantryError
from tenantry.targets.azure import lent_roles, way_in
from tenantry.targets.azure.way_in import Way
from tenantry.targets.azure.way_to_blobs import ToBlobs
from tenantry.targets.azure.way_to_database import ToDatabase
from tenantry.targets.azure.way_to_vault import ToVault
from tests.azure import arm_types

_GROUP = "/subscriptions/s/resourceGroups/rg/providers"
_VAULT = f"{_GROUP}/Microsoft.KeyVault/vaults/kvs"
_ACCOUNT = f"{_GROUP}/Microsoft.Storage/storageAccounts/st"
_SERVER = f"{_GROUP}/Microsoft.DBforPostgreSQL/flexibleServers/psql"
_DENIALS, _WITHIN = 5, 300.0  # refusals, in so many seconds, that the alert about denied access bears


class _Manager:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.sent = list[tuple[str, dict[str, Any]]]()

    def patch(self, path: str, version: str, body: dict[str, Any]) -> None:
        self.sent.append((path, body))

    put = patch

    def delete(self, path: str, version: str) -> bool:
        return True

    def get(self, path: str, version: str) -> None:
        return None

    def list(self, path: str, version: str) -> list[dict[str, Any]]:
        return []


class _Clock:
    """In the place of the module ``time``: waits at no cost, and keeps how long."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class _Lease:
    """Cancelled when its time has come."""

    def __init__(self, clock: _Clock, cancelled_at: float) -> None:
        self.clock, self.cancelled_at = clock, cancelled_at

    def check(self) -> None:
        if self.clock.now >= self.cancelled_at:
            raise RefusedError("it was cancelled", code="cancelled")

    def intent(self, text: str) -> None: ...

    evidence = intent


class _ShutVault(ToVault):
    """Refuses everybody, and keeps when it was asked."""

    def __init__(self, manager: Any, clock: _Clock) -> None:
        super().__init__(manager, _VAULT, manager)
        self.clock, self.knocks = clock, list[float]()

    def enter(self) -> None:
        self.knocks.append(self.clock.now)
        raise RefusedError("Client address: 198.51.100.7", code="forbidden-by-firewall")


class _LaggingVault(_ShutVault):
    """A killed run allowed our address: that rule works for five seconds after it was taken away."""

    def __init__(self, manager: Any, clock: _Clock) -> None:
        super().__init__(manager, clock)
        self.allowed = ""

    def allow(self, address: str) -> None:
        super().allow(address)
        self.allowed = address

    def enter(self) -> None:
        if self.clock.now < 5:
            self.knocks.append(self.clock.now)
            raise RefusedError("no role", code="forbidden-by-rbac")
        if not self.allowed:
            super().enter()
        self.knocks.append(self.clock.now)


class _Account(ToBlobs):
    """Lets in who is allowed."""

    def __init__(self, manager: Any, vault: ToVault) -> None:
        super().__init__(manager, _ACCOUNT, vault=vault, role=lent_roles.BLOB_READER)
        self.allowed = ""

    def allow(self, address: str) -> None:
        super().allow(address)
        self.allowed = address

    def enter(self) -> None:
        if not self.allowed:
            raise RefusedError("st refuses: AuthorizationFailure", code="blobs-refused")


def _ways(manager: Any) -> dict[str, Way]:
    vault = ToVault(manager, _VAULT, manager)
    return {
        "azure-native:keyvault:Vault": vault,
        "azure-native:storage:StorageAccount": ToBlobs(manager, _ACCOUNT, vault=vault),
        "azure-native:dbforpostgresql:Server": ToDatabase(manager, _SERVER),
    }


@pytest.mark.parametrize("token", _ways(None))
def test_what_opens_and_closes_is_of_microsofts_types(token: str) -> None:
    manager: Any = _Manager()
    way = _ways(manager)[token]
    way.allow("")
    for part in way.closing(manager):
        part()
    if "Server" not in token:  # its rule is a resource of its own
        way.allow("198.51.100.7")
    bodies = [body for path, body in manager.sent if path == way.id]
    assert len(bodies) >= 2
    wrong = [one for body in bodies for one in arm_types.faults(token, body) if "required" not in one]
    assert wrong == []


def test_a_role_is_lent_in_microsofts_words_and_known_again_by_its_name() -> None:
    manager: Any = _Manager()
    role = lent_roles.SECRETS_OFFICER
    path = lent_roles.lend(manager, _VAULT, role=role, principal="11111111-2222-3333-4444-555555555555")
    ((sent, body),) = manager.sent
    assert sent == path
    assert arm_types.faults("azure-native:authorization:RoleAssignment", body) == []
    manager.list = lambda *_: [{"id": path, **body}, {"id": f"{path[:-4]}beef", **body}]
    assert lent_roles.left(manager, f"{_GROUP}".removesuffix("/providers")) == [path]
    assert lent_roles.left(manager, _VAULT) == [path]
    assert lent_roles.left(manager, _ACCOUNT) == []


def test_a_vault_is_knocked_at_too_seldom_to_raise_the_alert_about_denied_access() -> None:
    way = _ways(_Manager())["azure-native:keyvault:Vault"]
    waits = list(itertools.islice(itertools.chain(way.pauses, itertools.repeat(way.pauses[-1])), 20))
    # Once to hear the address, and then until it lets us in.
    knocks = [0.0, *itertools.accumulate(waits, initial=0.0)]
    busiest = max(sum(1 for one in knocks if start <= one < start + _WITHIN) for start in knocks)
    assert busiest <= _DENIALS


def _waited_for(vault: _ShutVault, cancelled_at: float, monkeypatch: pytest.MonkeyPatch) -> TenantryError:
    """Wait for a vault that lets nobody in, until that is given up or cancelled; return the error."""
    monkeypatch.setattr(way_in, "time", vault.clock)
    lease: Any = _Lease(vault.clock, cancelled_at)
    with pytest.raises(TenantryError) as told, way_in.opened(vault, lease, lambda _: None, principal="p"):
        pass
    return told.value


def test_a_cancel_is_heard_at_once_while_a_vault_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = _ShutVault(_Manager(), _Clock())
    told = _waited_for(vault, 15.5, monkeypatch)
    assert (told.code, vault.clock.now <= 16.5) == ("cancelled", True)


def test_a_vault_that_lets_nobody_in_is_knocked_at_no_oftener_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vault = _ShutVault(_Manager(), _Clock())
    told = _waited_for(vault, 1e9, monkeypatch)
    assert (told.code, vault.knocks) == ("no-way-in", [0, 0, 10, 130, 310, 490, 670, 850])


def test_an_account_is_opened_though_the_vault_that_is_asked_still_lets_us_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, lease = _Clock(), _Lease(_Clock(), 1)
    vault = _LaggingVault(_Manager(), clock)
    account = _Account(vault.arm, vault)
    monkeypatch.setattr(way_in, "time", clock)
    with way_in.opened(account, lease, lambda _: None, principal="p"):  # type: ignore[arg-type]
        assert account.allowed == "198.51.100.7"
    assert clock.now == 10


def test_a_vault_that_let_us_in_by_an_old_rule_is_asked_again_and_not_too_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, lease = _Clock(), _Lease(_Clock(), 1)
    vault = _LaggingVault(_Manager(), clock)
    monkeypatch.setattr(way_in, "time", clock)
    with way_in.opened(vault, lease, lambda _: None, principal="p"):  # type: ignore[arg-type]
        assert vault.allowed == "198.51.100.7"
    refused = vault.knocks[:-1]
    assert vault.knocks == [0, 0, 10, 10, 190]
    assert len(refused) <= _DENIALS
