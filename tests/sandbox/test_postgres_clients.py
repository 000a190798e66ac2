"""Flexible servers as azure-mgmt-postgresqlflexibleservers and psql see them: each verb of each type."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient

from tests.support.sandbox import Sandbox

_REGION = "francecentral"
_PASSWORD = "Correct-Horse-7"
_OFFERS_SKU = "Standard_D2ds_v5"


class _Servers:
    """Servers in a group of their own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.group = f"rg-{uuid.uuid4().hex[:8]}"
        sandbox.make_group(self.group, _REGION)
        self.client = sandbox.client(PostgreSQLManagementClient)

    def make(self, **more: Any) -> Any:
        name = f"psql-{uuid.uuid4().hex[:10]}"
        return self.client.servers.begin_create_or_update(self.group, name, self.wanted(**more)).result()

    def wanted(self, *, sku: str = _OFFERS_SKU, **more: Any) -> dict[str, Any]:
        return {
            "location": _REGION,
            "sku": {"name": sku, "tier": "GeneralPurpose"},
            "properties": {
                "administratorLogin": "owner",
                "administratorLoginPassword": _PASSWORD,
                "version": "16",
                "storage": {"storageSizeGB": 32},
                "network": {"publicNetworkAccess": "Enabled"},
                **more,
            },
        }

    def psql(
        self, server: Any, statement: str, *, database: str = "postgres"
    ) -> subprocess.CompletedProcess[str]:
        """Ask a server with PostgreSQL's own client, which verifies the certificate."""
        target = f"host={server.fully_qualified_domain_name} user=owner dbname={database} connect_timeout=10"
        trust = f"sslmode=verify-full sslrootcert={self.sandbox.told['ca_file']}"
        return subprocess.run(
            ["psql", f"{target} {trust}", "--no-psqlrc", "--tuples-only", "--no-align", "-c", statement],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PGPASSWORD": _PASSWORD},
        )


@pytest.fixture(scope="module")
def servers(sandbox: Sandbox) -> Iterator[_Servers]:
    found = _Servers(sandbox)
    yield found
    found.client.close()


@pytest.fixture(scope="module")
def server(servers: _Servers) -> Any:
    """A server that is there for all tests of the file."""
    return servers.make()


def test_a_server_is_read_listed_and_changed(servers: _Servers, server: Any) -> None:
    client = servers.client
    assert client.servers.get(servers.group, server.name).state == "Ready"
    assert server.name in {one.name for one in client.servers.list_by_resource_group(servers.group)}
    assert server.name in {one.name for one in client.servers.list_by_subscription()}
    changed = client.servers.begin_update(
        servers.group, server.name, {"properties": {"backup": {"backupRetentionDays": 21}}}
    ).result()
    assert changed.backup.backup_retention_days == 21


def test_a_server_that_was_deleted_is_gone(servers: _Servers) -> None:
    name = servers.make().name
    servers.client.servers.begin_delete(servers.group, name).result()
    with pytest.raises(ResourceNotFoundError):
        servers.client.servers.get(servers.group, name)


def test_a_database_is_made_listed_and_deleted(servers: _Servers, server: Any) -> None:
    where, name = (servers.group, server.name), "registrations"
    databases = servers.client.databases
    made = databases.begin_create(
        *where, name, {"properties": {"charset": "UTF8", "collation": "C"}}
    ).result()
    assert (made.name, databases.get(*where, name).charset) == (name, "UTF8")
    assert name in {one.name for one in databases.list_by_server(*where)}
    databases.begin_delete(*where, name).result()
    assert name not in {one.name for one in databases.list_by_server(*where)}


def test_psql_is_let_in_by_a_rule_alone(servers: _Servers, server: Any) -> None:
    where, rules = (servers.group, server.name), servers.client.firewall_rules
    refused = servers.psql(server, "select 1")
    assert "no pg_hba.conf entry" in refused.stderr
    ends = {"startIpAddress": "127.0.0.0", "endIpAddress": "127.255.255.255"}
    rules.begin_create_or_update(*where, "office", {"properties": ends}).result()
    assert rules.get(*where, "office").end_ip_address == ends["endIpAddress"]
    assert [one.name for one in rules.list_by_server(*where)] == ["office"]
    seen = servers.psql(server, "select current_user")
    assert seen.stdout.strip() == "owner", seen.stderr
    rules.begin_delete(*where, "office").result()
    assert servers.psql(server, "select 1").returncode != 0


