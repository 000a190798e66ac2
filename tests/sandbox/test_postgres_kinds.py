"""Flexible servers as Resource Manager sees them, on real clusters."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from tenantry.sandbox.ca import Authority
from tenantry.sandbox.kinds import ArmFault, Resource
from tenantry.sandbox.parts.postgres import FlexibleServers
from tenantry.sandbox.parts.postgres_children import (
    Backups,
    Configurations,
    Databases,
    FirewallRules,
    setting_names,
)
from tests.sandbox.parts_cloud import GROUP, MemoryCloud
from tests.support.session import HostFolders

_SERVER = "Microsoft.DBforPostgreSQL/flexibleServers"
_PASSWORD = "Correct-Horse-7"


class _World:
    """A cloud with the kinds of PostgreSQL."""

    def __init__(self, folder: Path, address: str) -> None:
        self.authority = Authority(folder / "ca")
        self.cloud = MemoryCloud(folder / "parts", address=address)
        self.restart()

    def restart(self) -> None:
        """As after a restart of the sandbox's process."""
        self.servers = FlexibleServers(issue=self.authority.issue, settings=setting_names())
        kinds = [
            self.servers,
            *(kind(self.servers) for kind in (Databases, FirewallRules, Configurations, Backups)),
        ]
        self.cloud.kinds = {kind.type: kind for kind in kinds}

    def create(self, name: str = "db1", **more: Any) -> Resource:
        properties = {
            "administratorLogin": "owner",
            "administratorLoginPassword": _PASSWORD,
            "version": "16",
            "network": {"publicNetworkAccess": "Enabled"},
            **more,
        }
        body = {
            "location": "francecentral",
            "sku": {"name": "Standard_B1ms", "tier": "Burstable"},
            "properties": properties,
        }
        return self.cloud.put(f"{_SERVER}/{name}", body)

    def allow(self, server: Resource) -> None:
        ends = {"startIpAddress": "127.0.0.1", "endIpAddress": "127.0.0.1"}
        self.cloud.put(f"{server.id}/firewallRules/me", {"properties": ends})

    def connect(self, password: str = _PASSWORD, database: str = "postgres") -> Connection:
        """Connect to the cloud's one address; the certificate's name is checked on its own."""
        context = ssl.create_default_context(cafile=str(self.authority.ca_file))
        context.check_hostname = False
        return Connection(
            "owner",
            host=self.cloud.address("any"),
            database=database,
            password=password,
            timeout=10,
            ssl_context=context,
        )


@pytest.fixture
def world(host_folders: HostFolders) -> Iterator[_World]:
    one = _World(
        host_folders.root / "sandbox", f"127.77.{host_folders.port_base % 250}.{os.getpid() % 250 + 2}"
    )
    try:
        yield one
    finally:
        one.servers.stop(one.cloud)


def test_a_server_is_private_until_a_rule_names_the_client(world: _World) -> None:
    server = world.create()
    assert server.properties["state"] == "Ready"
    assert server.properties["fullyQualifiedDomainName"] == "db1.postgres.database.t0st.sandbox.test"
    assert server.properties["minorVersion"][:2].isdigit()
    with pytest.raises(DatabaseError, match=r"no pg_hba\.conf entry"):
        world.connect()
    world.allow(server)
    world.cloud.put(f"{server.id}/databases/app", {"properties": {"charset": "UTF8"}})
    with world.connect(database="app") as opened:
        assert opened.run(
            "select current_user, pg_get_userbyid(datdba) from pg_database where datname = 'app'"
        )
    world.cloud.put(server.id, {"properties": {"network": {"publicNetworkAccess": "Disabled"}}})
    with pytest.raises((InterfaceError, OSError)):
        world.connect()
    names = {one.name for one in world.cloud.children(server.id, f"{_SERVER}/databases")}
    assert names == {"app", "postgres", "azure_maintenance", "azure_sys"}
    kept = json.dumps(world.cloud.notes) + json.dumps([r.body for r in world.cloud.children(GROUP)])
    assert _PASSWORD not in kept
    assert "SCRAM" not in kept


