"""Who gets to a flexible server: its firewall, private endpoints, and the key that encrypts it."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any
from urllib.parse import urlsplit

from tenantry.config.regions import catalogue
from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.parts import private
from tenantry.sandbox.parts.forwarder import Verdict
from tenantry.sandbox.parts.listener import Peer
from tenantry.sandbox.parts.notes import everywhere, tidy

__all__ = ["endpoint_connections", "judge", "key_is_usable", "pair_key_is_usable"]

_KEY = "Microsoft.KeyVault/vaults/keys"
_AZURE_ITSELF = "0.0.0.0"  # noqa: S104 - the rule of that name lets Azure's own services in


def judge(cloud: Cloud, server_id: str, peer: Peer) -> Verdict:
    """Say what becomes of a connection.

    A site's process has no address that a rule could name: it comes through a
    private endpoint of its network, or by the rule for Azure's own services.
    """
    server = cloud.find(server_id)
    if server is None:
        return Verdict.SILENT
    site = private.site_of(cloud, peer.uid)
    if private.enters(cloud, server, site):
        return Verdict.OPEN
    if (server.properties.get("network") or {}).get("publicNetworkAccess") != "Enabled":
        return Verdict.SILENT
    address = _AZURE_ITSELF if site else peer.address
    rules = cloud.children(server.id, f"{server.type}/firewallRules")
    return Verdict.OPEN if any(_contains(rule.properties, address) for rule in rules) else Verdict.REFUSED


def endpoint_connections(cloud: Cloud, server: Resource) -> list[dict[str, Any]]:
    """Return the private endpoints that lead to a server, as its body tells of them."""
    return private.connections(cloud, server, "postgresqlServer")


def key_is_usable(cloud: Cloud, server: Resource) -> bool:
    """Say whether the key that encrypts a server can be used; true for a key of Azure's own."""
    return not _is_customers(server) or bool(_usable(cloud, server, "primaryKeyURI"))


def pair_key_is_usable(cloud: Cloud, server: Resource) -> bool:
    """Say whether a second copy of backups has identity and key in the pair, if the customer's encrypt it."""
    copied = (server.properties.get("backup") or {}).get("geoRedundantBackup") == "Enabled"
    if not copied or not _is_customers(server):
        return True
    region = catalogue().find(server.location)
    identity = cloud.find(str(server.properties["dataEncryption"].get("geoBackupUserAssignedIdentityId")))
    if region is None or identity is None or identity.location != region.pair:
        return False
    vaults = [cloud.find(key.id.rpartition("/keys/")[0]) for key in _usable(cloud, server, "geoBackupKeyURI")]
    return any(one is not None and one.location == region.pair for one in vaults)


def _is_customers(server: Resource) -> bool:
    return (server.properties.get("dataEncryption") or {}).get("type") == "AzureKeyVault"


def _usable(cloud: Cloud, server: Resource, name: str) -> list[Resource]:
    """Return the key that a server names, unless it is disabled or not there."""
    uri = urlsplit(str(server.properties["dataEncryption"].get(name) or ""))
    parts = uri.path.strip("/").split("/")
    if len(parts) < 2:  # noqa: PLR2004 - keys/<name>
        return []
    end = f"/vaults/{(uri.hostname or '').split('.')[0]}/keys/{parts[1]}".lower()
    keys = [key for key in everywhere(cloud, server.id, _KEY) if f"/{tidy(key.id)}".endswith(end)]
    return [key for key in keys if (key.properties.get("attributes") or {}).get("enabled", True)]


def _contains(rule: dict[str, Any], address: str) -> bool:
    first, last = str(rule.get("startIpAddress")), str(rule.get("endIpAddress"))
    if address == _AZURE_ITSELF:
        return first == last == _AZURE_ITSELF
    return IPv4Address(first) <= IPv4Address(address) <= IPv4Address(last)
