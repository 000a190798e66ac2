"""The work behind ``spec validate``: everything that is wrong with a spec, told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tenantry.cli.wiring import Wiring
from tenantry.errors import Problem, SpecError, TenantryError
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec
from tenantry.result import Outcome, Result

__all__ = ["check_specs"]


def check_specs(names: Sequence[str], *, workspace: Path | None) -> Result:
    """Check the named specs, or all of the workspace; then files are told, too, that only look like one."""
    from tenantry.config.spec import misnamed

    wiring = Wiring(workspace)
    chosen = names or sorted(path.stem for path in wiring.workspace.specs.glob("*.yaml"))
    rows: list[dict[str, Any]] = []
    errors: list[TenantryError] = []
    warnings: list[Problem] = []
    for name in chosen:
        found = _errors_of(name, wiring)
        told = [] if found else wiring.cautions(*wiring.spec(name))
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


def _errors_of(name: str, wiring: Wiring) -> list[TenantryError]:
    """Check one spec; what its file says is looked at further even when this host lacks something."""
    from tenantry.config.profile import missing_settings

    try:
        spec, profile = wiring.spec(name, complete=False)
    except TenantryError as error:
        return [error]
    checks: list[Callable[[], object]] = [
        lambda: wiring.check_spec(spec, profile),
        lambda: _insist(missing_settings(profile, spec, wiring.workspace)),
        lambda: _insist(_missing_secrets(spec, profile, wiring)),
    ]
    return [found for check in checks if (found := _error_of(check)) is not None]


def _error_of(check: Callable[[], object]) -> TenantryError | None:
    try:
        check()
    except TenantryError as error:
        return error
    return None


def _insist(problems: Sequence[Problem]) -> None:
    if problems:
        raise SpecError(problems=problems)


def _missing_secrets(spec: InstanceSpec, profile: Profile, wiring: Wiring) -> Sequence[Problem]:
    from tenantry.config.profile import missing_secrets

    found = wiring.register.find(spec.name)
    living = found is not None and found.erased_at is None
    present = set(wiring.vault(found.opaque).names()) if found is not None and living else set()
    return missing_secrets(profile, spec, wiring.workspace, present)


def _exit_code(errors: Sequence[TenantryError]) -> int:
    """Return 65 when a spec is wrong; else what the host lacks has a code of its own."""
    codes = [error.exit_code for error in errors]
    return 0 if not codes else SpecError.exit_code if SpecError.exit_code in codes else codes[0]
