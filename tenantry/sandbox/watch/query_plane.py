"""The query plane of Log Analytics: ``POST /v1/workspaces/{customerId}/query``."""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.watch import spans
from tenantry.sandbox.watch.asking import ask
from tenantry.sandbox.watch.kql import Frame, QueryFault, told
from tenantry.sandbox.watch.logs import WORKSPACE, Logs

__all__ = ["QueryPlane"]

_PATH = re.compile(r"^/v1/workspaces/(?P<customer>[0-9a-f-]{36})/query$", re.IGNORECASE)
_BAD = "The request had some invalid properties"
_EVER = timedelta(days=4383)  # as long as a row can be kept at most


class QueryPlane:
    """Answers for ``api.loganalytics.<suffix>``."""

    def __init__(self, cloud: Cloud, logs: Logs) -> None:
        self._cloud = cloud
        self._logs = logs

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        raw = await request.body()
        return await run_in_threadpool(self._answer, request, raw)

    def _answer(self, request: Request, raw: bytes) -> Response:
        try:
            self._cloud.principal(request.headers.get("authorization", ""), audience="logs")
        except ArmFault as fault:
            return _error(401, "AuthorizationRequiredError", "Valid authentication was not provided",
                          inner={"code": fault.code, "message": fault.message})  # fmt: skip
        found = _PATH.match(request.url.path)
        if found is None or request.method not in {"GET", "POST"}:
            return _error(404, "PathNotFoundError", "The requested path does not exist")
        workspace = self._workspace(found["customer"])
        if workspace is None:
            return _error(
                404,
                "WorkspaceNotFoundError",
                "The workspace could not be found",
                inner={"code": "WorkspaceNotFoundError", "message": f"Workspace {found['customer']}"},
            )
        if str(workspace.properties.get("publicNetworkAccessForQuery")).lower() == "disabled":
            return _error(
                403,
                "InsufficientAccessError",
                "The provided credentials have insufficient access to perform the requested operation",
                inner={"code": "NspValidationFailedError", "message": "Access to workspace is denied."},
            )
        try:
            body = json.loads(raw or b"{}") if request.method == "POST" else dict(request.query_params)
            return self._query(workspace, body)
        except (ValueError, AttributeError):
            return _error(400, "BadArgumentError", _BAD, inner={"code": "ParameterError", "message": "JSON"})

    def _query(self, workspace: Resource, body: dict[str, Any]) -> Response:
        if body.get("workspaces"):
            inner = {"code": "NotSupported", "message": "The sandbox asks one workspace at a time."}
            return _error(400, "BadArgumentError", _BAD, inner=inner)
        now = self._cloud.now()
        try:
            start, end = spans.between(str(body.get("timespan") or ""), now, default=_EVER)
            # Without an end of its own the query sees what came in this moment, too.
            end = end if "/" in str(body.get("timespan") or "") else end + timedelta(seconds=1)
            frame = ask(self._logs, workspace, str(body.get("query") or ""), start=start, end=end, now=now)
        except ArmFault as fault:
            return _error(400, "BadArgumentError", _BAD, inner={"code": fault.code, "message": fault.message})
        except QueryFault as fault:
            return _error(400, "BadArgumentError", _BAD, inner=_why(fault))
        return JSONResponse({"tables": [_table(frame)]})

    def _workspace(self, customer: str) -> Resource | None:
        for one in self._cloud.children("", WORKSPACE):
            if str(one.properties.get("customerId")).lower() == customer.lower():
                return one
        return None


def _table(frame: Frame) -> dict[str, Any]:
    columns = [{"name": name, "type": type_} for name, type_ in frame.columns.items()]
    rows = [[_cell(row.get(name), type_) for name, type_ in frame.columns.items()] for row in frame.rows]
    return {"name": "PrimaryResult", "columns": columns, "rows": rows}


def _cell(value: Any, type_: str) -> Any:
    if type_ == "dynamic" and value is not None:
        return json.dumps(value)
    return told(value) if isinstance(value, datetime) else value


def _why(fault: QueryFault) -> dict[str, Any]:
    what = "SyntaxError" if fault.code.startswith("SYN") else "SemanticError"
    kind = "syntax" if what == "SyntaxError" else "semantic"
    inner: dict[str, Any] = {"code": fault.code, "message": fault.message}
    if fault.at is not None:
        inner |= {"line": fault.at.line, "pos": fault.at.column, "token": fault.at.text}
    return {"code": what, "message": f"A {kind} error occurred.", "innererror": inner}


def _error(status: int, code: str, message: str, *, inner: dict[str, Any] | None = None) -> Response:
    error: dict[str, Any] = {"message": message, "code": code, "correlationId": str(uuid.uuid4())}
    if inner is not None:
        error["innererror"] = inner
    return JSONResponse({"error": error}, status)
