"""What every journey needs, gathered once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenantry.errors import RefusedError, SpecError
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec
from tenantry.ports import Clock, Instance, OnEvent, Register, Request, SecretStore, Target

__all__ = ["Services", "existing"]


@dataclass(frozen=True, kw_only=True)
class Services:
    """The ports that a journey works through, and who asked for it."""

    register: Register
    target: Target
    vault: Callable[[Instance], SecretStore]
    clock: Clock
    person: str
    on_event: OnEvent
    load: Callable[[Instance], tuple[InstanceSpec, Profile]]

    def request(self, instance: Instance) -> Request:
        """Return the request for an instance, from its spec as it is now."""
        spec, profile = self.load(instance)
        return Request(spec=spec, profile=profile, instance=instance)

    def note_access(self, instance: Instance, did: str, reason: str) -> None:
        """Journal who gets at data or secrets of an instance, and why; it stands before anything is shown."""
        self.register.record(instance=instance.opaque, kind="access", text=f"{self.person} {did}: {reason}")


def existing(register: Register, name: str) -> Instance:
    """Return the living instance of that name.

    Raises:
        SpecError: there is none.
        RefusedError: it was erased.
    """
    instance = register.find(name)
    if instance is None:
        raise SpecError(
            f"there is no instance {name}",
            hint="tenantry instance list shows what there is; tenantry instance deploy makes one",
            code="no-such-instance",
        )
    if instance.erased_at is not None:
        raise RefusedError(
            f"{name} was erased on {instance.erased_at:%Y-%m-%d %H:%M} UTC",
            hint="deploying its spec again makes a new instance, without any of the old data",
            code="erased",
        )
    return instance
