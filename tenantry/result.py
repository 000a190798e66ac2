"""What a journey returns and a command renders: one Result.

The JSON envelope is made from it in ``tenantry.cli.render``; its form is
documented in docs/reference/json.md and held by a contract test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tenantry.errors import Problem

__all__ = ["Outcome", "Result"]


class Outcome(StrEnum):
    """The ``status`` of the envelope."""

    OK = "ok"
    NO = "no"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer of one command."""

    command: str  # "instance show"
    data: Mapping[str, Any]
    outcome: Outcome = Outcome.OK
    problems: tuple[Problem, ...] = field(default=())
    exit_code: int = 0
