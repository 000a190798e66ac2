"""What lies below a flexible server: databases, firewall rules, settings, backups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from tenantry.errors import FailedError
from tenantry.providers.host.postgres import identifier, literal
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.postgres import FlexibleServers
from tenantry.sandbox.parts.postgres_rules import SERVER

__all__ = ["Backups", "Configurations", "Databases", "FirewallRules", "setting_names"]

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_RULE = re.compile(r"[A-Za-z0-9_-]{1,128}")
# Settings of Azure's own, which PostgreSQL does not know: what they are at the beginning.
_AZURE: Mapping[str, tuple[str, str]] = {
    "azure.extensions": ("", "Set"),
    "connection_throttle.enable": ("off", "Boolean"),
    "logfiles.download_enable": ("off", "Boolean"),
    "logfiles.retention_days": ("3", "Integer"),
    "require_secure_transport": ("on", "Boolean"),
}
# Settings that a server lets be changed. Others could run programs or open another door.
_OFFERED = (
    *("autovacuum", "checkpoint_timeout", "deadlock_timeout", "default_transaction_isolation"),
    *("effective_cache_size", "idle_in_transaction_session_timeout", "lock_timeout"),
    *("log_checkpoints", "log_connections", "log_disconnections", "log_duration"),
    *("log_lock_waits", "log_min_duration_statement", "log_min_messages", "log_statement"),
    *("maintenance_work_mem", "max_connections", "max_wal_size", "password_encryption", "random_page_cost"),
    *("statement_timeout", "tcp_keepalives_idle", "temp_buffers", "timezone", "track_io_timing", "work_mem"),
)
_TYPES = {"bool": "Boolean", "integer": "Integer", "real": "Numeric", "enum": "Enumeration"}


def setting_names() -> tuple[str, ...]:
    """Return the settings that a server lets be changed."""
    return (*_OFFERED, *_AZURE)


def _server_id(resource: Resource) -> str:
    return resource.id.rsplit("/", 2)[0]


class _Child(Kind):
    """A child of a server, with the servers at hand."""

    def __init__(self, servers: FlexibleServers) -> None:
        self._servers = servers


class Databases(_Child):
    """Databases; each belongs to the server's administrator.

    The collation is the one that was asked for; what really sorts is C.UTF-8,
    since a machine need not have another locale.
    """

    type = f"{SERVER}/databases"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse bad names, and another encoding than the database has."""
        self._servers.running(cloud, _server_id(new))
        if not _DATABASE.fullmatch(new.name):
            raise ArmFault(400, "InvalidDatabaseName", f"The database name {new.name!r} cannot be used.")
        charset = str(new.properties.get("charset") or "UTF8")
        if charset.upper() != "UTF8":
            raise ArmFault(400, "InvalidParameterValue", f"The charset {charset!r} is not supported: UTF8.")
        for name in ("charset", "collation") if old else ():
            wanted, found = new.properties.get(name), old.properties.get(name) if old else None
            if wanted and found and wanted != found:
                raise ArmFault(400, "InvalidParameterValue", f"{name} cannot be changed.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make it."""
        note, cluster = self._servers.running(cloud, _server_id(new))
        for name, value in ((old.properties if old else None) or {}).items():
            new.properties.setdefault(name, value)
        new.properties.setdefault("charset", "UTF8")
        new.properties.setdefault("collation", "en_US.utf8")
        cluster.create_database(new.name, owner=note["login"])

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Drop it for good; nothing is kept of it but in backups."""
        if self._servers.is_system(resource.name):
            raise ArmFault(400, "SystemDatabase", f"{resource.name} is a system database.")
        if (
            cloud.find(_server_id(resource)) is None
            or self._servers.note(cloud, _server_id(resource)) is None
        ):
            return  # it goes with its server
        _, cluster = self._servers.running(cloud, _server_id(resource))
        cluster.drop_database(resource.name)


class FirewallRules(_Child):
    """Addresses that may connect. The rule 0.0.0.0 to 0.0.0.0 lets Azure's services in, which sites are."""

    type = f"{SERVER}/firewallRules"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse what is not a range of IPv4 addresses."""
        del cloud, old
        properties = new.properties
        try:
            first = IPv4Address(str(properties.get("startIpAddress")))
            last = IPv4Address(str(properties.get("endIpAddress")))
        except AddressValueError as error:
            raise ArmFault(400, "InvalidParameterValue", f"Not an IPv4 address: {error}") from None
        if first > last:
            raise ArmFault(400, "InvalidParameterValue", "The range of addresses ends before it begins.")
        if not _RULE.fullmatch(new.name):
            raise ArmFault(400, "InvalidParameterValue", f"The rule name {new.name!r} cannot be used.")


class Configurations(_Child):
    """Settings of a server: those that PostgreSQL has, and a few of Azure's own."""

    type = f"{SERVER}/configurations"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a setting that a server does not let be changed."""
        del cloud, old
        if new.name not in _OFFERED and new.name not in _AZURE:
            raise ArmFault(
                400, "InvalidServerParameterName", f"There is no parameter {new.name!r} to change."
            )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Set it, or go back to the default; some wait for a restart."""
        server_id = _server_id(new)
        note, cluster = self._servers.running(cloud, server_id)
        before = (old.properties if old else {}).get("value")
        value = str(new.properties.get("value", before if before is not None else ""))
        back = new.properties.get("source") == "system-default" or "value" not in new.properties
        if new.name in _AZURE:
            settings = {**(note.get("settings") or {}), new.name: value}
            if back:
                settings.pop(new.name)
            self._servers.change_note(cloud, server_id, settings=settings)
        else:
            name = identifier(new.name)
            try:
                with cluster.administer() as opened:
                    opened.rows(
                        f"alter system reset {name}"
                        if back
                        else f"alter system set {name} = {literal(value)}"
                    )
                    opened.rows("select pg_reload_conf()")
                    opened.rows("select pg_sleep(0.05)")  # the reload reaches other sessions a moment later
            except FailedError as error:
                raise ArmFault(400, "InvalidParameterValue", str(error)) from None
        self.get(cloud, new)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Tell what is in force."""
        server_id = _server_id(resource)
        note = self._servers.note(cloud, server_id)
        if note is None:
            return
        if resource.name in _AZURE:
            resource.properties.update(_of_azure(resource.name, note.get("settings") or {}))
        elif not note.get("stopped") and not note.get("inaccessible"):
            resource.properties.update(self._of_postgres(cloud, note, resource.name))

    def _of_postgres(self, cloud: Cloud, note: dict[str, Any], name: str) -> dict[str, Any]:
        with self._servers.cluster(cloud, note).administer() as opened:
            rows = opened.rows(
                "select setting, boot_val, vartype, short_desc, context, pending_restart, unit, sourcefile, "
                "array_to_string(enumvals, ','), min_val || '-' || max_val from pg_settings "
                "where name = :name or lower(name) = :name",
                name=name,
            )
        if not rows:
            return {}
        value, default, kind, description, context, pending, unit, file, words, numbers = rows[0]
        changed = str(file or "").endswith("auto.conf") or pending
        return {
            "value": value,
            "defaultValue": default,
            "dataType": _TYPES.get(kind, "String"),
            "description": description,
            "allowedValues": words or numbers or ("on,off" if kind == "bool" else ".*"),
            "source": "user-override" if changed else "system-default",
            "isDynamicConfig": context != "postmaster",
            "isReadOnly": False,
            "isConfigPendingRestart": bool(pending),
            "unit": unit or "",
        }


class Backups(_Child):
    """Copies of a server: automatic ones, and those that a PUT asks for."""

    type = f"{SERVER}/backups"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse to take one twice."""
        self._servers.running(cloud, _server_id(new))
        if old is not None:
            raise ArmFault(409, "BackupAlreadyExists", f"There is a backup {new.name} already.")
        if not _RULE.fullmatch(new.name):
            raise ArmFault(400, "InvalidParameterValue", f"The backup name {new.name!r} cannot be used.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Take it now."""
        del old
        new.body["properties"] = self._servers.back_up(cloud, _server_id(new), new.name, automatic=False)

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Erase one that was asked for; automatic ones cannot be deleted, by nobody."""
        note = self._servers.note(cloud, _server_id(resource))
        if note is None:
            return  # it goes with its server
        if resource.properties.get("backupType") == "Full":
            raise ArmFault(400, "AutomaticBackup", "Automatic backups cannot be deleted.")
        self._servers.cluster(cloud, note).remove_backup(resource.name)


def _of_azure(name: str, settings: Mapping[str, str]) -> dict[str, Any]:
    default, kind = _AZURE[name]
    value = settings.get(name, default)
    return {
        "value": value,
        "defaultValue": default,
        "dataType": kind,
        "source": "user-override" if value != default else "system-default",
        "isDynamicConfig": True,
        "isReadOnly": False,
        "isConfigPendingRestart": False,
    }