def test_a_dropped_server_comes_back_with_its_rows_within_five_days_and_then_never(world: _World) -> None:
    server = world.create()
    world.allow(server)
    with world.connect() as opened:
        opened.run("create table kept (value text)")
        opened.run("insert into kept values ('a row')")
    world.cloud.delete(server.id)
    assert world.cloud.find(server.id) is None
    with pytest.raises((InterfaceError, OSError)):
        world.connect()
    world.cloud.later = timedelta(days=4)
    world.servers.sweep(world.cloud)
    body = {
        "location": "France Central",
        "properties": {"createMode": "ReviveDropped", "sourceServerResourceId": server.id},
    }
    revived = world.cloud.put(f"{_SERVER}/db2", body)
    assert revived.properties["administratorLogin"] == "owner"
    world.allow(revived)
    with world.connect() as opened:
        assert opened.run("select value from kept") == [["a row"]]
    folder = world.cloud.folder / "postgres" / (world.servers.note(world.cloud, revived.id) or {})["folder"]
    world.cloud.delete(revived.id)
    world.cloud.later = timedelta(days=9, minutes=1)
    assert folder.exists()
    world.servers.sweep(world.cloud)
    assert not folder.exists()
    with pytest.raises(ArmFault, match="SourceServerNotFound"):
        world.cloud.put(f"{_SERVER}/db3", body)


def test_stop_start_a_new_password_and_a_restart_of_the_sandbox(world: _World) -> None:
    server = world.create()
    world.allow(server)
    world.cloud.act(server.id, "stop")
    stopped = world.cloud.get(server.id)
    assert stopped is not None
    assert stopped.properties["state"] == "Stopped"
    with pytest.raises((InterfaceError, OSError)):
        world.connect()
    world.cloud.act(server.id, "start")
    world.cloud.put(server.id, {"properties": {"administratorLoginPassword": "Other-Horse-8"}})
    with world.connect("Other-Horse-8") as opened:
        assert opened.run("select 1") == [[1]]
    with pytest.raises(DatabaseError, match="28P01"):
        world.connect()
    world.servers.stop(world.cloud)
    world.restart()
    world.servers.resume(world.cloud)
    with world.connect("Other-Horse-8") as opened:
        assert opened.run("select 1") == [[1]]


def test_a_backup_that_is_being_taken_disturbs_no_look_at_its_server(world: _World) -> None:
    server = world.create()
    path, type_ = f"{server.id}/backups/mine", f"{_SERVER}/backups"
    world.servers._wait_for_backups()
    world.cloud.save(Resource(path, type_, "mine", "", {"id": path, "name": "mine", "properties": {}}))
    world.servers.sweep(world.cloud)
    shown = world.cloud.get(server.id)
    assert shown is not None
    (automatic,) = [one for one in world.cloud.children(server.id, type_) if one.name != "mine"]
    assert shown.properties["backup"]["earliestRestoreDate"] == automatic.properties["completedTime"]


def test_backups_are_taken_by_themselves_and_on_demand(world: _World) -> None:
    server = world.create()
    world.servers._wait_for_backups()
    (automatic,) = world.cloud.children(server.id, f"{_SERVER}/backups")
    assert automatic.properties["backupType"] == "Full"
    with pytest.raises(ArmFault, match="cannot be deleted"):
        world.cloud.delete(automatic.id)
    taken = world.cloud.put(f"{server.id}/backups/mine", {})
    assert taken.properties["backupType"] == "Customer On-Demand"
    (copy,) = world.cloud.folder.glob("postgres/*/backups/mine")
    assert (copy / "PG_VERSION").exists()
    world.cloud.delete(taken.id)
    assert not copy.exists()


def test_settings_are_the_clusters_own(world: _World) -> None:
    server = world.create()
    mine = f"{server.id}/configurations/"
    assert world.cloud.put(f"{mine}work_mem", {"properties": {"value": "8192"}}).properties["value"] == "8192"
    changed = world.cloud.get(f"{mine}work_mem")
    assert changed is not None
    assert changed.properties["source"] == "user-override"
    waits = world.cloud.put(f"{mine}max_connections", {"properties": {"value": "60"}})
    assert waits.properties["isConfigPendingRestart"] is True
    back = {"properties": {"value": "4096", "source": "system-default"}}
    assert world.cloud.put(f"{mine}work_mem", back).properties["source"] == "system-default"
    with pytest.raises(ArmFault, match="InvalidServerParameterName"):
        world.cloud.put(f"{mine}archive_command", {"properties": {"value": "true"}})
    with pytest.raises(ArmFault, match="InvalidParameterValue"):
        world.cloud.put(f"{mine}work_mem", {"properties": {"value": "much"}})


