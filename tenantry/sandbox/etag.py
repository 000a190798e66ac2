"""ETags: a resource is changed only as its reader saw it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from tenantry.sandbox.kinds import ArmFault, Resource

__all__ = ["check", "fresh"]


def fresh() -> str:
    """Return a new one."""
    return f'W/"{uuid.uuid4()}"'


def check(headers: Mapping[str, str], old: Resource | None) -> None:
    """Refuse with 412 what was asked for on a condition that does not hold."""
    has = str(old.body.get("etag") or "*") if old is not None else ""
    match, none = headers.get("if-match", ""), headers.get("if-none-match", "")
    if (match and not has) or (match not in ("", "*") and match != has):
        raise ArmFault(412, "PreconditionFailed", "The condition of the header If-Match does not hold.")
    if none == "*" and has:
        raise ArmFault(412, "PreconditionFailed", "The resource exists already.")
