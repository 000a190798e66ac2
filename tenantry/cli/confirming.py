"""``--confirm NAME``: without it a command only shows what it would do."""

from __future__ import annotations

from dataclasses import dataclass

from tenantry.errors import Problem, RefusedError

__all__ = ["Confirmation"]

_CODE = "not-confirmed"


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What a person has to repeat before something is done that cannot be undone."""

    name: str  # what --confirm has to say
    hint: str  # how it is said
    done: str = "erased"  # what is done then
    what: str = "instance"  # what bears the name

    def is_given(self, confirm: str) -> bool:
        """Say whether the name was given.

        Raises:
            RefusedError: it was another one.
        """
        from tenantry.config.problems import shorten

        if confirm and confirm != self.name:
            raise RefusedError(
                f"--confirm says {shorten(confirm)}, the {self.what} is {shorten(self.name)}: "
                f"nothing was {self.done}",
                hint=self.hint,
                code=_CODE,
            )
        return bool(confirm)

    @property
    def missing(self) -> Problem:
        """Tell that it was not given."""
        return Problem(
            code=_CODE, message=f"nothing was {self.done}: this only shows what would be", hint=self.hint
        )
