"""What Azure refuses of accounts and containers, and what it answers for what nobody asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tenantry.config.regions import find_region
from tenantry.sandbox.kinds import ArmFault, Resource

__all__ = ["ACCOUNT", "check_account", "check_container", "check_service", "fill_account", "fill_service"]

ACCOUNT = "Microsoft.Storage/storageAccounts"
_NAME = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9]))*|\$root|\$web|\$logs")
_SKUS = frozenset(
    f"{tier}_{copies}"
    for tier, all_copies in {
        "Standard": ("LRS", "ZRS", "GRS", "RAGRS", "GZRS", "RAGZRS"),
        "Premium": ("LRS", "ZRS"),
    }.items()
    for copies in all_copies
)
_KINDS = frozenset({"StorageV2", "Storage", "BlobStorage", "BlockBlobStorage", "FileStorage"})
_TLS = frozenset({"TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"})
_DAYS = range(1, 366)
_SERVICE = {"enabled": True, "keyType": "Account"}
_DEFAULTS: Mapping[str, Any] = {
    "allowBlobPublicAccess": False,
    "allowSharedKeyAccess": True,
    "minimumTlsVersion": "TLS1_2",
    "supportsHttpsTrafficOnly": True,
    "publicNetworkAccess": "Enabled",
    "accessTier": "Hot",
}
_NETWORK: Mapping[str, Any] = {
    "bypass": "AzureServices",
    "defaultAction": "Allow",
    "ipRules": [],
    "virtualNetworkRules": [],
}


def check_account(new: Resource, old: Resource | None) -> None:
    """Refuse a name, size or setting that there is not."""
    if not _NAME.fullmatch(new.name):
        raise ArmFault(
            400,
            "AccountNameInvalid",
            f"{new.name} is not a valid storage account name. Storage account name must be between 3 and 24 "
            "characters in length and use numbers and lower-case letters only.",
        )
    sku = str((new.body.get("sku") or (old.body.get("sku") if old else {}) or {}).get("name") or "")
    if sku not in _SKUS:
        raise ArmFault(400, "InvalidRequestPropertyValue", f"The value '{sku}' is not allowed for sku.name.")
    kind = str(new.body.get("kind") or (old.body.get("kind") if old else "") or "")
    if kind not in _KINDS:
        raise ArmFault(400, "InvalidRequestPropertyValue", f"The value '{kind}' is not allowed for kind.")
    if old is not None and new.body.get("kind") and kind != old.body.get("kind"):
        raise ArmFault(409, "AccountPropertyCannotBeUpdated", "The property 'kind' cannot be changed.")
    if new.properties.get("isHnsEnabled") or new.properties.get("isSftpEnabled"):
        raise ArmFault(400, "FeatureNotSupported", "The sandbox has no hierarchical namespace and no SFTP.")
    tls = new.properties.get("minimumTlsVersion")
    if tls is not None and tls not in _TLS:
        raise ArmFault(
            400, "InvalidRequestPropertyValue", f"The value '{tls}' is not allowed for minimumTlsVersion."
        )


def fill_account(new: Resource, old: Resource | None, *, base: str, made: str) -> None:
    """Complete a body: what the account had already, then Azure's defaults."""
    properties = new.properties
    for name, value in (old.properties if old else {}).items():
        properties.setdefault(name, value)
    for name, value in _DEFAULTS.items():
        if properties.get(name) is None:
            properties[name] = value
    properties["networkAcls"] = {**_NETWORK, **(properties.get("networkAcls") or {})}
    encryption = {"keySource": "Microsoft.Storage", **(properties.get("encryption") or {})}
    services = encryption.get("services") or {}
    told = {**_SERVICE, "lastEnabledTime": made}
    encryption["services"] = {name: {**told, **(services.get(name) or {})} for name in ("blob", "file")}
    properties["encryption"] = encryption
    for name in ("sku", "kind"):
        new.body.setdefault(name, old.body.get(name) if old else None)
    sku = dict(new.body["sku"])
    new.body["sku"] = {"name": sku["name"], "tier": str(sku["name"]).partition("_")[0]}
    properties.setdefault("creationTime", made)
    properties.setdefault("keyCreationTime", {"key1": made, "key2": made})
    properties.update(
        primaryEndpoints={"blob": base},
        primaryLocation=new.location,
        statusOfPrimary="available",
    )
    _tell_secondary(new)


def _tell_secondary(account: Resource) -> None:
    """Tell where the copy of an account with geo-redundancy lies: in the pair of its region."""
    region = find_region(account.location.replace(" ", "").lower())
    copied = str(account.body["sku"]["name"]).endswith(("GRS", "GZRS"))
    told = {"secondaryLocation": region.pair, "statusOfSecondary": "available"} if copied and region else {}
    for name in ("secondaryLocation", "statusOfSecondary"):
        account.properties.pop(name, None)
    account.properties.update(told)


def check_service(new: Resource) -> None:
    """Refuse a blob service of another name, and days that there are not."""
    if new.name != "default":
        raise ArmFault(400, "InvalidResourceName", "The blob service of an account is named default.")
    for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        policy = new.properties.get(name) or {}
        if policy.get("enabled") and policy.get("days") not in _DAYS:
            raise ArmFault(
                400,
                "InvalidRequestPropertyValue",
                f"{name}.days must be between 1 and 365 when it is enabled.",
            )
    if (new.properties.get("restorePolicy") or {}).get("enabled"):
        raise ArmFault(400, "FeatureNotSupported", "The sandbox does not restore blobs to a point in time.")


def fill_service(new: Resource, old: Resource | None) -> None:
    """Complete the body of a blob service."""
    properties = new.properties
    for name, value in (old.properties if old else {}).items():
        properties.setdefault(name, value)
    properties.setdefault("cors", {"corsRules": []})
    policy = properties.get("deleteRetentionPolicy") or {}
    properties["deleteRetentionPolicy"] = {"enabled": False, "allowPermanentDelete": False, **policy}
    properties.setdefault("containerDeleteRetentionPolicy", {"enabled": False})


def check_container(new: Resource, *, public: bool) -> None:
    """Refuse a bad name, and public access in an account that has none."""
    if not _CONTAINER.fullmatch(new.name):
        raise ArmFault(
            400,
            "ContainerOperationFailure",
            f"The specifed resource name contains invalid characters: {new.name}.",
        )
    access = str(new.properties.get("publicAccess") or "None")
    if access not in {"None", "Blob", "Container"}:
        raise ArmFault(
            400, "InvalidRequestPropertyValue", f"The value '{access}' is not allowed for publicAccess."
        )
    if access != "None" and not public:
        raise ArmFault(
            409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."
        )
