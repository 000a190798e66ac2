"""The settings of a database cluster, as texts. Pure: nothing is touched.

Everything that decides who gets in and what is logged is fixed here and cannot
be changed by a profile or a spec:

- The superuser has no password and comes over the Unix socket alone, known by
  the operating system. So does the backup role, as the instance's user.
- Everybody else needs a SCRAM password, and over TCP also TLS.
- The server's log holds no statement, no parameter and no error of a
  statement (which would quote the data of the person it is about): what is
  left is what the server says about itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenantry.providers.host.postgres import ADMINISTRATOR, BACKUP_ROLE

__all__ = ["ARCHIVE_FILE", "MANAGED_FILE", "SETTING_NAME", "archive_conf", "files", "fixed_settings"]

MANAGED_FILE = Path("conf.d/tenantry.conf")
ARCHIVE_FILE = Path("conf.d/archive.conf")  # written by Stanza once its repository is there
SETTING_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")

_HEADER = "# Written by tenantry. Changes made here by hand are undone by the next deploy.\n"

_DEFAULTS: Mapping[str, object] = {
    "max_connections": 30,
    "shared_buffers": "32MB",
    "max_wal_senders": 0,
    "max_replication_slots": 0,
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "wal_keep_size": "32MB",  # the last archived segment stays, so that its end can be dated
    "autovacuum_naptime": "5min",  # hundreds of idle clusters wake up less
    "jit": False,
}

_LOGGING: Mapping[str, object] = {
    "log_destination": "stderr",  # the supervisor collects and rotates it
    "logging_collector": False,
    "log_min_messages": "log",  # above ERROR: errors of statements quote data
    "log_min_error_statement": "panic",
    "log_min_duration_statement": -1,
    "log_min_duration_sample": -1,
    "log_statement": "none",
    "log_duration": False,
    "log_parameter_max_length": 0,
    "log_parameter_max_length_on_error": 0,
    "log_error_verbosity": "terse",
    "log_autovacuum_min_duration": -1,
    "log_checkpoints": False,
    "log_lock_waits": False,
    "log_temp_files": -1,
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
}


def fixed_settings(inputs: Mapping[str, Any]) -> dict[str, object]:
    """Return the settings that nobody but this module decides."""
    tls = inputs.get("tls") or {}
    settings: dict[str, object] = {
        "cluster_name": inputs["opaque"],
        "listen_addresses": inputs.get("listen", ""),
        "port": inputs["port"],
        "unix_socket_directories": inputs["socketFolder"],
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "wal_level": "replica",
        "archive_mode": True,
        "archive_timeout": inputs.get("archiveTimeoutSeconds", 60),
        "fsync": True,
        "full_page_writes": True,
        "synchronous_commit": True,
        "ssl": bool(tls),
        **_LOGGING,
    }
    if tls:
        settings |= {
            "ssl_cert_file": tls["certificateFile"],
            "ssl_key_file": tls["keyFile"],
            "ssl_min_protocol_version": "TLSv1.2",
            "ssl_ciphers": "HIGH:!aNULL",
        }
    return settings


def files(inputs: Mapping[str, Any], *, administrator: str, owner: str) -> dict[Path, str]:
    """Return the text of each file that the cluster manages, by its path in the data folder.

    Args:
        inputs: of the Cluster.
        administrator: operating system user who may be the superuser.
        owner: operating system user who may be the backup role.
    """
    settings = {**_DEFAULTS, **inputs.get("settings", {}), **fixed_settings(inputs)}
    lines = "".join(f"{name} = {_value(value)}\n" for name, value in sorted(settings.items()))
    return {
        Path("postgresql.conf"): f"{_HEADER}include_dir = 'conf.d'\n",
        Path("postgresql.auto.conf"): f"{_HEADER}",
        MANAGED_FILE: _HEADER + lines,
        Path("pg_hba.conf"): _HEADER + _hba(with_tls=bool(inputs.get("tls"))),
        Path("pg_ident.conf"): _HEADER + _ident(administrator, owner),
    }


def archive_conf(command: str) -> str:
    """Return the text of ARCHIVE_FILE; an empty command keeps WAL until there is one."""
    return f"{_HEADER}archive_command = {_value(command)}\n"


def _hba(*, with_tls: bool) -> str:
    peers = f"{ADMINISTRATOR},{BACKUP_ROLE}"
    lines = [
        f"local all {ADMINISTRATOR} peer map=administrator",
        f"local all {BACKUP_ROLE} peer map=backup",
        "local replication all reject",
        "local all all scram-sha-256",
        f"host all {peers} all reject",
        "host replication all all reject",
    ]
    if with_tls:
        lines.append("hostssl all all all scram-sha-256")
    return "".join(f"{line}\n" for line in [*lines, "host all all all reject"])


def _ident(administrator: str, owner: str) -> str:
    return f"administrator {administrator} {ADMINISTRATOR}\nbackup {owner} {BACKUP_ROLE}\n"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):  # the engine hands every number over as a double
        return str(int(value)) if float(value).is_integer() else repr(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
