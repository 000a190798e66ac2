"""The secrets of an instance: list their names, show one, set one. Every show is journaled."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.errors import SpecError
from tenantry.journeys.services import Services
from tenantry.model.credentials import EXPIRES
from tenantry.model.profile import Profile, VariableClass
from tenantry.ports import Instance

__all__ = ["check", "names", "put", "show"]

_SETTABLE = frozenset({VariableClass.SECRET})


def names(instance: Instance, *, services: Services) -> Sequence[tuple[str, str]]:
    """Return (name, expiry date or "") of each secret."""
    vault = services.vault(instance)
    all_names = vault.names()
    return [
        (name, vault.get(EXPIRES + name) if EXPIRES + name in all_names else "")
        for name in all_names
        if not name.startswith(EXPIRES)
    ]


def show(instance: Instance, name: str, *, services: Services, reason: str) -> str:
    """Return one secret, after who asked and why is in the journal."""
    services.note_access(instance, f"was shown the secret {name}", reason)
    return services.vault(instance).get(name)


def check(name: str, value: str, *, profile: Profile) -> None:
    """Refuse a secret that cannot be set, before anything is recorded.

    Raises:
        SpecError: the profile has no such variable, or we generate it ourselves, or
            the value cannot be one.
    """
    settable = sorted(v.name for v in profile.variables if v.cls in _SETTABLE)
    if name not in settable:
        raise SpecError(
            f"{name} is not a secret that can be set for profile {profile.name}",
            hint="these can: " + (", ".join(settable) or "none"),
            code="no-such-secret",
        )
    if not value:
        raise SpecError(f"the value of {name} is empty", code="empty-secret")
    if "\0" in value:
        raise SpecError(f"the value of {name} holds a NUL character", code="bad-secret")


def put(
    instance: Instance, name: str, value: str, *, profile: Profile, services: Services, expires: str = ""
) -> None:
    """Store a secret that a client or the organisation supplied.

    The workload gets it at the next deploy. The expiry is the new value's: without
    one, that of the value before is forgotten.

    Raises:
        SpecError: as ``check``.
    """
    check(name, value, profile=profile)
    with services.register.lease(
        instance, kind="credentials", person=services.person, reason=f"set {name}"
    ) as lease:
        lease.intent(f"set the secret {name}")
        vault = services.vault(instance)
        vault.put({name: value, **({EXPIRES + name: expires} if expires else {})})
        if not expires:
            vault.remove([EXPIRES + name])
        lease.evidence(f"the secret {name} is stored")
