"""The database of an instance: a cluster of its own, a database, roles with least privilege.

Login roles belong to group roles, so that two of them can alternate when a
password is rotated. The superuser has no password: it is reached over the Unix
socket by the operating system's word alone.
"""

from __future__ import annotations

from typing import Any

import pulumi

from tenantry.components.host.props import InstanceProps
from tenantry.components.host.resource import HostResource
from tenantry.model.profile import DatabaseTransport
from tenantry.providers.host.postgres import BACKUP_ROLE

__all__ = ["APP_ROLE", "DEPLOY_ROLE", "SUPPORT_ROLE", "Database"]

APP_ROLE = "app_1"  # the workload's login
DEPLOY_ROLE = "deploy_1"  # of bootstrap and migration
SUPPORT_ROLE = "support_1"  # read-only

_OWNER, _APPLICATION, _SUPPORT = "owner", "application", "support"  # the group roles

_SHARED_BUFFERS_SHARE = 8  # of the memory limit
_SMALLEST_BUFFERS_MIB = 16
_RESERVED_CONNECTIONS = 5  # for health, backups and the administrator


class Database(pulumi.ComponentResource):
    """Cluster, database and roles of one instance."""

    def __init__(self, props: InstanceProps, *, opts: pulumi.ResourceOptions) -> None:
        super().__init__("tenantry:host:Database", "database", None, opts)
        layout, opaque = props.layout, props.opaque
        certificates = self._certificates(props)
        cluster = HostResource(
            "Cluster",
            "cluster",
            {
                "opaque": opaque,
                "path": str(layout.cluster(opaque, props.generation)),
                "binDir": str(props.postgres_bin),
                "socketFolder": str(layout.sockets(opaque)),
                "port": props.ports["database"],
                "listen": "127.0.0.1" if _over_tls(props) else "",
                "uid": props.uid,
                "settings": _settings(props),
                "archiveTimeoutSeconds": props.spec.backups.archive_timeout_seconds,
                "tls": {
                    "certificateFile": str(layout.secrets(opaque) / "database.server.certificate"),
                    "keyFile": str(layout.secrets(opaque) / "database.server.key"),
                    "caFile": str(layout.secrets(opaque) / "database.authority.certificate"),
                },
                "generation": props.generation,
                "logFolder": str(layout.logs(opaque, "database")),
                "logRetentionDays": props.spec.log_retention_days,
            },
            pulumi.ResourceOptions(parent=self, depends_on=[certificates]),
        )
        needs = props.profile.database
        database = HostResource(
            "Database",
            "database",
            {
                **_server(props),
                "name": props.database_name,
                "owner": _OWNER,
                "application": _APPLICATION,
                "support": _SUPPORT,
                "schemas": list(needs.schemas),
                "extensions": list(needs.extensions),
                "changesSchema": needs.changes_schema,
                "connectionLimit": props.spec.limits.connections,
            },
            pulumi.ResourceOptions(parent=self, depends_on=[cluster]),
        )
        in_database = pulumi.ResourceOptions(parent=self, depends_on=[database])
        for name, group in ((APP_ROLE, _APPLICATION), (DEPLOY_ROLE, _OWNER), (SUPPORT_ROLE, _SUPPORT)):
            secret = props.secrets[f"database.{name.removesuffix('_1')}.password"]
            inputs: dict[str, Any] = {
                **_server(props),
                "name": name,
                "memberOf": [group],
                "login": True,
                "password": pulumi.Output.secret(secret),
                "connectionLimit": props.spec.limits.connections,
                "database": props.database_name,
                "backup": False,
            }
            if name == DEPLOY_ROLE:
                inputs["actAs"] = _OWNER  # so that what a migration makes belongs to the group
            HostResource("Role", f"role-{name}", inputs, opts=in_database)
        HostResource(
            "Role",
            "role-backup",
            {
                **_server(props),
                "name": BACKUP_ROLE,
                "memberOf": [],
                "login": True,
                "connectionLimit": _RESERVED_CONNECTIONS - 1,
                "database": props.database_name,
                "backup": True,
            },
            opts=in_database,
        )
        self.register_outputs({})

    def _certificates(self, props: InstanceProps) -> pulumi.Resource:
        names = ("database.authority.certificate", "database.server.certificate", "database.server.key")
        return HostResource(
            "SecretFiles",
            "certificates",
            {
                "folder": str(props.layout.secrets(props.opaque)),
                "uid": props.uid,
                "files": pulumi.Output.secret({name: props.secrets[name] for name in names}),
            },
            pulumi.ResourceOptions(parent=self),
        )


def _over_tls(props: InstanceProps) -> bool:
    return props.profile.database.transport is DatabaseTransport.TLS


def _server(props: InstanceProps) -> dict[str, Any]:
    return {
        "socketFolder": str(props.layout.sockets(props.opaque)),
        "port": props.ports["database"],
    }


def _settings(props: InstanceProps) -> dict[str, Any]:
    buffers = max(_SMALLEST_BUFFERS_MIB, props.spec.limits.memory_mib // _SHARED_BUFFERS_SHARE)
    return {
        "max_connections": props.spec.limits.connections + _RESERVED_CONNECTIONS,
        "shared_buffers": f"{buffers}MB",
    }
