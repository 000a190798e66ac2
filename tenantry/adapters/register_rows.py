"""Rows of the register as the values of ``tenantry.ports``, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from tenantry.adapters.holders import is_dead, is_silent
from tenantry.model.lifecycle import State
from tenantry.model.status import Condition, Truth
from tenantry.ports import Instance, Operation

__all__ = ["conditions_to_json", "instance_of", "operation_of"]


def instance_of(row: Row[Any], ports: Mapping[str, int]) -> Instance:
    """Return the instance that a row of ``instances`` and its ports describe."""
    values = row._asdict()
    del values["id"]
    values["state"] = State(row.state)
    values["conditions"] = tuple(_condition(value) for value in row.conditions)
    return Instance(**values, ports=ports)


def operation_of(row: Row[Any], *, host: str, now: datetime, after: timedelta) -> Operation:
    """Return the operation that a row of ``operations``, with the instance's name, describes.

    One that did not end reads "died" where that is proved, though nobody has recorded it
    yet, and "unknown" where another machine has been silent for so long.
    """
    values = row._asdict()
    del values["opaque"]
    operation = Operation(**values)
    if operation.outcome:
        return operation
    if is_dead(operation, host=host, now=now, after=after):
        return replace(operation, outcome="died")
    if operation.host != host and is_silent(operation, now=now, after=after):
        return replace(operation, outcome="unknown")
    return operation


def conditions_to_json(conditions: Sequence[Condition]) -> list[dict[str, str]]:
    """Return conditions as the JSON that is stored."""
    return [
        {
            "type": condition.type,
            "status": condition.status.value,
            "reason": condition.reason,
            "message": condition.message,
            "at": condition.at.isoformat(),
        }
        for condition in conditions
    ]


def _condition(value: Mapping[str, str]) -> Condition:
    return Condition(
        type=value["type"],
        status=Truth(value["status"]),
        reason=value["reason"],
        message=value["message"],
        at=datetime.fromisoformat(value["at"]),
    )
