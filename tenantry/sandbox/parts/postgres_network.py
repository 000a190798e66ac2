"""Who gets to a flexible server: its firewall, private endpoints, and the key that encrypts it."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any
from urllib.parse import urlsplit

from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.parts import private
from tenantry.sandbox.parts.forwarder import Verdict
from tenantry.sandbox.parts.listener import Peer
from tenantry.sandbox.parts.notes import everywhere, tidy

__all__ = ["endpoint_connections", "judge", "key_is_usable"]

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
    encryption = server.properties.get("dataEncryption") or {}
    uri = urlsplit(str(encryption.get("primaryKeyURI") or ""))
    parts = uri.path.strip("/").split("/")
    if encryption.get("type") != "AzureKeyVault" or len(parts) < 2:  # noqa: PLR2004 - keys/<name>
        return encryption.get("type") != "AzureKeyVault"
    end = f"/vaults/{(uri.hostname or '').split('.')[0]}/keys/{parts[1]}".lower()
    keys = [key for key in everywhere(cloud, server.id, _KEY) if f"/{tidy(key.id)}".endswith(end)]
    return any((key.properties.get("attributes") or {}).get("enabled", True) for key in keys)


def _contains(rule: dict[str, Any], address: str) -> bool:
    first, last = str(rule.get("startIpAddress")), str(rule.get("endIpAddress"))
    if address == _AZURE_ITSELF:
        return first == last == _AZURE_ITSELF
    return IPv4Address(first) <= IPv4Address(address) <= IPv4Address(last)
