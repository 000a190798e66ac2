"""A query put to the rows of a workspace, from its query plane and from alert rules alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tenantry.sandbox.kinds import Resource
from tenantry.sandbox.parts.notes import moment
from tenantry.sandbox.watch.kql import Frame, QueryFault, parse
from tenantry.sandbox.watch.logs import Logs
from tenantry.sandbox.watch.tables import columns_of

__all__ = ["ask"]


def ask(
    logs: Logs, workspace: Resource, text: str, *, start: datetime, end: datetime, now: datetime
) -> Frame:
    """Return what a query finds among rows of this time. QueryFault when it is refused."""
    query = parse(text)
    columns = columns_of(query.table)
    if columns is None:
        raise QueryFault("SEM0100", f"Failed to resolve table or column expression named '{query.table}'")
    customer = str(workspace.properties.get("customerId"))
    start = max(start, logs.oldest(workspace, query.table, now))
    rows = [_typed(row, columns) for row in logs.file(customer).read(query.table, start, end)]
    return query.run(Frame(columns, rows), now)


def _typed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return a row with every column of its table: text is never null, times are times."""
    found: dict[str, Any] = {}
    for name, type_ in columns.items():
        value = row.get(name)
        if type_ == "string":
            value = "" if value is None else str(value)
        elif type_ == "datetime" and value is not None:
            value = moment(value)
        found[name] = value
    return found
