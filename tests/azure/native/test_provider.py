"""The stand-in under the real engine, against a Resource Manager in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.adapters.engine_state import EngineState
from tenantry.errors import FailedError, RefusedError, TenantryError
from tenantry.model.status import ChangeKind
from tenantry.sandbox.native.azure import Azure
from tenantry.sandbox.native.provider import serve

_PASSPHRASE = "a passphrase of tests"
_GROUP = "/subscriptions/s/resourceGroups/rg"
_ACCOUNT = f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/stone"
_SERVER = f"{_GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"


class MemoryManager:
    """Keeps bodies; can fail a create half-way."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[str, str, Any]] = []
        self.fails: set[str] = set()

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.bodies.get(path))

    def put(self, path: str, version: str, body: Any) -> dict[str, Any]:
        self.sent.append(("PUT", path, copy.deepcopy(body)))
        told = copy.deepcopy(body)
        told.get("properties", {}).pop("administratorLoginPassword", None)
        self.bodies[path] = {"id": path, "name": path.rpartition("/")[2], **told}
        if path in self.fails:
            raise FailedError("it broke in the middle", code="internal-server-error")
        return copy.deepcopy(self.bodies[path])

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        return {"keys": [{"keyName": "key1", "value": "the key of the account"}]}

    def delete(self, path: str, version: str, **query: str) -> bool:
        self.sent.append(("DELETE", path, query))
        return self.bodies.pop(path, None) is not None


@dataclass
class World:
    manager: MemoryManager
    engine: Engine
    folder: Path

    def up(self, program: Callable[[], None]) -> dict[str, ChangeKind]:
        result = self.engine.up("one", program, passphrase=_PASSPHRASE, on_event=lambda _: None)
        return {change.name: change.kind for change in result.changes}

    def drift(self) -> list[str]:
        found = self.engine.drift("one", passphrase=_PASSPHRASE, on_event=lambda _: None)
        return [change.name for change in found if change.kind is not ChangeKind.SAME]

    def half_made(self) -> list[str]:
        """Return what is there although its create failed, and waits to be finished, as the state has it."""
        state = EngineState(self.folder / "state", home=self.folder / "home", project="tenantry")
        return state.half_made("one")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    manager = MemoryManager()
    ids = {"subscription_id": "s", "directory_id": "d", "client_id": "c", "object_id": "o"}
    with serve(manager, lambda _: manager, **ids) as port:
        engine = Engine(
            tools.find_engine(),
            home=tmp_path / "home",
            state_folder=tmp_path / "state",
            providers={"azure-native": port},
            holds_data=lambda token: token.endswith(":Server"),
        )
        yield World(manager=manager, engine=engine, folder=tmp_path)


def _program(sku: str = "Standard_ZRS", location: str = "westeurope") -> Callable[[], None]:
    def declare() -> None:
        from pulumi_azure_native import resources, storage

        group = resources.ResourceGroup("group", resource_group_name="rg", location=location)
        account = _account(group.name, sku, location)
        keys = storage.list_storage_account_keys_output(
            account_name=account.name, resource_group_name=group.name
        )
        pulumi.export("key", pulumi.Output.secret(keys.keys[0].value))

    return declare


def _account(group: pulumi.Input[str], sku: str = "Standard_ZRS", location: str = "westeurope") -> Any:
    from pulumi_azure_native import storage

    return storage.StorageAccount(
        "account",
        resource_group_name=group,
        account_name="stone",
        location=location,
        kind=storage.Kind.STORAGE_V2,
        sku=storage.SkuArgs(name=sku),
        network_rule_set=storage.NetworkRuleSetArgs(default_action=storage.DefaultAction.DENY),
        identity=storage.IdentityArgs(type="UserAssigned", user_assigned_identities=["/subscriptions/s/x"]),
        tags={"client": "kenya"},
    )


def _with_server() -> None:
    from pulumi_azure_native import dbforpostgresql, resources

    group = resources.ResourceGroup("group", resource_group_name="rg", location="westeurope")
    dbforpostgresql.Server(
        "server",
        resource_group_name=group.name,
        server_name="psql",
        location="westeurope",
        administrator_login="owner",
        administrator_login_password=pulumi.Output.secret("Correct-Horse-7"),
    )


