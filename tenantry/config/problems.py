"""Gathers everything that is wrong with a file, so that a person sees it all at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tenantry.errors import Problem, SpecError

__all__ = ["MOST_PROBLEMS", "NOWHERE", "Fault", "Findings", "Mark", "shorten"]

MOST_PROBLEMS: Final = 50  # told per file; the rest is counted


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; both numbers start at 1."""

    line: int
    column: int


NOWHERE: Final = Mark(0, 0)  # the whole file


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong with one value, before it is known where the value stands.

    ``message`` continues the key's name: "must be …".
    """

    code: str
    message: str
    hint: str = ""


@dataclass(kw_only=True)
class Findings:
    """The problems of one file, and where its keys stand."""

    file: str  # as messages show it: "instances/benin.yaml"
    base: Path  # relative paths in the file start here
    found: list[tuple[Mark, Problem]] = field(default_factory=list)
    places: dict[str, Mark] = field(default_factory=dict)  # "client.country" → its value
    _left_out: int = 0

    def add(self, code: str, message: str, *, mark: Mark = NOWHERE, hint: str = "") -> None:
        """Note a problem at a mark."""
        if len(self.found) >= MOST_PROBLEMS:
            self._left_out += 1
            return
        where = self.where(mark)
        self.found.append((mark, Problem(code=code, message=message, hint=hint, where=where)))

    def add_fault(self, fault: Fault, key: str, *, mark: Mark | None = None) -> None:
        """Note what is wrong with the value of a key, where the key stands unless a mark is given."""
        place = self.places.get(key, NOWHERE) if mark is None else mark
        self.add(fault.code, f"{key} {fault.message}", mark=place, hint=fault.hint)

    def adopt(self, problems: Iterable[Problem]) -> None:
        """Note problems of another file that this one depends on."""
        self.found += [(NOWHERE, problem) for problem in problems]

    @property
    def full(self) -> bool:
        """Say whether further problems are only counted."""
        return len(self.found) >= MOST_PROBLEMS

    def where(self, mark: Mark) -> str:
        """Return file:line:column, or the file alone."""
        return self.file if mark == NOWHERE else f"{self.file}:{mark.line}:{mark.column}"

    @property
    def problems(self) -> list[Problem]:
        """The problems in the order of the file."""
        told = [problem for _, problem in sorted(self.found, key=lambda pair: pair[0])]
        if self._left_out:
            told.append(
                Problem(
                    code="more-problems",
                    message=f"{self._left_out} more problems are not shown",
                    hint="mend the ones above first",
                    where=self.file,
                )
            )
        return told

    def raise_any(self) -> None:
        """Raise SpecError if anything was found."""
        if self.found:
            raise self.error()

    def error(self) -> SpecError:
        """Return what was found as one error."""
        problems = self.problems
        count = len(self.found) + self._left_out
        message = problems[0].message if count == 1 else f"{self.file} has {count} problems"
        return SpecError(message, where=problems[0].where, code=problems[0].code, problems=problems)


def shorten(text: str, *, limit: int = 60) -> str:
    """Return text fit for a message: short, on one line, without characters that cannot be seen."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        c if c == " " or unicodedata.category(c)[0] not in "CZ" else f"\\u{ord(c):04x}" for c in cut
    )
