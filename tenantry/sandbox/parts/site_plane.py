"""What people see of a site: requests are passed on to its process."""

from __future__ import annotations

import http.client
import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts import site_cors
from tenantry.sandbox.parts.sites import Sites
from tenantry.sandbox.watch.counting import Seen, site_request

__all__ = ["Front"]

_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers"),
        *("transfer-encoding", "upgrade", "content-length"),
    }
)
_START_SECONDS = 30.0  # a request waits so long for a process that is starting
_TIMEOUT_SECONDS = 230.0  # as App Service's front end


class Front:
    """Answers for ``*.azurewebsites.<suffix>``, and for the names that are bound to sites."""

    def __init__(self, cloud: Cloud, sites: Sites) -> None:
        self._cloud = cloud
        self._sites = sites

    async def __call__(self, request: Request) -> Response:
        """Pass a request on."""
        body = await request.body()
        return await run_in_threadpool(self._observed, request, body)

    def _observed(self, request: Request, body: bytes) -> Response:
        """Answer, and count it."""
        began = time.monotonic()
        try:
            site, note = self._sites.by_host(self._cloud, request.url.hostname or "")
        except ArmFault:
            return PlainTextResponse("404 Web Site not found.", 404)
        response = site_cors.preflight(site, request)
        if response is None:
            response = site_cors.marked(site, request, self._answer(site, note, request, body))
        seen = Seen(
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            host=request.url.hostname or "",
            client=request.client.host if request.client else "",
            agent=request.headers.get("user-agent", ""),
            status=response.status_code,
            received=len(body),
            sent=len(response.body),
            seconds=time.monotonic() - began,
        )
        site_request(self._cloud, site, seen)
        return response

    def _answer(self, site: Resource, note: dict[str, Any], request: Request, body: bytes) -> Response:
        if self._sites.is_stopped(site, note):
            return PlainTextResponse("Error 403 - This web app is stopped.", 403)
        runner = self._sites.runner(self._cloud, note)
        if not runner.wanted:
            return PlainTextResponse("Your web app is running and waiting for your content.")
        if not runner.wait_until_it_listens(_START_SECONDS):
            return PlainTextResponse(":( Application Error", 503)
        return _passed_on(request, body, runner.port)


def _passed_on(request: Request, body: bytes, port: int) -> Response:
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.headers.raw
        if name.decode("latin-1").lower() not in _HOP
    ]
    client = request.client.host if request.client else ""
    headers += [
        ("X-Forwarded-For", client),
        ("X-Forwarded-Proto", "https"),
        ("X-ARR-SSL", "true"),
        ("Content-Length", str(len(body))),
    ]
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        found = Response(content, answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                found.headers.append(name, value)
    except (OSError, http.client.HTTPException):
        return PlainTextResponse("502 - Web server received an invalid response.", 502)
    finally:
        connection.close()
    return found
