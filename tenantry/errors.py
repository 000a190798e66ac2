"""Every error that a user can meet.

    TenantryError            exit code  meaning
    ├── UsageError           2          the command line is wrong
    ├── SpecError            65         a file or an input is wrong (carries Problems)
    ├── UnavailableError     69         the target, a tool or another host cannot be reached
    ├── DefectError          70         a fault of ours
    ├── BusyError            75         another operation holds the instance
    ├── RefusedError         77         not permitted (residency, data loss, illegal transition)
    └── FailedError          1          it ran, and the answer is no

An error says what happened (``message``), what to do next (``hint``) and where
(``where``, as file:line:column). It never holds a secret: whoever raises it
passes names and paths, not values. The exit codes follow sysexits.h.
``StoppedError`` (130) is no TenantryError: nothing that goes on after one goes on after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "BusyError",
    "DefectError",
    "FailedError",
    "Problem",
    "RefusedError",
    "SpecError",
    "StoppedError",
    "TenantryError",
    "UnavailableError",
    "UsageError",
]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, in the form that the JSON envelope carries."""

    code: str  # stable, kebab-case: "unknown-key"
    message: str
    hint: str = ""
    where: str = ""  # "instances/benin.yaml:4:19", or ""


class TenantryError(Exception):
    """Root of the tree. Subclasses fix ``exit_code`` and a default ``code``."""

    exit_code = 70
    default_code = "defect"

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        where: str = "",
        code: str = "",
        problems: Sequence[Problem] = (),
    ) -> None:
        """Take what happened, or the problems that tell it."""
        self.message = message or (problems[0].message if problems else "the input is wrong")
        super().__init__(self.message)
        self.hint = hint
        self.where = where
        self.code = code or self.default_code
        self._problems = tuple(problems)

    @property
    def problems(self) -> Sequence[Problem]:
        """All that was found, or the error itself."""
        return self._problems or [
            Problem(code=self.code, message=self.message, hint=self.hint, where=self.where)
        ]


class FailedError(TenantryError):
    """It ran to its end, and the answer is no."""

    exit_code = 1
    default_code = "failed"


class UsageError(TenantryError):
    """The command line does not make sense."""

    exit_code = 2
    default_code = "usage"


class SpecError(TenantryError):
    """A file or an input is wrong. Nothing was done."""

    exit_code = 65
    default_code = "spec"


class UnavailableError(TenantryError):
    """Something that is needed cannot be reached: a target, a tool, another host."""

    exit_code = 69
    default_code = "unavailable"


class DefectError(TenantryError):
    """A fault of ours: an invariant did not hold."""


class BusyError(TenantryError):
    """Another operation holds the instance."""

    exit_code = 75
    default_code = "busy"


class RefusedError(TenantryError):
    """What was asked for is not permitted, and nothing was done."""

    exit_code = 77
    default_code = "refused"


class StoppedError(KeyboardInterrupt):
    """Stopped at once by a person, which left something that they must know of."""

    exit_code = 130

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take what they must know, the gravest first."""
        super().__init__(problems[0].message)
        self.problems = tuple(problems)
