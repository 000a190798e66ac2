"""One request over HTTP from this machine, which also trusts the sandbox's authority."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tenantry.sandbox.kinds import Cloud

__all__ = ["FAILURES", "Fetched", "NotServingError", "fetch"]

FAILURES = (OSError, http.client.HTTPException, ValueError)  # what a request may fail with
_LARGEST = 1_000_000  # bytes of an answer that are looked at


class NotServingError(OSError):
    """The sandbox's own listener takes no connection: it begins or ends."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """An answer."""

    status: int
    content: bytes
    location: str  # where it redirects to, "" when it does not


def fetch(
    cloud: Cloud,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float,
) -> Fetched:
    """Send a request; follow no redirect. Raises one of FAILURES."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("that is no URL of HTTP")
    host = parts.hostname.lower()
    ours = host.endswith("." + cloud.suffix)
    # Without the rights to write /etc/hosts our own names lead nowhere; the listener has them all.
    address = cloud.listener().rpartition(":")[0] if ours else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        try:
            connection.connect()
        except ConnectionRefusedError as error:
            raise NotServingError if ours else error from None
        if parts.scheme == "https":
            context = ssl.create_default_context()
            context.load_verify_locations(cloud.ca_file)
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, {"Host": parts.netloc, **(headers or {})})
        answer = connection.getresponse()
        redirect = 300 <= answer.status < 400  # noqa: PLR2004 - redirects
        return Fetched(
            status=answer.status,
            content=answer.read(_LARGEST),
            location=answer.getheader("Location", "") if redirect else "",
        )
    finally:
        connection.close()