def test_a_server_whose_key_is_gone_is_inaccessible_until_it_is_back(world: _World) -> None:
    vault = "Microsoft.KeyVault/vaults/kv/keys/cmk"
    key = world.cloud.put(vault, {"properties": {"attributes": {"enabled": True}}})
    uri = "https://kv.vault.t0st.sandbox.test/keys/cmk/0123"
    server = world.create(dataEncryption={"type": "AzureKeyVault", "primaryKeyURI": uri})
    world.allow(server)
    world.cloud.put(key.id, {"properties": {"attributes": {"enabled": False}}})
    world.servers.sweep(world.cloud)
    found = world.cloud.get(server.id)
    assert found is not None
    assert found.properties["state"] == "Inaccessible"
    with pytest.raises((InterfaceError, OSError)):
        world.connect()
    world.cloud.put(key.id, {"properties": {"attributes": {"enabled": True}}})
    world.servers.sweep(world.cloud)
    with world.connect() as opened:
        assert opened.run("select 1") == [[1]]


@pytest.mark.parametrize("missing", ["", "geoBackupKeyURI", "geoBackupUserAssignedIdentityId", "region"])
def test_second_backups_under_a_customers_key_need_identity_and_key_in_the_pair(
    world: _World, missing: str
) -> None:
    """France South is the pair of France Central."""
    pair = "francecentral" if missing == "region" else "francesouth"
    enabled = {"properties": {"attributes": {"enabled": True}}}
    for name, region in (("kv", "francecentral"), ("kvp", pair)):
        world.cloud.put(f"Microsoft.KeyVault/vaults/{name}", {"location": region})
        world.cloud.put(f"Microsoft.KeyVault/vaults/{name}/keys/cmk", enabled)
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities/id-pair"
    encryption = {
        "type": "AzureKeyVault",
        "primaryKeyURI": "https://kv.vault.t0st.sandbox.test/keys/cmk/0123",
        "geoBackupKeyURI": "https://kvp.vault.t0st.sandbox.test/keys/cmk/0123",
        "geoBackupUserAssignedIdentityId": world.cloud.put(kind, {"location": "francesouth"}).id,
    }
    encryption.pop(missing, None)
    asked: dict[str, Any] = {"dataEncryption": encryption, "backup": {"geoRedundantBackup": "Enabled"}}
    if missing:
        with pytest.raises(ArmFault, match="CMKInvalidEncryptionParameters"):
            world.create(**asked)
    else:
        told = world.create(**asked).properties["dataEncryption"]
        assert told["geoBackupEncryptionKeyStatus"] == "Valid"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"version": "14"}, "ParameterOutOfRange"),
        ({"administratorLogin": "azuresu"}, "InvalidParameterValue"),
        ({"administratorLoginPassword": "weak"}, "InvalidPassword"),
        ({"backup": {"backupRetentionDays": 3}}, "ParameterOutOfRange"),
        ({"storage": {"storageSizeGB": 33}}, "InvalidParameterValue"),
        ({"createMode": "Replica"}, "InvalidParameterValue"),
    ],
)
def test_what_azure_refuses_is_refused_before_anything_is_made(
    world: _World, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(ArmFault) as caught:
        world.create(**more)
    assert caught.value.code == code
    assert world.cloud.notes == {}
    assert not (world.cloud.folder / "postgres").exists()


def test_what_is_decided_once_cannot_be_changed(world: _World) -> None:
    server = world.create()
    with pytest.raises(ArmFault, match="InvalidResourceLocation"):
        world.cloud.put(server.id, {"location": "germanywestcentral", "properties": {}})
    with pytest.raises(ArmFault, match="administratorLogin"):
        world.cloud.put(server.id, {"properties": {"administratorLogin": "somebody"}})


def test_a_site_of_the_same_network_comes_through_the_private_endpoint(world: _World) -> None:
    server = world.create(network={"publicNetworkAccess": "Disabled"})
    subnet = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/"
    body = {"properties": {"virtualNetworkSubnetId": f"{subnet}sites"}}
    site = world.cloud.put("Microsoft.Web/sites/app", body)
    world.cloud.remember(f"sites/uid/{os.geteuid()}", {"id": site.id})
    with pytest.raises((InterfaceError, OSError)):
        world.connect()
    link = {"properties": {"privateLinkServiceId": server.id}}
    world.cloud.put(
        "Microsoft.Network/privateEndpoints/pe",
        {"properties": {"subnet": {"id": f"{subnet}data"}, "privateLinkServiceConnections": [link]}},
    )
    with world.connect() as opened:
        assert opened.run("select 1") == [[1]]
    found = world.cloud.get(server.id)
    assert found is not None
    assert [one["name"] for one in found.properties["privateEndpointConnections"]] == ["pe"]
