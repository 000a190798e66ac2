"""Files that stay of an erased instance and name it or its client, on every target."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tenantry.model.status import RECORD, Presence, Residue
from tenantry.ports import Instance, Register

__all__ = ["changed", "of_file", "of_spec"]


def of_spec(instance: Instance, *, specs: Path, register: Register) -> Sequence[Residue]:
    """Return the residue that an instance's spec is: a person's file, which stays until it is removed.

    Nothing where there is no such file, or where it is the spec of another instance that has the name now.

    Args:
        instance: the one that was erased, or is being erased.
        specs: the folder of all specs.
        register: knows who has the name.
    """
    spec = specs / f"{instance.name}.yaml"
    named = register.find(instance.name)
    is_anothers = named is not None and named.erased_at is None and named.opaque != instance.opaque
    if is_anothers or not spec.is_file():
        return []
    return [of_file(spec, "the spec, with the client's name and contact: until a person removes it")]


def of_file(path: Path, what: str) -> Residue:
    """Return the residue that a file is; it is there now. OSError where it is not."""
    return Residue(where=str(path), what=what, since=changed(path), kind=RECORD, observed=Presence.PRESENT)


def changed(path: Path) -> datetime:
    """Return when a file was changed last, UTC. OSError where it is not there."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
