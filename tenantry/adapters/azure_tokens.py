"""Tokens for the engine, so that it works as the one principal of the workspace.

Its own chain of credentials cannot be told the kind, and asks Microsoft's public login
about every other login (azidentity has no variable that ends that). It knows the protocol of
App Service's managed identities, though: an endpoint on loopback, and a header that proves who
may ask. So tenantry serves that endpoint while the engine runs. For its state the engine needs
no secret of the credential; what it gets are tokens, which end by themselves.

What the engine starts has its environment: the plugin azure-native looks for a managed identity
there, where it is to work as one, and asks for Resource Manager. Where it is to work with a secret,
that is in the environment, too (``tenantry.targets.azure.plugin``): the plugin knows no other way.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tenantry import loopback
from tenantry.adapters.azure_answers import first_line

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["token_endpoint"]

_LOOPBACK = "127.0.0.1"
_MANAGEMENT = "https://management."  # Resource Manager has two names in each cloud


@contextmanager
def token_endpoint(credential: TokenCredential, resources: Collection[str]) -> Iterator[Mapping[str, str]]:
    """Serve tokens of a credential on loopback; lend the variables that lead the engine there.

    Only processes of our user that know the header get one, and only for these resources
    (such as ``https://storage.azure.com``) and Resource Manager. The header is made anew for
    each endpoint.
    """
    header = secrets.token_urlsafe(32)
    allowed = {one.rstrip("/") for one in resources}

    class _Handler(_Tokens):
        def answer(self) -> tuple[int, dict[str, str]]:
            asked = parse_qs(urlsplit(self.path).query).get("resource", [""])[0]
            shown = self.headers.get("X-IDENTITY-HEADER", "")
            peer = f"ipv4:{self.client_address[0]}:{self.client_address[1]}"
            known = hmac.compare_digest(shown.encode(), header.encode())
            if not known or not loopback.is_ours(peer, server.server_port):
                return 401, {"error": "unauthorized", "error_description": "not a caller of ours"}
            if asked.rstrip("/") not in allowed and not asked.startswith(_MANAGEMENT):
                return 400, {"error": "invalid_resource", "error_description": f"no tokens for {asked}"}
            return _token(credential, asked)

    server = _Server((_LOOPBACK, 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield {
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            "IDENTITY_ENDPOINT": f"http://{_LOOPBACK}:{server.server_port}/token",
            "IDENTITY_HEADER": header,
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """Serves the engine. What fails is told by the engine, which then got no token."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing to standard error, that is the person's: the engine may have ended meanwhile."""


class _Tokens(BaseHTTPRequestHandler):
    """One request for a token."""

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


def _token(credential: TokenCredential, resource: str) -> tuple[int, dict[str, str]]:
    """Return a token as App Service's endpoint tells it; why there is none as one line."""
    from azure.core.exceptions import AzureError

    try:
        made = credential.get_token(f"{resource}/.default")
    except (AzureError, OSError) as error:  # a token file may be gone meanwhile
        return 400, {"error": "no_token", "error_description": first_line(error)}
    return 200, {
        "access_token": made.token,
        "expires_on": str(made.expires_on),
        "resource": resource,
        "token_type": "Bearer",
    }
