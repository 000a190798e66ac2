"""The JSON envelope; its form is documented in docs/reference/json.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tenantry.result import Result

__all__ = ["envelope", "plain"]


def envelope(result: Result) -> str:
    """Return the one JSON object that ``--output json`` prints."""
    return json.dumps(
        {
            "tenantry": 1,
            "command": result.command,
            "status": result.outcome,
            "data": plain(result.data),
            "problems": [
                {"code": p.code, "message": p.message, "hint": p.hint, "where": p.where}
                for p in result.problems
            ],
        },
        ensure_ascii=False,
    )


def plain(value: Any) -> Any:
    """Return a value of JSON types; times become ISO 8601 in UTC."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Path):
        return str(value)
    return value