def test_what_is_sent_is_in_the_words_of_resource_manager(world: World) -> None:
    world.up(_program())
    body = next(body for method, path, body in world.manager.sent if path == _ACCOUNT)
    assert body == {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS"},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/s/x": {}}},
        "tags": {"client": "kenya"},
        "properties": {"networkAcls": {"bypass": "AzureServices", "defaultAction": "Deny"}},
    }


def test_a_second_run_changes_nothing(world: World) -> None:
    world.up(_program())
    world.manager.sent.clear()
    assert set(world.up(_program()).values()) == {ChangeKind.SAME}
    assert world.manager.sent == []


def test_a_change_by_hand_is_drift_and_the_next_run_undoes_it(world: World) -> None:
    world.up(_program())
    world.manager.bodies[_ACCOUNT]["tags"]["by"] = "hand"
    assert world.drift() == ["account"]
    world.up(_program())
    assert world.manager.bodies[_ACCOUNT]["tags"] == {"client": "kenya"}


def test_a_change_of_the_program_is_an_update_in_place(world: World) -> None:
    world.up(_program())
    assert world.up(_program(sku="Standard_LRS"))["account"] is ChangeKind.UPDATE
    assert world.manager.bodies[_ACCOUNT]["sku"] == {"name": "Standard_LRS"}


def test_what_azure_takes_at_the_creation_only_is_replaced(world: World) -> None:
    world.up(_program())
    assert world.up(_program(location="northeurope"))["account"] is ChangeKind.REPLACE


def test_what_exists_already_is_not_created(world: World) -> None:
    world.manager.bodies[_GROUP] = {"id": _GROUP, "name": "rg", "location": "westeurope"}
    with pytest.raises(TenantryError, match="cannot create already existing resource"):
        world.up(_program())


def test_a_create_that_failed_half_way_is_kept_and_finished_by_the_next_run(world: World) -> None:
    world.manager.fails.add(_ACCOUNT)
    with pytest.raises(TenantryError, match="it broke in the middle"):
        world.up(_program())
    assert world.half_made()
    world.manager.fails.clear()
    world.manager.sent.clear()
    result = world.engine.up("one", _program(), passphrase=_PASSPHRASE)
    assert {one.name: one.kind for one in result.changes}["account"] is ChangeKind.UPDATE
    assert [path for method, path, _ in world.manager.sent if method == "PUT"] == [_ACCOUNT]
    assert not world.half_made()


def test_the_rest_is_looked_at_while_something_half_made_waits(world: World) -> None:
    world.manager.fails.add(_ACCOUNT)
    with pytest.raises(TenantryError, match="it broke in the middle"):
        world.up(_program())
    del world.manager.bodies[_GROUP]
    world.manager.fails.clear()
    assert world.up(_program()) == {"group": ChangeKind.CREATE, "account": ChangeKind.UPDATE}
    assert set(world.up(_program()).values()) == {ChangeKind.SAME}


def test_data_that_is_lost_is_not_forgotten_while_something_half_made_waits(world: World) -> None:
    def program() -> None:
        _with_server()
        _account("rg")

    world.up(_with_server)
    world.manager.fails.add(_ACCOUNT)
    with pytest.raises(TenantryError, match="it broke in the middle"):
        world.up(program)
    world.manager.fails.clear()
    server = world.manager.bodies.pop(_SERVER)
    for _ in range(2):
        with pytest.raises(RefusedError, match="the data of Server server is lost"):
            world.up(program)
        assert _SERVER not in world.manager.bodies
    world.manager.bodies[_SERVER] = server
    assert world.up(program)["server"] is ChangeKind.SAME


def test_what_a_create_made_that_was_never_heard_of_is_taken_over_and_written_anew(world: World) -> None:
    """Its PUT failed, and so did the look after it: it is in no state, and the provider does not make it."""
    for path, body in ((_GROUP, {}), (_SERVER, {"properties": {"version": "17"}})):
        world.manager.bodies[path] = {"id": path, "name": path.rpartition("/")[2], **body}
    asked: list[str] = []

    def own(token: str, inputs: Mapping[str, Any]) -> str:
        asked.append(token)
        return _SERVER if token.endswith(":Server") else _GROUP

    def up() -> dict[str, ChangeKind]:
        result = world.engine.up("one", _with_server, passphrase=_PASSPHRASE, adopt=own)
        return {change.name: change.kind for change in result.changes}

    assert up() == {"group": ChangeKind.SAME, "server": ChangeKind.UPDATE}
    assert [path for _, path, _ in world.manager.sent] == [_GROUP, _SERVER]
    sent = world.manager.sent[-1][2]["properties"]
    assert sent["administratorLoginPassword"] == "Correct-Horse-7", (
        "not what stood in its place in the events"
    )
    assert not world.half_made()
    assert set(up().values()) == {ChangeKind.SAME}
    assert len(asked) == 2, "each was asked for once"


