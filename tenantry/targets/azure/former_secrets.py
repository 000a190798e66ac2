"""Secrets of the vault that no variable has any more: deleted and purged over the private way in.

Resource Manager deletes none. The names are recorded before the engine lets go of
them, so that a killed run is finished by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from tenantry.adapters.azure_arm import Arm
from tenantry.components.azure.props import IN_VAULT, AzureProps
from tenantry.components.azure.settings import site_settings
from tenantry.errors import FailedError, TenantryError
from tenantry.model.azure_names import secret_name
from tenantry.ports import Event, Instance, Lease, OnEvent
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.way_in import opened
from tenantry.targets.azure.way_to_vault import OBJECTS, ToVault

__all__ = ["FACT", "Former", "purge"]

FACT: Final = "azure_former_secrets"  # of an instance: names in its vault that are to be deleted
_PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class Former:
    """Names in the vault of secrets that have no variable."""

    due: frozenset[str]  # to be deleted
    leaving: frozenset[str]  # of these the engine still knows
    back: frozenset[str]  # of these a variable has the name again: they go before the engine makes them anew

    @classmethod
    def of(cls, props: AzureProps, made: Iterable[str], instance: Instance) -> Former:
        """Return what is to go; ``made`` are the engine's names of the secrets that it made."""
        settings = site_settings(props)
        named = {secret_name(one) for one in (*settings.secret, *settings.told_in_secret)}
        there = {one.removeprefix(IN_VAULT) for one in made if one.startswith(IN_VAULT)}
        recorded = set(instance.facts.get(FACT, "").split())
        due = (recorded | there) - (there & named)
        return cls(due=frozenset(due), leaving=frozenset(there - named), back=frozenset(due & named))

    @property
    def fact(self) -> str:
        """What is recorded of it."""
        return " ".join(sorted(self.due))

    @property
    def retained(self) -> list[str]:
        """The engine's names of what it is to let go of."""
        return [IN_VAULT + one for one in self.leaving]


def purge(way: ToVault, clients: Clients, names: Collection[str], *, lease: Lease, on_event: OnEvent) -> None:
    """Delete secrets so that they cannot be recovered, and look that they are gone; repeatable.

    Raises:
        UnavailableError: the vault does not let this machine in.
        FailedError: a secret is still there, or the vault is still open.
    """
    if not names:
        return
    with opened(way, lease, on_event, principal=clients.principal.object_id):
        for name in sorted(names):
            on_event(Event(text=f"deleting the secret {name}, which no variable has any more"))
            lease.intent(f"delete and purge the secret {name} of the vault {way.name}")
            _purge(way.objects, name)
            lease.evidence(f"the vault has no secret {name}, and keeps none")


def _purge(vault: Arm, name: str) -> None:
    """Delete one, wait until the vault lists it as deleted, purge it, and look."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    deleted = vault.delete(f"/secrets/{name}", OBJECTS)
    while True:
        kept = vault.get(f"/deletedsecrets/{name}", OBJECTS) is not None
        if kept:
            deleted = False  # it has arrived there
            _try_to_purge(vault, name)
        elif not deleted and not _is_listed(vault, name):
            return
        if time.monotonic() > deadline:
            raise FailedError(
                f"the vault still has the secret {name}",
                hint="run the same command again",
                code="secret-left",
            )
        time.sleep(0.5 if kept else 2)


def _try_to_purge(vault: Arm, name: str) -> None:
    try:
        vault.delete(f"/deletedsecrets/{name}", OBJECTS)
    except TenantryError as error:
        if error.code != "conflict":  # it is still being deleted
            raise


def _is_listed(vault: Arm, name: str) -> bool:
    """Say whether the vault lists it. Its value is not asked for."""
    return any(
        str(one.get("id", "")).partition("/secrets/")[2].lower() == name.lower()
        for one in vault.list("/secrets", OBJECTS)
    )
