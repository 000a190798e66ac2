"""Requests from pages of other origins: App Service's own CORS, in front of a site's process.

Once a site names allowed origins, its front answers every preflight itself, and what
the process says of CORS is replaced ("App Service CORS vs. your CORS" in Microsoft's
tutorial "Host a RESTful API with CORS"). Not here: origins with a wildcard in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tenantry.sandbox.kinds import ArmFault, Resource

__all__ = ["check", "marked", "preflight"]

_ALLOW = "access-control-allow-"


def check(properties: Mapping[str, Any]) -> None:
    """Refuse credentials for every origin, as App Service does. ArmFault 400."""
    cors = (properties.get("siteConfig") or {}).get("cors") or {}
    if cors.get("supportCredentials") and "*" in (cors.get("allowedOrigins") or []):
        raise ArmFault(400, "BadRequest", "supportCredentials cannot be true when allowedOrigins has '*'.")


def preflight(site: Resource, request: Request) -> Response | None:
    """Return the answer to a browser that asks whether it may ask; None if the process is to answer."""
    asked = request.headers.get("access-control-request-method")
    if request.method != "OPTIONS" or asked is None or not _allowed(site):
        return None
    response = marked(site, request, Response(status_code=204))
    if f"{_ALLOW}origin" in response.headers:
        response.headers[f"{_ALLOW}methods"] = asked
        if headers := request.headers.get("access-control-request-headers"):
            response.headers[f"{_ALLOW}headers"] = headers
    return response


def marked(site: Resource, request: Request, response: Response) -> Response:
    """Say in the answer whether the page's origin may read it."""
    origin, allowed = request.headers.get("origin"), _allowed(site)
    if not allowed or origin is None:
        return response
    for name in [name for name in response.headers if name.startswith(_ALLOW)]:
        del response.headers[name]
    response.headers.append("vary", "Origin")
    if "*" in allowed or origin.rstrip("/").lower() in allowed:
        response.headers[f"{_ALLOW}origin"] = "*" if "*" in allowed else origin
        if _cors(site).get("supportCredentials"):
            response.headers[f"{_ALLOW}credentials"] = "true"
    return response


def _cors(site: Resource) -> Mapping[str, Any]:
    return (site.properties.get("siteConfig") or {}).get("cors") or {}


def _allowed(site: Resource) -> frozenset[str]:
    return frozenset(one.rstrip("/").lower() for one in _cors(site).get("allowedOrigins") or [])
