"""What every journey works through, on a target in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.adapters.clock import SystemClock
from tenantry.adapters.register import open_register
from tenantry.adapters.vault import FileVault, create_master_key
from tenantry.journeys.services import Services
from tests.journeys.sweep import spec_and_profile
from tests.support.memory_target import MemoryTarget, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """What there is, outside of the journeys."""
    return World(tmp_path / "world.json")


@pytest.fixture
def services(tmp_path: Path, world: World) -> Services:
    """The ports, with a register of their own."""
    create_master_key(tmp_path / "master.key")

    def vault(opaque: str) -> FileVault:
        return FileVault(tmp_path / "vault", opaque=opaque, master_key_file=tmp_path / "master.key")

    return Services(
        register=open_register(f"sqlite:///{tmp_path}/register.db", host="one", clock=SystemClock()),
        target=MemoryTarget(world, vault=vault),
        vault=lambda instance: vault(instance.opaque),
        clock=SystemClock(),
        person="Ada",
        on_event=lambda _: None,
        load=lambda _: spec_and_profile(),
    )
