"""Answers of Resource Manager, and errors in its form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from tenantry.sandbox.kinds import ArmFault

__all__ = ["Answer", "fault_answer"]


@dataclass(frozen=True)
class Answer:
    """Status, body (None: empty; a text is XML) and headers."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return it as a response."""
        if self.body is None:
            return Response(status_code=self.status, headers=dict(self.headers))
        if isinstance(self.body, str):
            return Response(self.body, self.status, dict(self.headers), media_type="application/xml")
        content = json.dumps(self.body, separators=(",", ":")).encode()
        return Response(
            content, self.status, dict(self.headers), media_type="application/json; charset=utf-8"
        )


def fault_answer(fault: ArmFault) -> Answer:
    """Return an error as Azure writes it."""
    headers = {}
    if fault.status == 401:  # noqa: PLR2004 - Unauthorized
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{fault.code}"'
    return Answer(fault.status, {"error": {"code": fault.code, "message": fault.message}}, headers)
