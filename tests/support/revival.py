"""What was deleted is brought back as people do it: with the clients that Azure publishes, and with psql."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient

from tenantry.components.azure.identity import CRYPTO_USER
from tests.support.sandbox import GROUPS, Sandbox

__all__ = ["revived"]

_IDENTITIES = "2023-01-31"
_IDENTITY = "primaryUserAssignedIdentityId"
_US = {"startIpAddress": "127.0.0.0", "endIpAddress": "127.255.255.255"}

Ask = Callable[..., str]


@contextmanager
def revived(sandbox: Sandbox, *, server: dict[str, Any], vault: dict[str, Any]) -> Iterator[Ask]:
    """Bring back a dropped server of a group that is gone, and the deleted vault that has its key.

    What comes takes a database and statements, and returns what psql prints as the administrator.
    Everything is deleted again at the end, the group as well.

    Args:
        sandbox: where it was.
        server: its body, from before it was dropped.
        vault: likewise.
    """
    group_id, _, _ = server["id"].partition("/providers/")
    subscription, _, group = group_id.partition("/resourceGroups/")
    sandbox.make_group(group, server["location"], within=subscription)
    number = subscription.rpartition("/")[2]
    with (
        closing(sandbox.arm()) as arm,
        closing(sandbox.client(KeyVaultManagementClient, number)) as vaults,
        closing(sandbox.client(PostgreSQLManagementClient, number)) as servers,
    ):
        try:
            identity = server["properties"]["dataEncryption"][_IDENTITY]
            made = arm.put(identity, _IDENTITIES, {"location": server["location"]})
            same = {name: vault["properties"][name] for name in ("tenantId", "sku")}
            body = {"location": vault["location"], "properties": {**same, "createMode": "recover"}}
            vaults.vaults.begin_create_or_update(group, vault["name"], body).result()
            sandbox.assign(vault["id"], CRYPTO_USER, made["properties"]["principalId"])
            yield _revive(servers, group, server, ca_file=sandbox.told["ca_file"])
        finally:
            arm.delete(group_id, GROUPS)


def _revive(client: Any, group: str, server: dict[str, Any], *, ca_file: str) -> Ask:
    where, password = (group, server["name"]), f"A-{secrets.token_hex(12)}"
    encryption = server["properties"]["dataEncryption"]
    properties = {
        "createMode": "ReviveDropped",
        "sourceServerResourceId": server["id"],
        "network": {"publicNetworkAccess": "Enabled"},
        "dataEncryption": {name: encryption[name] for name in ("type", "primaryKeyURI", _IDENTITY)},
    }
    owners = {"type": "UserAssigned", "userAssignedIdentities": {encryption[_IDENTITY]: {}}}
    body = {"location": server["location"], "identity": owners, "properties": properties}
    client.servers.begin_create_or_update(*where, body).result()
    changed = client.servers.begin_update(
        *where, {"properties": {"administratorLoginPassword": password}}
    ).result()
    client.firewall_rules.begin_create_or_update(*where, "us", {"properties": _US}).result()
    target = f"host={changed.fully_qualified_domain_name} user={changed.administrator_login}"
    target += f" connect_timeout=10 sslmode=verify-full sslrootcert={ca_file}"

    def ask(database: str, *statements: str) -> str:
        run = subprocess.run(
            ["psql", "-XAtq", f"{target} dbname={database}", *(w for one in statements for w in ("-c", one))],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PGPASSWORD": password},
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    return ask
