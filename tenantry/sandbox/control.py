"""What the command line asks a running sandbox: how it is, faults, its clock."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tenantry.sandbox import public_dns
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.fault_names import Refused, look_up
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.operations import Operations
from tenantry.sandbox.parts.notes import iso

__all__ = ["Control"]

_LAST_YEAR: Final = 2200  # long after every retention; what comes each day would take long to make up


class Control:
    """Answers for ``control.<suffix>``, to who has the key in the workspace."""

    def __init__(
        self,
        cloud: SandboxCloud,
        faults: Faults,
        operations: Operations,
        *,
        requests: Mapping[str, int],
        key: str,
    ) -> None:
        self._cloud = cloud
        self._faults = faults
        self._operations = operations
        self._requests = requests
        self._key = key

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        given = request.headers.get("authorization", "").encode()
        if not secrets.compare_digest(given, f"Key {self._key}".encode()):
            return JSONResponse({}, status_code=403)
        body = json.loads(await request.body() or b"{}")
        try:
            return JSONResponse(await run_in_threadpool(self._do, request.url.path, body))
        except Refused as refused:
            return JSONResponse({"message": refused.message, "hint": refused.hint}, status_code=422)

    def _do(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        match path:
            case "/faults/list":
                return {"faults": self._faults.list()}
            case "/faults/clear":
                return {"cleared": self._faults.clear(), "faults": []}
            case "/faults/add":
                look_up(self._cloud, body)
                if body["kind"] == "expire":
                    self._cloud.tokens.expire()
                else:
                    self._faults.add(**body)
                return {"faults": self._faults.list()}
            case "/dns/list" | "/dns/add" | "/dns/remove":
                return self._dns(path, **body)
            case "/spans":
                return {"spans": self._operations.spans()}
            case "/time":
                by = timedelta(seconds=float(body["seconds"]))
                if self._cloud.now().year + by.days // 365 > _LAST_YEAR:
                    raise Refused(
                        f"the clock does not go past the year {_LAST_YEAR}",
                        "tenantry sandbox reset begins anew",
                    )
                self._cloud.move_clock(by)
        return self._status()

    def _dns(self, path: str, *, name: str = "", type_: str = "", value: str = "") -> dict[str, Any]:
        """Make or take away a record, which names on this machine follow; tell all."""
        if path == "/dns/add" and not public_dns.add(self._cloud, name, type_, value):
            raise Refused(
                f"{name} has a record of another type, and beside a CNAME there is nothing else",
                "tenantry sandbox dns list",
            )
        if path == "/dns/remove":
            public_dns.remove(self._cloud, name, type_)
        self._cloud.publish()
        return {"records": public_dns.records(self._cloud)}

    def _status(self) -> dict[str, Any]:
        return {
            "now": iso(self._cloud.now()),
            "resources": dict(self._cloud.store.counts()),
            "operations": self._operations.running(),
            "faults": self._faults.list(),
            "requests": dict(self._requests),
            "callers": dict(self._cloud.tokens.callers),
        }
