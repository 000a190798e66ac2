"""The environment of a workload's processes, built from nothing.

Each variable of the profile gets the value that its class says; a variable
without a value is left out. Values are secret as a whole: the map is handed to
the engine as a secret and to the process on tmpfs.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenantry.errors import SpecError
from tenantry.model.profile import Profile, Variable, VariableClass

__all__ = ["environment"]

_HOST_LACKS = frozenset({"cache", "blobs", "email", "portal", "monitoring"})


def environment(
    profile: Profile, *, facts: Mapping[str, str], secrets: Mapping[str, str], settings: Mapping[str, str]
) -> dict[str, str]:
    """Return name and value of each variable that has a value.

    Args:
        profile: declares the variables.
        facts: values of derived variables, by source.
        secrets: generated and given secrets, by name.
        settings: values of fixed, client and organisation variables, by name.
    """
    found = {
        variable.name: _value(variable, facts=facts, secrets=secrets, settings=settings)
        for variable in profile.variables
    }
    return {name: value for name, value in sorted(found.items()) if value}


def _value(
    variable: Variable, *, facts: Mapping[str, str], secrets: Mapping[str, str], settings: Mapping[str, str]
) -> str:
    match variable.cls:
        case VariableClass.GENERATED | VariableClass.GENERATED_ONCE | VariableClass.SECRET:
            return secrets.get(variable.name, "")
        case VariableClass.DERIVED:
            return _derived(variable, facts)
        case _:
            return settings.get(variable.name, "")


def _derived(variable: Variable, facts: Mapping[str, str]) -> str:
    if variable.source in facts:
        return facts[variable.source]
    if variable.source.split(".", 1)[0] in _HOST_LACKS:
        return ""
    raise SpecError(
        f"{variable.name} is derived from {variable.source}, which a host does not have",
        hint="use another source in the workload profile",
        code="no-such-source",
    )
