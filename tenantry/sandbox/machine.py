"""The managed identity of this machine: gives its programs tokens, as a virtual machine or App Service does.

Plain HTTP on loopback, because that is what clients of both ask. Only processes of our own user, or root's,
get a token.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tenantry.loopback_http import Answer, Asked, answering
from tenantry.sandbox.settings import APP_SERVICE, Identity
from tenantry.sandbox.tokens import Tokens

__all__ = ["machine"]

_VIRTUAL_MACHINE: Final = "/metadata/identity/oauth2/token"


@contextmanager
def machine(identity: Identity, tokens: Tokens, *, header: str) -> Iterator[str]:
    """Serve tokens of the machine's identity; yield the URL that stands for http://169.254.169.254.

    Args:
        identity: of the sandbox.
        tokens: what makes them.
        header: what programs of App Service prove themselves by.
    """

    def answer(asked: Asked) -> Answer:
        if not asked.is_ours:
            return 403, _error("access_denied", "not a program of this machine's user")
        if asked.path == _VIRTUAL_MACHINE:
            if asked.headers.get("Metadata", "").lower() != "true":
                return 400, _error("invalid_request", "Required metadata header not specified")
        elif asked.path != APP_SERVICE:
            return 404, _error("not_found", f"there is nothing at {asked.path}")
        elif not secrets.compare_digest(asked.headers.get("X-IDENTITY-HEADER", "").encode(), header.encode()):
            return 401, _error("unauthorized", "the header X-IDENTITY-HEADER is missing or wrong")
        return _token(identity, tokens, asked.query)

    with answering(answer) as url:
        yield url


def _token(identity: Identity, tokens: Tokens, asked: Mapping[str, str]) -> Answer:
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
