"""What a flexible server refuses, and what it answers for what nobody asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tenantry.config.regions import catalogue
from tenantry.sandbox.kinds import ArmFault, Resource
from tenantry.sandbox.parts.notes import same
from tenantry.sandbox.parts.postgres_offers import is_restricted

__all__ = [
    "REVIVE",
    "SERVER",
    "check_create",
    "check_password",
    "check_region",
    "check_server",
    "check_update",
    "fill_in",
]

SERVER = "Microsoft.DBforPostgreSQL/flexibleServers"
REVIVE = "revivedropped"
_VERSIONS = ("15", "16", "17", "18")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])")
_LOGIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_RESERVED = frozenset(
    {
        *("azure_superuser", "azuresu", "azure_pg_admin", "admin", "administrator", "root", "guest"),
        *("public", "postgres", "replication"),
    }
)
_TIERS = ("Burstable", "GeneralPurpose", "MemoryOptimized")
_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767)  # GiB
_RETENTION = range(7, 36)  # days
_SHORTEST, _LONGEST = 8, 128  # characters of a password
_CLASSES = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
_CLASSES_NEEDED = 3
_MODES = frozenset({"", "default", "create", "update", REVIVE})
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "storage": {
        "storageSizeGB": 32,
        "autoGrow": "Disabled",
        "tier": "P4",
        "iops": 120,
        "type": "Premium_LRS",
    },
    "authConfig": {"activeDirectoryAuth": "Disabled", "passwordAuth": "Enabled"},
    "backup": {"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"},
    "dataEncryption": {"type": "SystemManaged"},
    "highAvailability": {"mode": "Disabled", "state": "NotEnabled"},
    "maintenanceWindow": {"customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0},
    "replica": {"role": "Primary", "capacity": 5},
}


def check_server(new: Resource) -> None:
    """Refuse what holds for a new server and a changed one alike."""
    properties, sku = new.properties, new.body.get("sku") or {}
    mode = str(properties.get("createMode") or "").lower()
    if mode not in _MODES:
        raise _bad(f"The sandbox does not have the create mode {properties['createMode']}.")
    version = properties.get("version")
    if version is not None and version not in _VERSIONS:
        raise ArmFault(400, "ParameterOutOfRange", f"Version should be in: [{', '.join(_VERSIONS)}]")
    if sku and sku.get("tier") not in _TIERS:
        raise _bad(f"The SKU tier {sku.get('tier')!r} is not one of {', '.join(_TIERS)}.")
    size = (properties.get("storage") or {}).get("storageSizeGB")
    if size is not None and size not in _SIZES:
        raise _bad(f"Storage size {size} GB is not one of {', '.join(map(str, _SIZES))}.")
    days = (properties.get("backup") or {}).get("backupRetentionDays")
    if days is not None and days not in _RETENTION:
        raise ArmFault(400, "ParameterOutOfRange", "Backup retention should be between 7 and 35 days.")


def check_region(new: Resource) -> None:
    """Refuse a new server where a subscription may have none."""
    region = catalogue().find(new.location)
    if region is not None and is_restricted(region):
        raise ArmFault(
            400,
            "LocationIsOfferRestricted",
            "Subscriptions are restricted from provisioning in this region.",
        )


def check_create(new: Resource) -> None:
    """Refuse a new server that lacks what it needs."""
    properties = new.properties
    if not _NAME.fullmatch(new.name):
        raise _bad(f"Server name {new.name!r}: 3 to 63 of a-z, 0-9 and hyphen, no hyphen at its ends.")
    if str(properties.get("createMode") or "").lower() == REVIVE:
        if not properties.get("sourceServerResourceId"):
            raise _bad("ReviveDropped needs sourceServerResourceId.")
        return
    if not new.body.get("sku"):
        raise _bad("A server needs a SKU.")
    login = str(properties.get("administratorLogin") or "")
    if not _LOGIN.fullmatch(login) or login.lower() in _RESERVED or login.lower().startswith("pg_"):
        raise ArmFault(400, "InvalidParameterValue", f"The administrator login {login!r} cannot be used.")
    if not properties.get("administratorLoginPassword"):
        raise _bad("A server needs administratorLoginPassword.")


def check_password(password: str, login: str) -> None:
    """Refuse a password that Azure finds too weak."""
    classes = sum(1 for one in _CLASSES if re.search(one, password))
    if not _SHORTEST <= len(password) <= _LONGEST or classes < _CLASSES_NEEDED or login in password:
        raise ArmFault(
            400,
            "InvalidPassword",
            "The password needs 8 to 128 characters of three kinds (lower case, upper case, digits, others) "
            "and must not contain the login.",
        )


def check_update(new: Resource, old: Resource) -> None:
    """Refuse to change what is decided once, when the server is made."""
    if new.location and not same(new.location, old.location):
        raise ArmFault(
            409,
            "InvalidResourceLocation",
            f"The resource '{new.name}' already exists in location '{old.location}'.",
        )
    for name in ("administratorLogin", "availabilityZone", "sourceServerResourceId"):
        wanted, found = new.properties.get(name), old.properties.get(name)
        if wanted and found and wanted != found:
            raise _bad(f"{name} cannot be changed after the server was made.")
    wanted, found = new.properties.get("version"), old.properties.get("version")
    if wanted and found and int(wanted) < int(found):
        raise _bad("A server does not go back to an older major version.")
    for block, name in (("backup", "geoRedundantBackup"), ("dataEncryption", "type")):
        wanted = (new.properties.get(block) or {}).get(name)
        found = (old.properties.get(block) or {}).get(name)
        if wanted and found and wanted != found:
            raise _bad(f"{block}.{name} cannot be changed after the server was made.")
    wanted = (new.properties.get("storage") or {}).get("storageSizeGB")
    found = (old.properties.get("storage") or {}).get("storageSizeGB")
    if wanted and found and wanted < found:
        raise _bad("Storage can grow only.")


def fill_in(new: Resource, old: Resource | None) -> None:
    """Complete a body: what the server had already, then Azure's defaults."""
    properties = new.properties
    for name, value in (old.properties if old else {}).items():
        if isinstance(value, Mapping) and isinstance(properties.get(name), Mapping):
            properties[name] = {**value, **properties[name]}
        else:
            properties.setdefault(name, value)
    for name, defaults in _DEFAULTS.items():
        properties[name] = {**defaults, **(properties.get(name) or {})}
    network = dict(properties.get("network") or {})
    if network.get("delegatedSubnetResourceId"):
        network["publicNetworkAccess"] = "Disabled"
    network.setdefault("publicNetworkAccess", "Enabled")
    properties["network"] = network
    properties.setdefault("version", _VERSIONS[0])
    properties.setdefault("availabilityZone", "1")
    properties.update(replicationRole="Primary", replicaCapacity=5)


def _bad(message: str) -> ArmFault:
    return ArmFault(400, "InvalidParameterValue", message)
