"""Who may do what with an account's blobs, and from where."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import parse_qsl, unquote, urlsplit

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts import private
from tenantry.sandbox.parts.listener import owner
from tenantry.sandbox.planes.blob_wire import blob_error
from tenantry.sandbox.planes.storage_keys import key_is_usable

__all__ = [
    "Proof",
    "Target",
    "check_key",
    "check_network",
    "check_rights",
    "check_shared_key",
    "proof_of",
    "public_access_refused",
    "source_in",
    "target_of",
]

_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
_SIGNED = (
    *("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"),
    *("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"),
)
_KEY_LENGTH = 2  # "SharedKey", "account:signature"


@dataclass(frozen=True)
class Target:
    """What a request is about."""

    method: str
    path: str  # as it came
    query: Mapping[str, str]
    raw_query: str
    headers: Mapping[str, str]  # names in lower case

    @property
    def container(self) -> str:
        """The container's name, "" for the service."""
        return unquote(self.path).removeprefix("/").partition("/")[0]

    @property
    def blob(self) -> str:
        """The blob's name, "" for a container."""
        name = unquote(self.path).removeprefix("/").partition("/")[2]
        return name.replace("\\", "/")  # as the service does

    @property
    def comp(self) -> str:
        """The part or operation that is meant."""
        return self.query.get("comp", "").lower()

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method in {"GET", "HEAD"}

    def without(self, *names: str) -> str:
        """Return the query as it came, but for some parameters."""
        parts = self.raw_query.split("&")
        return "&".join(one for one in parts if unquote(one.partition("=")[0]).lower() not in names)


@dataclass(frozen=True)
class Proof:
    """How a caller says who it is."""

    kind: str  # bearer, key, sas or none
    principal: str = ""


def target_of(method: str, path: str, query: str, headers: Mapping[str, str]) -> Target:
    """Take a request apart."""
    found = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
    return Target(method, path, found, query, headers)


def check_network(cloud: Cloud, account: Resource, peer: tuple[str, int], server: tuple[str, int]) -> None:
    """Refuse an address that the account's firewall does not let in; a private endpoint goes around it."""
    properties = account.properties
    public = str(properties.get("publicNetworkAccess") or "Enabled").lower() == "enabled"
    rules = properties.get("networkAcls") or {}
    if public and str(rules.get("defaultAction", "Allow")).lower() == "allow":
        return
    if public:
        for rule in rules.get("ipRules") or []:
            with contextlib.suppress(ValueError):
                if ip_address(peer[0]) in ip_network(str(rule.get("value")), strict=False):
                    return
    if private.enters(cloud, account, private.site_of(cloud, owner(peer, server))):
        return
    raise blob_error(403, "AuthorizationFailure", "This request is not authorized to perform this operation.")


def check_key(cloud: Cloud, account: Resource) -> None:
    """Refuse when the key that encrypts the account cannot be used."""
    if not key_is_usable(cloud, account):
        raise blob_error(
            403,
            "KeyVaultEncryptionKeyNotFound",
            "The key vault key is not found to unwrap the encryption key.",
        )


def proof_of(cloud: Cloud, account: Resource, target: Target) -> Proof:
    """Say how a caller proves who it is. ArmFault when that does not hold, or is not allowed."""
    properties, header = account.properties, target.headers.get("authorization", "")
    scheme = header.partition(" ")[0].lower()
    if scheme == "bearer":
        try:
            return Proof("bearer", cloud.principal(header, audience="storage"))
        except ArmFault as fault:
            raise blob_error(401, "InvalidAuthenticationInfo", fault.message) from None
    kind = "key" if scheme.startswith("sharedkey") else "sas" if "sig" in target.query else "none"
    if kind != "none" and properties.get("allowSharedKeyAccess") is False:
        raise blob_error(
            403,
            "KeyBasedAuthenticationNotPermitted",
            "Key based authentication is not permitted on this storage account.",
        )
    if kind == "none":
        _check_anonymous(account, target)
    return Proof(kind)


def _check_anonymous(account: Resource, target: Target) -> None:
    if not (target.reads and target.container):
        raise blob_error(
            401,
            "NoAuthenticationInformation",
            "Server failed to authenticate the request. Please refer to the information in the "
            "www-authenticate header.",
        )
    if not account.properties.get("allowBlobPublicAccess"):
        raise public_access_refused()


def public_access_refused() -> ArmFault:
    """Return the refusal of an account that is never public."""
    return blob_error(
        409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."
    )


def check_rights(cloud: Cloud, account: Resource, principal: str, target: Target) -> None:
    """Refuse what no role allows, at the account or at the container."""
    scope = account.id
    if target.container:
        scope += f"/blobServices/default/containers/{target.container}"
    roles = cloud.roles(principal, scope)
    if _is_for_owners(target):
        wanted = {_OWNER}
    elif target.reads:
        wanted = {_OWNER, _CONTRIBUTOR, _READER}
    else:
        wanted = {_OWNER, _CONTRIBUTOR}
    if not roles & wanted:
        raise blob_error(
            403,
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
        )


def _is_for_owners(target: Target) -> bool:
    """Say whether it is one of the things that only the owner's role has."""
    if target.comp == "properties" and target.query.get("restype", "").lower() == "service":
        return True
    return target.comp == "tags" or (target.comp == "acl" and not target.reads)


def check_shared_key(account: str, keys: Sequence[str], target: Target) -> None:
    """Check a signature with the account's key, for what Azurite does not get to see as it came."""
    parts = target.headers.get("authorization", "").split(" ")
    given = parts[1].rpartition(":")[2] if len(parts) == _KEY_LENGTH else ""
    lines = [target.method, *(_signed(target, name) for name in _SIGNED)]
    lines += [
        f"{name}:{' '.join(value.split())}"
        for name, value in sorted(target.headers.items())
        if name.startswith("x-ms-")
    ]
    lines.append(f"/{account}{target.path}")
    lines += [f"{name}:{value}" for name, value in sorted(target.query.items())]
    text = "\n".join(lines).encode()
    for key in keys:
        wanted = hmac.new(base64.b64decode(key), text, hashlib.sha256).digest()
        if hmac.compare_digest(base64.b64encode(wanted).decode(), given):
            return
    raise blob_error(
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed "
        "correctly including the signature.",
    )


def _signed(target: Target, name: str) -> str:
    value = target.headers.get(name, "")
    if name == "content-length" and value == "0":
        return ""
    return "" if name == "date" and "x-ms-date" in target.headers else value


def source_in(account_host: str, source: str) -> Target | None:
    """Return what a copy's source names when it lies in the same account."""
    found = urlsplit(source)
    if (found.hostname or "").lower() != account_host.partition(":")[0].lower():
        return None
    return target_of("GET", found.path, found.query, {})