def test_rows_are_written_read_listed_changed_and_deleted_by_psql(servers: _Servers, server: Any) -> None:
    where, rules = (servers.group, server.name), servers.client.firewall_rules
    ends = {"startIpAddress": "127.0.0.0", "endIpAddress": "127.255.255.255"}
    rules.begin_create_or_update(*where, "rows", {"properties": ends}).result()
    assert servers.psql(server, "create table people (name text primary key, town text)").returncode == 0
    servers.psql(server, "insert into people values ('ada', 'nairobi'), ('ben', 'mombasa')")
    one = servers.psql(server, "select town from people where name = 'ada'")
    assert one.stdout.split() == ["nairobi"], one.stderr
    servers.psql(server, "update people set town = 'kisumu' where name = 'ada'")
    servers.psql(server, "delete from people where name = 'ben'")
    left = servers.psql(server, "select name, town from people order by name")
    assert left.stdout.split() == ["ada|kisumu"], left.stderr
    rules.begin_delete(*where, "rows").result()


def test_a_setting_is_changed_read_and_listed(servers: _Servers, server: Any) -> None:
    where, settings = (servers.group, server.name), servers.client.configurations
    settings.begin_put(
        *where, "log_statement", {"properties": {"value": "ddl", "source": "user-override"}}
    ).result()
    assert settings.get(*where, "log_statement").value == "ddl"
    assert "log_statement" in {one.name for one in settings.list_by_server(*where)}


def test_a_backup_is_made_listed_and_deleted(servers: _Servers, server: Any) -> None:
    where, backups = (servers.group, server.name), servers.client.backups_automatic_and_on_demand
    made = backups.begin_create(*where, "before-upgrade").result()
    assert backups.get(*where, "before-upgrade").completed_time == made.completed_time
    assert "before-upgrade" in {one.name for one in backups.list_by_server(*where)}
    backups.begin_delete(*where, "before-upgrade").result()
    assert "before-upgrade" not in {one.name for one in backups.list_by_server(*where)}


def test_capabilities_list_the_size_that_a_server_has(servers: _Servers) -> None:
    found = list(servers.client.capabilities_by_location.list(_REGION))
    sizes = {
        size.name
        for one in found
        for edition in one.supported_server_editions
        for size in edition.supported_server_skus
    }
    assert _OFFERS_SKU in sizes


def test_the_name_of_a_server_is_taken(servers: _Servers, server: Any) -> None:
    ask = {"name": server.name, "type": "Microsoft.DBforPostgreSQL/flexibleServers"}
    assert servers.client.name_availability.check_globally(ask).name_available is False
    assert servers.client.name_availability.check_globally({"name": server.name}).name_available is False
    ask["name"] = "psql-of-nobody"
    assert servers.client.name_availability.check_globally(ask).name_available is True


def test_a_quota_counts_cores_and_refuses_what_goes_over_it(servers: _Servers, server: Any) -> None:
    def used() -> dict[str, tuple[int, int]]:
        listed = servers.client.quota_usages.list(_REGION)
        return {one.name.value: (one.current_value, one.limit) for one in listed}

    before = used()
    assert before["cores"][0] >= 2
    assert before["standardDDSv5Family"][0] >= 2
    servers.sandbox.faults("quota", str(before["cores"][0]))
    try:
        with pytest.raises(HttpResponseError, match="exceeding approved"):
            servers.make()
        again = servers.client.servers.begin_create_or_update(
            servers.group, server.name, servers.wanted()
        ).result()
        assert again.name == server.name  # what is there already is in the quota
    finally:
        servers.sandbox.faults("clear")
    assert used() == before
