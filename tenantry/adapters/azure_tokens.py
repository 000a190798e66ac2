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
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tenantry.adapters.azure_answers import first_line
from tenantry.loopback_http import Answer, Asked, answering

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["token_endpoint"]

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

    def answer(asked: Asked) -> Answer:
        resource = asked.query.get("resource", "")
        shown = asked.headers.get("X-IDENTITY-HEADER", "")
        known = hmac.compare_digest(shown.encode(), header.encode())
        if not known or not asked.is_ours:
            return 401, {"error": "unauthorized", "error_description": "not a caller of ours"}
        if resource.rstrip("/") not in allowed and not resource.startswith(_MANAGEMENT):
            return 400, {"error": "invalid_resource", "error_description": f"no tokens for {resource}"}
        return _token(credential, resource)

    with answering(answer) as url:
        yield {
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            "IDENTITY_ENDPOINT": f"{url}/token",
            "IDENTITY_HEADER": header,
        }


def _token(credential: TokenCredential, resource: str) -> Answer:
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
