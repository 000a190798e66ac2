"""Values that we make up ourselves: passwords, and the generated variables of a profile."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping

from tenantry.model.profile import Profile, ValueForm, Variable, VariableClass

__all__ = ["new_password", "variable_makers"]

_PASSWORD_BYTES = 32
_GENERATED = frozenset({VariableClass.GENERATED, VariableClass.GENERATED_ONCE})


def new_password() -> str:
    """Return a fresh password of 256 bits."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def variable_makers(profile: Profile) -> Mapping[str, Callable[[], str]]:
    """Return what makes the value of each generated variable, by name."""
    return {variable.name: _maker(variable) for variable in profile.variables if variable.cls in _GENERATED}


def _maker(variable: Variable) -> Callable[[], str]:
    if variable.form is ValueForm.UUID:
        return lambda: str(uuid.uuid4())
    return lambda: secrets.token_urlsafe(variable.length)[: variable.length]
