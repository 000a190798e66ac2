"""The work behind ``spec validate``: everything that is wrong with a spec, told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tenantry.cli.wiring import Wiring
from tenantry.errors import Problem, SpecError, TenantryError
from tenantry.result import Outcome, Result

__all__ = ["check_specs"]


def check_specs(names: Sequence[str], *, workspace: Path | None) -> Result:
    """Check the named specs, or all of the workspace; then files are told, too, that only look like one."""
    from tenantry.config.spec import misnamed, spec_names

    wiring = Wiring(workspace)
    chosen = names or spec_names(wiring.workspace)
    rows: list[dict[str, Any]] = []
    errors: list[TenantryError] = []
    warnings: list[Problem] = []
    for name in chosen:
        found, told = _looked_at(name, wiring)
        count = sum(len(error.problems) for error in found)
        rows.append({"name": name, "valid": not found, "problems": count, "warnings": len(told)})
        errors += found
        warnings += told
    if not names and (passed_over := list(misnamed(wiring.workspace))):
        errors.append(SpecError(problems=passed_over))
    return Result(
        command="spec validate",
        data={"specs": rows},
        outcome=Outcome.ERROR if errors else Outcome.OK,
        problems=(*(problem for error in errors for problem in error.problems), *warnings),
        exit_code=_exit_code(errors),
    )


def _looked_at(name: str, wiring: Wiring) -> tuple[list[TenantryError], Sequence[Problem]]:
    """Check one spec; return errors, else warnings.

    What its file says is looked at further even when this host lacks something.
    """
    from tenantry.config.profile import missing_settings

    try:
        spec, profile = wiring.spec(name, complete=False)
    except TenantryError as error:
        return [error], ()
    checks: list[Callable[[], object]] = [
        lambda: wiring.check_spec(spec, profile),
        lambda: _insist(missing_settings(profile, spec, wiring.workspace)),
        lambda: _insist(wiring.missing_secrets(spec, profile)),
    ]
    errors = [found for check in checks if (found := _error_of(check)) is not None]
    return errors, (() if errors else wiring.cautions(spec, profile))


def _error_of(check: Callable[[], object]) -> TenantryError | None:
    try:
        check()
    except TenantryError as error:
        return error
    return None


def _insist(problems: Sequence[Problem]) -> None:
    if problems:
        raise SpecError(problems=problems)


def _exit_code(errors: Sequence[TenantryError]) -> int:
    """Return 65 when a spec is wrong; else what the host lacks has a code of its own."""
    codes = [error.exit_code for error in errors]
    return 0 if not codes else SpecError.exit_code if SpecError.exit_code in codes else codes[0]
