"""The spec of an erased instance: a person's file, which names the client and stays until it is removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tenantry.model.status import RECORD, Presence, Residue

__all__ = ["residue"]


def residue(spec: Path) -> Sequence[Residue]:
    """Return the residue that a spec is, nothing where its file is not there."""
    if not spec.is_file():
        return []
    return [
        Residue(
            where=str(spec),
            what="the spec, with the client's name and contact: until a person removes it",
            since=datetime.fromtimestamp(spec.stat().st_mtime, UTC),
            kind=RECORD,
            observed=Presence.PRESENT,
        )
    ]
