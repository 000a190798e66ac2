"""Where SDKs of Application Insights send to: ``POST /v2.1/track``.

An envelope's time is this machine's; it is moved as far as the cloud's clock was.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.watch.catalogue import COMPONENT
from tenantry.sandbox.watch.envelopes import row_of
from tenantry.sandbox.watch.logs import Logs

__all__ = ["Ingestion"]

_PATHS = frozenset({"/v2/track", "/v2.1/track"})
_OLDEST = timedelta(hours=48)
_LARGEST = 32 * 1024**2  # bytes of a request when it is unpacked
_COUNTED = {"AppExceptions": "exceptions/count", "AppRequests": "requests/count", "AppTraces": "traces/count"}
_OK, _PARTLY, _BAD, _FORBIDDEN = 200, 206, 400, 403


class Ingestion:
    """Answers for ``ingest.applicationinsights.<suffix>``."""

    def __init__(self, cloud: Cloud, logs: Logs) -> None:
        self._cloud = cloud
        self._logs = logs

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        raw = await request.body()
        return await run_in_threadpool(self._answer, request, raw)

    def _answer(self, request: Request, raw: bytes) -> Response:
        # SDKs write "//v2.1/track": the connection string's endpoint ends in a slash.
        if "/" + request.url.path.strip("/") not in _PATHS or request.method != "POST":
            return JSONResponse({"error": {"code": "NotFound", "message": request.url.path}}, 404)
        try:
            if request.headers.get("content-encoding", "").lower() == "gzip":
                raw = _unpacked(raw)
            envelopes = _read(raw.decode())
        except (ValueError, OSError, EOFError, zlib.error):
            return _told(0, 0, [_refusal(0, _BAD, "Invalid data format")], _BAD)
        errors, kept = [], 0
        batches: dict[tuple[str, str], list[tuple[datetime, dict[str, Any]]]] = defaultdict(list)
        components = {
            str(one.properties.get("InstrumentationKey")).lower(): one
            for one in self._cloud.children("", COMPONENT)
        }
        for index, envelope in enumerate(envelopes):
            component = components.get(str(envelope.get("iKey") or "").lower())
            refusal = self._refused(index, envelope, component)
            if refusal is not None or component is None:
                errors.append(refusal or _refusal(index, _BAD, "Invalid instrumentation key"))
                continue
            kept += 1
            if (found := row_of(envelope)) is not None:
                batches[component.id, found[0]].append((self._time(envelope), found[1]))
        for (identity, table), rows in batches.items():
            self._keep(identity, table, rows)
        status = _OK if not errors else _PARTLY if kept else _BAD
        if errors and not kept and all(one["statusCode"] == _FORBIDDEN for one in errors):
            status = _FORBIDDEN
        return _told(len(envelopes), kept, errors, status)

    def _refused(
        self, index: int, envelope: dict[str, Any], component: Resource | None
    ) -> dict[str, Any] | None:
        if component is None:
            return _refusal(index, _BAD, "Invalid instrumentation key")
        if str(component.properties.get("publicNetworkAccessForIngestion")).lower() == "disabled":
            return _refusal(index, _FORBIDDEN, "Ingestion is not allowed from public networks")
        if not isinstance(envelope.get("data"), dict) or not envelope.get("name"):
            return _refusal(index, _BAD, "Field 'data' on type 'Envelope' is required but missing or empty")
        try:
            late = datetime.now(UTC) - _moment(envelope) > _OLDEST
        except ValueError:
            return _refusal(index, _BAD, "Field 'time' on type 'Envelope' is not a valid time")
        if late:
            return _refusal(
                index, _BAD, "Field 'time' on type 'Envelope' is older than the allowed min date."
            )
        return None

    def _keep(self, identity: str, table: str, rows: list[tuple[datetime, dict[str, Any]]]) -> None:
        component = self._cloud.find(identity)
        workspace = component and self._cloud.find(
            str(component.properties.get("WorkspaceResourceId") or "-")
        )
        if not workspace:
            return
        self._logs.write(workspace, table, rows, identity)
        for _, row in rows:
            if table in _COUNTED:
                self._cloud.sample(identity, _COUNTED[table], row["ItemCount"])
            if table == "AppRequests" and not row["Success"]:
                self._cloud.sample(identity, "requests/failed", row["ItemCount"])

    def _time(self, envelope: dict[str, Any]) -> datetime:
        return _moment(envelope) + (self._cloud.now() - datetime.now(UTC))


def _read(text: str) -> list[dict[str, Any]]:
    """Read an array, one object, or an object per line."""
    stripped = text.strip()
    if stripped.startswith("["):
        found = json.loads(stripped)
    else:
        found = [json.loads(line) for line in stripped.splitlines() if line.strip()]
    if not found or not all(isinstance(one, dict) for one in found):
        raise ValueError("no envelopes")
    return list(found)


def _unpacked(raw: bytes) -> bytes:
    packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
    found = packed.decompress(raw, _LARGEST)
    if packed.unconsumed_tail or not packed.eof:
        raise ValueError("too large, or cut off")
    return found


def _moment(envelope: dict[str, Any]) -> datetime:
    found = datetime.fromisoformat(str(envelope.get("time")))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _refusal(index: int, status: int, message: str) -> dict[str, Any]:
    return {"index": index, "statusCode": status, "message": message}


def _told(received: int, kept: int, errors: list[dict[str, Any]], status: int) -> Response:
    return JSONResponse({"itemsReceived": received, "itemsAccepted": kept, "errors": errors}, status)