def test_what_somebody_else_made_is_not_taken_over(world: World) -> None:
    world.manager.bodies[_GROUP] = {"id": _GROUP, "name": "rg", "location": "westeurope"}
    with pytest.raises(TenantryError, match="cannot create already existing resource"):
        world.engine.up("one", _program(), passphrase=_PASSPHRASE, adopt=lambda _token, _inputs: "")
    assert world.manager.sent == []


def test_a_password_is_nowhere_in_the_state(world: World) -> None:
    world.up(_with_server)
    sent = next(body for _, path, body in world.manager.sent if path == _SERVER)
    assert sent["properties"]["administratorLoginPassword"] == "Correct-Horse-7"
    files = [path.read_bytes() for path in (world.folder / "state").rglob("*") if path.is_file()]
    assert files
    assert all(b"Correct-Horse-7" not in text for text in files)


def test_what_is_there_is_imported_and_is_no_drift(world: World) -> None:
    world.up(_program())
    (body,) = (body for _, path, body in world.manager.sent if path == _ACCOUNT)
    world.engine.destroy("one", passphrase=_PASSPHRASE)
    world.manager.bodies[_ACCOUNT] = {"id": _ACCOUNT, "name": "stone", **body}
    world.manager.sent.clear()

    def declare() -> None:
        from pulumi_azure_native import storage

        storage.StorageAccount(
            "account",
            resource_group_name="rg",
            account_name="stone",
            location="westeurope",
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name="Standard_ZRS"),
            network_rule_set=storage.NetworkRuleSetArgs(default_action=storage.DefaultAction.DENY),
            identity=storage.IdentityArgs(
                type="UserAssigned", user_assigned_identities=["/subscriptions/s/x"]
            ),
            tags={"client": "kenya"},
            opts=pulumi.ResourceOptions(import_=_ACCOUNT),
        )

    world.up(declare)
    assert world.manager.sent == [], "an import changes nothing"
    assert world.drift() == []
    world.manager.bodies[_ACCOUNT]["tags"]["by"] = "hand"
    assert world.drift() == ["account"]


def test_what_names_no_region_is_made_where_its_group_is_and_is_named_once(world: World) -> None:
    world.manager.bodies[_GROUP] = {"id": _GROUP, "name": "rg", "location": "northeurope"}

    def declare() -> None:
        from pulumi_azure_native import storage

        storage.StorageAccount(
            "account",
            resource_group_name="rg",
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name="Standard_ZRS"),
        )

    world.up(declare)
    ((path, body),) = [(path, body) for _, path, body in world.manager.sent]
    assert body["location"] == "northeurope"
    assert world.up(declare) == {"account": ChangeKind.SAME}
    assert path.rpartition("/")[2].startswith("account")


_APP_SETTINGS = f"{_GROUP}/providers/Microsoft.Web/sites/app/config/appsettings"


class _NoSite(MemoryManager):
    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        raise FailedError("there is none, or it is broken", code=self.code)


@pytest.mark.parametrize("code", ["resource-not-found", "resource-group-not-found"])
def test_settings_of_a_site_that_is_gone_are_gone(code: str) -> None:
    azure = Azure(caller=_NoSite(code), vault=lambda _: MemoryManager(), subscription_id="s")
    assert azure.read("azure-native:web:WebAppApplicationSettings", _APP_SETTINGS) is None


def test_settings_that_cannot_be_read_are_not_taken_for_gone() -> None:
    azure = Azure(
        caller=_NoSite("internal-server-error"), vault=lambda _: MemoryManager(), subscription_id="s"
    )
    with pytest.raises(FailedError):
        azure.read("azure-native:web:WebAppApplicationSettings", _APP_SETTINGS)
