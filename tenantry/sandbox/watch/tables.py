"""Tables of a workspace: their columns, and which table a log's category goes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["DIAGNOSTICS", "TABLES", "columns_of", "table_of"]

DIAGNOSTICS: Final = "AzureDiagnostics"
_TYPES: Final = {
    "d": "datetime",
    "s": "string",
    "i": "int",
    "l": "long",
    "r": "real",
    "b": "bool",
    "j": "dynamic",
}
_HEAD: Final = "TenantId:s TimeGenerated:d"
_TAIL: Final = "SourceSystem:s Type:s _ResourceId:s"
_APP: Final = (
    "OperationName:s OperationId:s ParentId:s SyntheticSource:s SessionId:s UserId:s AppRoleName:s "
    "AppRoleInstance:s AppVersion:s ClientType:s ClientIP:s SDKVersion:s IKey:s ItemCount:i Properties:j "
    "Measurements:j ResourceGUID:s"
)
_DETAILS: Final = "ProblemId:s ExceptionType:s Assembly:s Method:s OuterType:s OuterMessage:s OuterMethod:s "
_COLUMNS: Final = {
    "AppServiceConsoleLogs": "Category:s Level:s Host:s OperationName:s ResultDescription:s ContainerId:s",
    "AppServiceHTTPLogs": "Category:s CsMethod:s CsUriStem:s CsUriQuery:s CsHost:s CIp:s UserAgent:s "
    "ScStatus:l ScBytes:l CsBytes:l TimeTaken:l Protocol:s Result:s",
    DIAGNOSTICS: "ResourceId:s Category:s ResourceGroup:s SubscriptionId:s ResourceProvider:s Resource:s "
    "ResourceType:s OperationName:s ResultType:s ResultSignature:s ResultDescription:s CorrelationId:s "
    "CallerIPAddress:s DurationMs:l Level:s requestUri_s:s httpStatusCode_d:r Message:s "
    "LogicalServerName_s:s",
    "AZKVAuditLogs": "Category:s OperationName:s ResultType:s ResultSignature:s ResultDescription:s "
    "CorrelationId:s CallerIpAddress:s DurationMs:l RequestUri:s HttpStatusCode:i",
    "PGSQLServerLogs": "Category:s Level:s OperationName:s LogicalServerName:s Message:s",
    "AppTraces": f"Message:s SeverityLevel:i {_APP}",
    "AppExceptions": f"{_DETAILS} InnermostType:s InnermostMessage:s Message:s Details:j "
    f"SeverityLevel:i {_APP}",
    "AppRequests": "Id:s Source:s Name:s Url:s Success:b ResultCode:s DurationMs:r "
    f"PerformanceBucket:s {_APP}",
    "AppDependencies": "Id:s Target:s DependencyType:s Name:s Data:s Success:b ResultCode:s "
    f"DurationMs:r {_APP}",
    "AppEvents": f"Name:s {_APP}",
    "AppAvailabilityResults": "Id:s Name:s Location:s Success:b Message:s Size:r DurationMs:r "
    f"PerformanceBucket:s {_APP}",
}


def _read(text: str) -> dict[str, str]:
    pairs = (one.split(":") for one in f"{_HEAD} {text} {_TAIL}".split())
    return {name: _TYPES[kind] for name, kind in pairs}


TABLES: Final[Mapping[str, Mapping[str, str]]] = {name: _read(text) for name, text in _COLUMNS.items()}
# By category: the table of its own. Categories of sites go there in any case, others only when the
# setting says "Dedicated".
_OWN: Final = {
    "AppServiceConsoleLogs": "AppServiceConsoleLogs",
    "AppServiceHTTPLogs": "AppServiceHTTPLogs",
    "AuditEvent": "AZKVAuditLogs",
    "PostgreSQLLogs": "PGSQLServerLogs",
}


def columns_of(table: str) -> Mapping[str, str] | None:
    """Return name and type of a table's columns; None when the sandbox has no such table."""
    return TABLES.get(table)


def table_of(category: str, *, dedicated: bool) -> str:
    """Return the table that a category's rows go to."""
    own = _OWN.get(category, DIAGNOSTICS)
    return own if dedicated or own == category else DIAGNOSTICS
