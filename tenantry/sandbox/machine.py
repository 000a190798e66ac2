"""The managed identity of this machine: gives its programs tokens, as a virtual machine or App Service does.

Plain HTTP on loopback, because that is what clients of both ask. Only processes of our own user, or root's,
get a token.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tenantry import loopback
from tenantry.sandbox.settings import APP_SERVICE, Identity
from tenantry.sandbox.tokens import Tokens

__all__ = ["machine"]

_LOOPBACK: Final = "127.0.0.1"
_VIRTUAL_MACHINE: Final = "/metadata/identity/oauth2/token"


@contextmanager
def machine(identity: Identity, tokens: Tokens, *, header: str) -> Iterator[str]:
    """Serve tokens of the machine's identity; yield the URL that stands for http://169.254.169.254.

    Args:
        identity: of the sandbox.
        tokens: what makes them.
        header: what programs of App Service prove themselves by.
    """

    class _Handler(_Requests):
        def answer(self) -> tuple[int, dict[str, str]]:
            peer = f"ipv4:{self.client_address[0]}:{self.client_address[1]}"
            url = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            if not loopback.is_ours(peer, server.server_port):
                return 403, _error("access_denied", "not a program of this machine's user")
            if url.path == _VIRTUAL_MACHINE:
                if self.headers.get("Metadata", "").lower() != "true":
                    return 400, _error("invalid_request", "Required metadata header not specified")
            elif url.path != APP_SERVICE:
                return 404, _error("not_found", f"there is nothing at {url.path}")
            elif not secrets.compare_digest(
                self.headers.get("X-IDENTITY-HEADER", "").encode(), header.encode()
            ):
                return 401, _error("unauthorized", "the header X-IDENTITY-HEADER is missing or wrong")
            return _token(identity, tokens, asked)

    server = _Server((_LOOPBACK, 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{_LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _token(identity: Identity, tokens: Tokens, asked: dict[str, str]) -> tuple[int, dict[str, str]]:
    client = asked.get("client_id", "").lower()
    if client not in {"", identity.machine_client_id}:
        return 400, _error("invalid_request", "Identity not found")
    resource = asked.get("resource", "").rstrip("/")
    if not tokens.knows(resource):
        return 400, _error("invalid_resource", f"AADSTS500011: The resource {resource} was not found.")
    made = tokens.issue(resource, object_id=identity.machine_object_id, client_id=identity.machine_client_id)
    return 200, {
        "access_token": made["access_token"],
        "client_id": identity.machine_client_id,
        "expires_in": str(made["expires_in"]),
        "expires_on": str(int(time.time()) + made["expires_in"]),
        "resource": resource,
        "token_type": "Bearer",
    }


def _error(code: str, text: str) -> dict[str, str]:
    return {"error": code, "error_description": text}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing: who asked went away meanwhile."""


class _Requests(BaseHTTPRequestHandler):
    timeout = 30  # seconds for a request to arrive

    def answer(self) -> tuple[int, dict[str, str]]:
        """Return status and body."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer one request."""
        status, body = self.answer()
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is its parent's
        """Log nothing."""
