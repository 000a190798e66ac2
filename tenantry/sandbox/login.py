"""The login: token endpoint, OpenID discovery and keys, as Entra has them."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tenantry.sandbox.settings import Identity
from tenantry.sandbox.tokens import Tokens

__all__ = ["Login"]


class Login:
    """Answers for ``login.<suffix>``."""

    def __init__(self, identity: Identity, tokens: Tokens) -> None:
        self._identity = identity
        self._tokens = tokens

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        parts = request.url.path.strip("/").split("/")
        rest = "/".join(parts[1:])
        if rest in {"v2.0/.well-known/openid-configuration", ".well-known/openid-configuration"}:
            return JSONResponse(self._configuration(parts[0], new=rest.startswith("v2.0")))
        if rest in {"discovery/v2.0/keys", "discovery/keys"}:
            return JSONResponse(self._tokens.keys())
        if request.url.path == "/common/discovery/instance":
            return JSONResponse(self._instance(request))
        if rest in {"oauth2/v2.0/token", "oauth2/token"} and request.method == "POST":
            return await self._token(request, parts[0])
        return JSONResponse({"error": "not_found"}, status_code=404)

    def _configuration(self, tenant: str, *, new: bool) -> dict[str, object]:
        base = f"{self._identity.login}/{tenant}"
        middle = "/v2.0" if new else ""
        return {
            "token_endpoint": f"{base}/oauth2{middle}/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery{middle}/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "profile", "offline_access"],
            "issuer": self._tokens.issuer,
            "authorization_endpoint": f"{base}/oauth2{middle}/authorize",
            "device_authorization_endpoint": f"{base}/oauth2{middle}/devicecode",
            "end_session_endpoint": f"{base}/oauth2{middle}/logout",
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "oid", "tid", "appid"],
            "tenant_region_scope": None,
            "cloud_instance_name": urlsplit(self._identity.login).netloc,
        }

    def _instance(self, request: Request) -> dict[str, object]:
        host = urlsplit(self._identity.login).netloc
        tenant = (
            urlsplit(request.query_params.get("authorization_endpoint", "")).path.strip("/").split("/")[0]
        )
        return {
            "tenant_discovery_endpoint": f"{self._identity.login}/{tenant or self._identity.directory_id}"
            "/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }

    async def _token(self, request: Request, tenant: str) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        me = self._identity
        if tenant.lower() != me.directory_id:
            return _refused("invalid_request", "AADSTS90002: Tenant not found.")
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "AADSTS70003: The grant type is not supported here.")
        if client != me.client_id:
            return _refused(
                "unauthorized_client", "AADSTS700016: Application was not found in the directory."
            )
        if not secrets.compare_digest(secret.encode(), me.client_secret.encode()):
            return _refused("invalid_client", "AADSTS7000215: Invalid client secret provided.", status=401)
        resource = form.get("resource") or form.get("scope", "").split(" ")[0].removesuffix(".default")
        resource = resource.removesuffix("/") if resource.endswith("//") else resource
        if not self._tokens.knows(resource):
            return _refused("invalid_resource", f"AADSTS500011: The resource {resource} was not found.")
        answer = self._tokens.issue(resource.rstrip("/"), object_id=me.object_id, client_id=me.client_id)
        return JSONResponse(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def _refused(error: str, description: str, *, status: int = 400) -> Response:
    codes = [int(description[6:].partition(":")[0])]
    body = {"error": error, "error_description": description, "error_codes": codes}
    return JSONResponse(body, status_code=status)
