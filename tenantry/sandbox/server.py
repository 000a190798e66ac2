"""The sandbox's HTTPS server: who answers for which host name, and what a rehearsal lets go wrong."""

from __future__ import annotations

import email.utils
import logging
import uuid
from collections import Counter
from fnmatch import fnmatch
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tenantry.sandbox import ids
from tenantry.sandbox.answers import fault_answer
from tenantry.sandbox.arm import ResourceManager
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.control import Control
from tenantry.sandbox.credentials import Credentials
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.graph import Graph
from tenantry.sandbox.kinds import ArmFault, Handler
from tenantry.sandbox.login import Login

__all__ = ["Server"]

_log = logging.getLogger(__name__)


class Server:
    """The ASGI application."""

    def __init__(
        self, cloud: SandboxCloud, faults: Faults, credentials: Credentials, *, control_key: str
    ) -> None:
        self.arm = ResourceManager(cloud, faults)
        self._cloud = cloud
        self._faults = faults
        end = cloud.suffix
        self._control = f"control.{end}"
        # Requests since the start by who answered: management, login; others are vaults and sites.
        self._requests: Counter[str] = Counter()
        self._handlers: dict[str, Handler] = {
            f"management.{end}": self.arm,
            f"graph.{end}": Graph(cloud),
            f"login.{end}": Login(cloud.identity, cloud.tokens, credentials),
            self._control: Control(
                cloud, faults, self.arm.operations, requests=self._requests, key=control_key
            ),
        }
        for kind in cloud.kinds.values():
            self._handlers.update(kind.hosts(cloud))
        # The longest pattern says most: *.scm.azurewebsites before *.azurewebsites.
        self._patterns = sorted(self._handlers, key=len, reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        host = (request.url.hostname or "").lower()
        if host == self._control:
            response = await self._handlers[host](request)
            await response(scope, receive, send)
            return
        self._requests[host.partition(".")[0] if host in self._handlers else "others"] += 1
        type_ = _type_of(request.url.path) if host.startswith("management.") else host
        storm = self._faults.storm(request.method, type_)
        if storm is not None:
            await self._finish(storm, request)(scope, receive, send)
            return
        response = await self._answer(host, request)
        self._requests["throttled"] += response.status_code == 429  # noqa: PLR2004 - Too Many Requests
        if response.status_code < 400 and self._faults.take("lose", method=request.method, type_=type_):  # noqa: PLR2004
            await _drop(receive, send)
            return
        await self._finish(response, request)(scope, receive, send)

    async def _answer(self, host: str, request: Request) -> Response:
        handler = self._handlers.get(host) or next(
            (self._handlers[one] for one in self._patterns if fnmatch(host, one)), None
        )
        if handler is None:
            return JSONResponse({"error": {"code": "NotFound", "message": f"There is no host {host}."}}, 404)
        try:
            return await handler(request)
        except ArmFault as fault:
            return fault_answer(fault).response()
        except Exception as error:  # noqa: BLE001 - a defect is told as Azure tells its own
            _log.exception("%s %s", request.method, request.url.path)
            return fault_answer(ArmFault(500, "InternalServerError", type(error).__name__)).response()

    def _finish(self, response: Response, request: Request) -> Response:
        number = str(uuid.uuid4())
        given = request.headers.get("x-ms-correlation-request-id", number)
        response.headers.setdefault("x-ms-request-id", number)
        response.headers.setdefault("x-ms-correlation-request-id", given)
        response.headers.setdefault("x-ms-routing-request-id", f"SANDBOX:{number}")
        if client := request.headers.get("x-ms-client-request-id"):
            response.headers.setdefault("x-ms-client-request-id", client)
        response.headers["date"] = email.utils.format_datetime(self._cloud.now(), usegmt=True)
        return response


async def _drop(receive: Receive, send: Send) -> None:
    """End the connection without an answer, as a network does that fails."""
    transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _type_of(path: str) -> str:
    target = ids.parse(path)
    return target.type if target is not None else ""
