"""Rows of the register as the values of ``tenantry.ports``, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from tenantry.adapters.processes import is_alive
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


def operation_of(row: Row[Any], *, host: str) -> Operation:
    """Return the operation that a row of ``operations``, with the instance's name, describes.

    One that did not end, but whose process on this host is dead, reads "died" though
    nobody has recorded that yet.
    """
    values = row._asdict()
    del values["opaque"]
    operation = Operation(**values)
    if operation.outcome == "" and operation.host == host:
        alive = is_alive(operation.pid, operation.process_started)
        return operation if alive else Operation(**{**values, "outcome": "died"})
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
