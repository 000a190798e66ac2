"""Errors of ours as one line of text, to pass through the engine and be read on the other side.

<message> | next: <hint> [77 holds-data]
"""

from __future__ import annotations

import re

from tenantry import errors
from tenantry.errors import TenantryError

__all__ = ["decode", "encode", "encode_text"]

_CLASSES: dict[int, type[TenantryError]] = {
    1: errors.FailedError,
    2: errors.UsageError,
    65: errors.SpecError,
    69: errors.UnavailableError,
    70: errors.DefectError,
    75: errors.BusyError,
    77: errors.RefusedError,
}
_ENDING = re.compile(r"\s*\[(?P<exit>\d{1,3}) (?P<code>[a-z0-9-]+)\]\s*$")
_HINT = " | next: "


def encode(error: TenantryError) -> str:
    """Write an error as one line."""
    hint = f"{_HINT}{error.hint}" if error.hint else ""
    return encode_text(error.exit_code, error.code, error.message + hint)


def encode_text(exit_code: int, code: str, text: str) -> str:
    """Write a text with an exit code and a stable code as one line."""
    return f"{' '.join(text.split())} [{exit_code} {code}]"


def decode(text: str) -> TenantryError | None:
    """Read the first error back that is a line of text; None if no line is one of ours."""
    for line in text.splitlines():
        ending = _ENDING.search(line)
        if ending is None or int(ending["exit"]) not in _CLASSES:
            continue
        message, _, hint = line[: ending.start()].partition(_HINT)
        return _CLASSES[int(ending["exit"])](message.strip(" *\t"), hint=hint.strip(), code=ending["code"])
    return None
