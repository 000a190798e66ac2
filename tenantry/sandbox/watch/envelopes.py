"""What SDKs of Application Insights send, made into rows of the component's workspace."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["row_of"]

_TAGS: Final = {
    "OperationName": "ai.operation.name",
    "OperationId": "ai.operation.id",
    "ParentId": "ai.operation.parentId",
    "SyntheticSource": "ai.operation.syntheticSource",
    "SessionId": "ai.session.id",
    "UserId": "ai.user.id",
    "AppRoleName": "ai.cloud.role",
    "AppRoleInstance": "ai.cloud.roleInstance",
    "AppVersion": "ai.application.ver",
    "SDKVersion": "ai.internal.sdkVersion",
}
_DURATION: Final = re.compile(r"^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$")
_SEVERITIES: Final = {"verbose": 0, "information": 1, "warning": 2, "error": 3, "critical": 4}


def row_of(envelope: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the table and the row of an envelope; None for a kind that is not kept here."""
    data = _block(envelope.get("data"))
    kind = _KINDS.get(str(data.get("baseType")))
    if kind is None:
        return None
    table, read = kind
    base, tags = _block(data.get("baseData")), _block(envelope.get("tags"))
    row: dict[str, Any] = {name: str(tags.get(tag) or "") for name, tag in _TAGS.items()}
    row |= {
        "ClientType": "PC",
        "ClientIP": "0.0.0.0",  # noqa: S104 - addresses are masked, as Azure does unless told otherwise
        "IKey": str(envelope.get("iKey") or ""),
        "ItemCount": round(100 / float(envelope.get("sampleRate") or 100)),
        "Properties": _block(base.get("properties")),
        "Measurements": _block(base.get("measurements")),
    }
    return table, {**row, **read(base)}


def _exception(base: Mapping[str, Any]) -> dict[str, Any]:
    found = [one for one in base.get("exceptions") or [] if isinstance(one, dict)]
    outer, inner = (found[0], found[-1]) if found else ({}, {})
    return {
        "ProblemId": str(base.get("problemId") or outer.get("typeName") or ""),
        "ExceptionType": str(outer.get("typeName") or ""),
        "OuterType": str(outer.get("typeName") or ""),
        "OuterMessage": str(outer.get("message") or ""),
        "InnermostType": str(inner.get("typeName") or ""),
        "InnermostMessage": str(inner.get("message") or ""),
        "Message": str(base.get("message") or ""),
        "Details": found,
        "SeverityLevel": _severity(base),
    }


def _trace(base: Mapping[str, Any]) -> dict[str, Any]:
    return {"Message": str(base.get("message") or ""), "SeverityLevel": _severity(base)}


def _request(base: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Id": str(base.get("id") or ""),
        "Source": str(base.get("source") or ""),
        "Name": str(base.get("name") or ""),
        "Url": str(base.get("url") or ""),
        "Success": base.get("success", True) is not False,
        "ResultCode": str(base.get("responseCode") or ""),
        "DurationMs": _milliseconds(base.get("duration")),
    }


def _dependency(base: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Id": str(base.get("id") or ""),
        "Target": str(base.get("target") or ""),
        "DependencyType": str(base.get("type") or ""),
        "Name": str(base.get("name") or ""),
        "Data": str(base.get("data") or ""),
        "Success": base.get("success", True) is not False,
        "ResultCode": str(base.get("resultCode") or ""),
        "DurationMs": _milliseconds(base.get("duration")),
    }


def _event(base: Mapping[str, Any]) -> dict[str, Any]:
    return {"Name": str(base.get("name") or "")}


def _availability(base: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Id": str(base.get("id") or ""),
        "Name": str(base.get("name") or ""),
        "Location": str(base.get("runLocation") or ""),
        "Success": base.get("success") is not False,
        "Message": str(base.get("message") or ""),
        "DurationMs": _milliseconds(base.get("duration")),
    }


def _block(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _severity(base: Mapping[str, Any]) -> int | None:
    found = base.get("severityLevel")
    return found if isinstance(found, int) else _SEVERITIES.get(str(found).lower())


def _milliseconds(text: Any) -> float | None:
    """Read ``1.02:03:04.5``: days, hours, minutes, seconds."""
    found = _DURATION.match(str(text or ""))
    if found is None:
        return None
    days, hours, minutes, seconds = (float(one or 0) for one in found.groups())
    return round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000, 4)


_KINDS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]]]]] = {
    "ExceptionData": ("AppExceptions", _exception),
    "MessageData": ("AppTraces", _trace),
    "RequestData": ("AppRequests", _request),
    "RemoteDependencyData": ("AppDependencies", _dependency),
    "EventData": ("AppEvents", _event),
    "AvailabilityData": ("AppAvailabilityResults", _availability),
}
