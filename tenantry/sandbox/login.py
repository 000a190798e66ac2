"""The login: token endpoint, OpenID discovery and keys, as Entra has them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tenantry.sandbox.assertions import Refused, check_assertion
from tenantry.sandbox.credentials import Credentials
from tenantry.sandbox.settings import Identity
from tenantry.sandbox.tokens import Tokens

__all__ = ["Login"]

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Login:
    """Answers for ``login.<suffix>``."""

    def __init__(self, identity: Identity, tokens: Tokens, credentials: Credentials) -> None:
        self._identity = identity
        self._tokens = tokens
        self._credentials = credentials

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
            "token_endpoint_auth_methods_supported": [
                *("client_secret_post", "private_key_jwt", "client_secret_basic"),
            ],
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
        try:
            answer = self._granted(form, tenant)
        except Refused as refused:
            return _answer(refused)
        return JSONResponse(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def _granted(self, form: Mapping[str, str], tenant: str) -> dict[str, Any]:
        """Return a token's answer. Refused: none is given."""
        me = self._identity
        if tenant.lower() != me.directory_id:
            raise _request("AADSTS90002: Tenant not found.")
        if form.get("grant_type") != "client_credentials":
            raise _request("AADSTS70003: The grant type is not supported here.", "unsupported_grant_type")
        if form.get("client_id", "").lower() != me.client_id:
            raise _request(
                f"AADSTS700016: Application with identifier '{form.get('client_id', '')}' was not found in "
                f"the directory '{me.directory_id}'.",
                "unauthorized_client",
            )
        self._check_proof(form)
        resource = form.get("resource") or form.get("scope", "").split(" ")[0].removesuffix(".default")
        resource = resource.removesuffix("/") if resource.endswith("//") else resource
        if not self._tokens.knows(resource):
            raise _request(f"AADSTS500011: The resource {resource} was not found.", "invalid_resource")
        return self._tokens.issue(resource.rstrip("/"), object_id=me.object_id, client_id=me.client_id)

    def _check_proof(self, form: Mapping[str, str]) -> None:
        """Raise Refused unless the application proves itself, by its secret or an assertion."""
        me = self._identity
        if "client_assertion" in form:
            if form.get("client_assertion_type") != _ASSERTION:
                raise _request("AADSTS900144: The request body must contain 'client_assertion_type'.")
            base = f"{me.login}/{me.directory_id}"
            check_assertion(
                form["client_assertion"],
                client_id=me.client_id,
                credentials=self._credentials,
                audiences=(f"{base}/oauth2/v2.0/token", f"{base}/oauth2/token", f"{base}/v2.0", f"{base}/"),
            )
        elif not form.get("client_secret"):
            raise Refused(
                "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or "
                "'client_secret'."
            )
        elif not secrets.compare_digest(form["client_secret"].encode(), me.client_secret.encode()):
            raise Refused(
                "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request "
                "is the client secret value, not the client secret ID, for a secret added to app "
                f"'{me.client_id}'."
            )


def _request(description: str, error: str = "invalid_request") -> Refused:
    return Refused(description, error=error, status=400)


def _answer(refused: Refused) -> Response:
    """Return a refusal as Entra words it."""
    codes = [int(refused.description[6:].partition(":")[0])]
    body = {"error": refused.error, "error_description": refused.description, "error_codes": codes}
    return JSONResponse(body, status_code=refused.status)
