"""The environment of a site: its settings, with what they refer to in vaults, and what App Service adds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts.notes import segment

__all__ = ["environment", "identity_of", "reference_status", "referred"]

_REFERENCE = re.compile(r"^@Microsoft\.KeyVault\((?P<inside>.+)\)$", re.IGNORECASE)


def environment(cloud: Cloud, site: Resource, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the site's process. A reference that is not resolved stays as it is."""
    found = {
        "WEBSITE_SITE_NAME": site.name,
        "WEBSITE_HOSTNAME": f"{site.name}.azurewebsites.{cloud.suffix}",
        "WEBSITE_RESOURCE_GROUP": segment(site.id, "resourceGroups"),
        "WEBSITE_OWNER_NAME": segment(site.id, "subscriptions"),
        "WEBSITE_INSTANCE_ID": "0" * 64,
        "REGION_NAME": site.location,
    }
    for name, value in settings.items():
        found[name] = _resolved(cloud, site, str(value))[0]
    return found


def reference_status(cloud: Cloud, site: Resource, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return what is told of each setting that refers to a vault: how it would be resolved now."""
    return {
        name: {
            "reference": value,
            "status": _resolved(cloud, site, str(value))[1],
            "source": "KeyVault",
            **_named(referred(str(value), cloud.suffix)),
        }
        for name, value in settings.items()
        if referred(str(value), cloud.suffix)
    }


def _named(uri: str) -> dict[str, str]:
    host, _, path = uri.removeprefix("https://").partition("/")
    parts = path.split("/")
    version = {"secretVersion": parts[2]} if len(parts) > 2 else {}  # noqa: PLR2004 - secrets/NAME/VERSION
    return {"vaultName": host.partition(".")[0], "secretName": parts[1] if len(parts) > 1 else "", **version}


def referred(value: str, suffix: str) -> str:
    """Return the address of the secret that a setting refers to, "" when it refers to none."""
    found = _REFERENCE.match(value.strip())
    if found is None:
        return ""
    parts: dict[str, str] = {}
    for part in found["inside"].split(";"):
        name, _, value_of = part.partition("=")
        parts[name.strip().lower()] = value_of.strip()
    if "secreturi" in parts:
        return parts["secreturi"]
    if {"vaultname", "secretname"} <= parts.keys():
        version = parts.get("secretversion", "")
        base = f"https://{parts['vaultname']}.vault.{suffix}/secrets/{parts['secretname']}"
        return f"{base}/{version}" if version else base
    return ""


def identity_of(cloud: Cloud, site: Resource) -> str:
    """Return the object id with which a site reads vaults, "" when it has none."""
    wanted = str(site.properties.get("keyVaultReferenceIdentity") or "SystemAssigned")
    if wanted.lower() != "systemassigned":
        used = {one.lower() for one in (site.body.get("identity") or {}).get("userAssignedIdentities") or {}}
        identity = cloud.find(wanted)
        if identity is not None and wanted.lower() in used:
            return str(identity.properties.get("principalId") or "")
        return ""
    return str((site.body.get("identity") or {}).get("principalId") or "")


def _resolved(cloud: Cloud, site: Resource, value: str) -> tuple[str, str]:
    """Return the value that the process gets, and Azure's word for how that went."""
    uri = referred(value, cloud.suffix)
    if not uri:
        return value, ""
    principal = identity_of(cloud, site)
    if not principal:
        return value, "MSINotEnabled"
    try:
        return cloud.secret(uri, principal=principal), "Resolved"
    except ArmFault as fault:
        words = {"VaultNotFound": "VaultNotFound", "SecretNotFound": "SecretNotFound"}
        return value, words.get(fault.code, "AccessToKeyVaultDenied")
