"""What the fronts of sites and vaults tell of each request: metrics, and a row of the log."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource

__all__ = ["Seen", "observed_read", "site_request", "vault_call"]

_CLASS = 100  # of status codes: 4xx
_REPORTED = frozenset({401, 403, 404})
_OF_VAULT = {
    ("secrets", "GET"): "SecretGet",
    ("secrets", "PUT"): "SecretSet",
    ("secrets", "PATCH"): "SecretUpdate",
    ("secrets", "DELETE"): "SecretDelete",
    ("keys", "GET"): "KeyGet",
    ("keys", "POST"): "KeyCreate",
    ("keys", "PATCH"): "KeyUpdate",
    ("keys", "DELETE"): "KeyDelete",
}
_VERBS = {"wrapkey": "KeyWrap", "unwrapkey": "KeyUnwrap", "encrypt": "KeyEncrypt", "decrypt": "KeyDecrypt"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that was answered."""

    method: str
    path: str
    query: str
    host: str
    client: str
    agent: str
    status: int
    received: int  # bytes
    sent: int
    seconds: float


def site_request(cloud: Cloud, site: Resource, seen: Seen) -> None:
    """Count a request of a site."""
    cloud.sample(site.id, "Requests", 1)
    cloud.sample(site.id, f"Http{seen.status // _CLASS}xx", 1)
    if seen.status in _REPORTED:
        cloud.sample(site.id, f"Http{seen.status}", 1)
    for name in ("HttpResponseTime", "AverageResponseTime"):
        cloud.sample(site.id, name, seen.seconds)
    row = {
        "CsMethod": seen.method,
        "CsUriStem": seen.path,
        "CsUriQuery": seen.query,
        "CsHost": seen.host,
        "CIp": seen.client,
        "UserAgent": seen.agent,
        "ScStatus": seen.status,
        "ScBytes": seen.sent,
        "CsBytes": seen.received,
        "TimeTaken": round(seen.seconds * 1000),
        "Protocol": "HTTP/1.1",
        "Result": "Success",
    }
    cloud.log(site.id, "AppServiceHTTPLogs", row)


def vault_call(cloud: Cloud, vault: Resource, seen: Seen, *, message: str = "") -> None:
    """Count a call of a vault; ``message`` says why it was refused."""
    name = _activity(seen)
    what = {"ActivityType": "vault", "ActivityName": name.lower()}
    result = {**what, "StatusCode": str(seen.status), "StatusCodeClass": f"{seen.status // _CLASS}xx"}
    cloud.sample(vault.id, "ServiceApiHit", 1, **what)
    cloud.sample(vault.id, "ServiceApiResult", 1, **result)
    cloud.sample(vault.id, "ServiceApiLatency", seen.seconds * 1000, **result)
    uri = f"https://{seen.host}{seen.path}"
    row = {
        "OperationName": name,
        "ResultType": "Success",  # of the log: also for a refused call, as Azure writes it
        "ResultSignature": _SIGNATURES.get(seen.status, "OK"),
        "ResultDescription": message.partition("\r\n")[0],
        "CallerIPAddress": seen.client,
        "CallerIpAddress": seen.client,
        "CorrelationId": str(uuid.uuid4()),
        "DurationMs": round(seen.seconds * 1000),
        "requestUri_s": uri,
        "RequestUri": uri,
        "httpStatusCode_d": float(seen.status),
        "HttpStatusCode": seen.status,
    }
    cloud.log(vault.id, "AuditEvent", row)


@contextmanager
def observed_read(cloud: Cloud, vault: Resource, uri: str, *, client: str) -> Iterator[None]:
    """Count the read of a secret that a site's setting refers to."""
    host, _, path = uri.removeprefix("https://").partition("/")
    began = time.monotonic()
    status, message = 200, ""
    try:
        yield
    except ArmFault as fault:
        status, message = fault.status, fault.message
        raise
    finally:
        seen = Seen(
            method="GET",
            path="/" + path,
            query="",
            host=host,
            client=client,
            agent="",
            status=status,
            received=0,
            sent=0,
            seconds=time.monotonic() - began,
        )
        vault_call(cloud, vault, seen, message=message)


_SIGNATURES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


def _activity(seen: Seen) -> str:
    parts = [one.lower() for one in seen.path.strip("/").split("/")]
    if parts[-1] in _VERBS:
        return _VERBS[parts[-1]]
    if parts[-1] in {"recover", "versions"}:
        singular = parts[0].removeprefix("deleted").removesuffix("s").capitalize()
        return f"{singular}Recover" if parts[-1] == "recover" else f"{singular}ListVersions"
    kind = parts[0].removeprefix("deleted")
    name = _OF_VAULT.get((kind, seen.method), "Unknown")
    if len(parts) == 1 and seen.method == "GET" and name != "Unknown":
        name = name.replace("Get", "List")
    if parts[0].startswith("deleted"):
        name = name.replace("Delete", "Purge") if seen.method == "DELETE" else f"{name}Deleted"
    return name
