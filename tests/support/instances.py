"""An instance as the register has it, for tests that need a record and no more."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from tenantry.model.lifecycle import State
from tenantry.ports import Instance

__all__ = ["recorded"]

_RECORDED = Instance(
    name="benin",
    opaque="tnabc",
    client="Red Cross of Benin",
    target="azure",
    host="one",
    state=State.ACTIVE,
    profile="registrations",
    version="1.0.0",
    url="",
    uid=None,
    ports={},
    generation=1,
    conditions=(),
    observed_at=None,
    created_at=datetime(2026, 11, 1, tzinfo=UTC),
    erased_at=None,
    last_backup=None,
)


def recorded(**changes: Any) -> Instance:
    """Return an instance on Azure that is active; ``changes`` are fields of Instance."""
    return dataclasses.replace(_RECORDED, **changes)
