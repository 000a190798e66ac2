"""What the stand-in does for a deletion: some things lie in a vault, some only go back to what they were."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tenantry.errors import FailedError
from tenantry.model.azure_types import TYPES, resource_id
from tenantry.sandbox.native.azure import Azure
from tests.azure import arm_types

_GROUP: dict[str, Any] = {"resourceGroupName": "rg"}
_SETTING = "azure-native:dbforpostgresql:Configuration"
_SETTINGS_OF_SERVER = {**_GROUP, "serverName": "psql", "configurationName": "log_statement"}
# Of those that are there with their parent: where they are, and what they are without a program.
_SINGLETONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "azure-native:storage:BlobServiceProperties": (
        {**_GROUP, "accountName": "stone", "blobServicesName": "default"},
        {},
    ),
    "azure-native:web:WebAppApplicationSettings": ({**_GROUP, "name": "app"}, {}),
    "azure-native:web:WebAppFtpAllowed": ({**_GROUP, "name": "app"}, {"allow": True}),
    "azure-native:web:WebAppScmAllowed": ({**_GROUP, "name": "app"}, {"allow": True}),
}


class _Service:
    """Has what it was given, and notes what it is asked to change."""

    def __init__(self, **there: dict[str, Any]) -> None:
        self.there = there
        self.asked: list[tuple[str, str, Any]] = []
        self.busy = 0

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return self.there.get(path)

    def put(self, path: str, version: str, body: Any) -> dict[str, Any]:
        self.asked.append(("PUT", path, body))
        if self.busy:
            self.busy -= 1
            raise FailedError("something else works on it", code="another-operation-in-progress")
        return {"id": path, **body}

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        raise AssertionError(path)

    def delete(self, path: str, version: str, **query: str) -> bool:
        self.asked.append(("DELETE", path, query))
        return path in self.there


def _delete(token: str, inputs: dict[str, Any], manager: _Service, vaults: dict[str, _Service]) -> str:
    identity = resource_id(token, inputs, "s")
    Azure(caller=manager, vault=vaults.__getitem__, subscription_id="s").delete(token, identity, inputs)
    return identity


@pytest.mark.parametrize(
    ("token", "name", "path"),
    [
        ("azure-native:keyvault:Secret", {"secretName": "session"}, "/secrets/session"),
        ("azure-native:keyvault:Key", {"keyName": "data"}, "/keys/data"),
    ],
)
def test_what_lies_in_a_vault_is_deleted_there_and_not_at_resource_manager(
    token: str, name: dict[str, str], path: str
) -> None:
    manager, vault, other = _Service(), _Service(), _Service()
    _delete(token, {**_GROUP, "vaultName": "kvs", **name}, manager, {"kvs": vault, "kvd": other})
    assert vault.asked == [("DELETE", path, {})]
    assert manager.asked == other.asked == []


def test_a_setting_of_a_server_goes_back_to_what_the_server_says_is_its_default() -> None:
    identity = resource_id(_SETTING, _SETTINGS_OF_SERVER, "s")
    manager = _Service(**{identity: {"properties": {"value": "ddl", "defaultValue": "none"}}})
    _delete(_SETTING, _SETTINGS_OF_SERVER, manager, {})
    ((verb, path, body),) = manager.asked
    assert (verb, path) == ("PUT", identity)
    assert body == {"properties": {"value": "none", "source": "system-default"}}
    assert arm_types.faults(_SETTING, body) == []


def test_a_setting_of_a_server_that_is_gone_is_left_alone() -> None:
    manager = _Service()
    _delete(_SETTING, _SETTINGS_OF_SERVER, manager, {})
    assert manager.asked == []


def test_what_has_another_operation_is_put_back_when_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    identity = resource_id(_SETTING, _SETTINGS_OF_SERVER, "s")
    manager = _Service(**{identity: {"properties": {"value": "ddl", "defaultValue": "none"}}})
    manager.busy = 2
    _delete(_SETTING, _SETTINGS_OF_SERVER, manager, {})
    assert len(manager.asked) == 3


def test_every_type_that_is_there_with_its_parent_has_a_row_here() -> None:
    assert {token for token, kind in TYPES.items() if kind.singleton} == {*_SINGLETONS, _SETTING}


@pytest.mark.parametrize("token", _SINGLETONS)
def test_what_is_there_with_its_parent_is_put_back_and_not_deleted(token: str) -> None:
    inputs, default = _SINGLETONS[token]
    parent = resource_id(token, inputs, "s").rsplit("/", 2)[0]
    manager = _Service(**{parent: {"id": parent}})
    identity = _delete(token, inputs, manager, {})
    assert manager.asked == [("PUT", identity, {"properties": default})]
    assert arm_types.faults(token, {"properties": default}) == []


@pytest.mark.parametrize("token", _SINGLETONS)
def test_what_went_with_its_parent_is_not_put_back(token: str) -> None:
    manager = _Service()
    _delete(token, _SINGLETONS[token][0], manager, {})
    assert manager.asked == []


def test_a_sites_plan_stays_when_its_last_site_is_deleted() -> None:
    manager = _Service()
    identity = _delete("azure-native:web:WebApp", {**_GROUP, "name": "app"}, manager, {})
    assert manager.asked == [("DELETE", identity, {"deleteEmptyServerFarm": "false"})]


def test_anything_else_is_deleted_by_its_id_and_may_be_gone() -> None:
    manager = _Service()
    identity = _delete("azure-native:keyvault:Vault", {**_GROUP, "vaultName": "kvs"}, manager, {})
    assert manager.asked == [("DELETE", identity, {})]
