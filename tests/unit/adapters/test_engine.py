"""What is told of a run that failed, and of a lock, without an engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tenantry.adapters.engine import Engine
from tenantry.adapters.engine_store import FolderStore
from tenantry.errors import BusyError, UnavailableError


class _Store(FolderStore):
    reached = True

    def names(self, folder: str) -> Sequence[str]:
        if not self.reached:
            raise UnavailableError("the store does not answer", code="state-unreachable")
        return super().names(folder)


@pytest.fixture
def store(tmp_path: Path) -> _Store:
    return _Store(tmp_path)


@pytest.fixture
def engine(store: _Store, tmp_path: Path) -> Engine:
    return Engine(tmp_path / "none", home=tmp_path, state_folder=tmp_path, providers={}, store=store)


def _lock(store: FolderStore, host: str) -> str:
    name = ".pulumi/locks/organization/tenantry/s/one.json"
    held = {"pid": 1, "username": "ada", "hostname": host, "timestamp": "2026-01-01T00:00:00Z"}
    store.write(name, json.dumps(held))
    return store.where(name)


def test_a_store_that_cannot_be_reached_does_not_hide_why_the_engine_failed(
    engine: Engine, store: _Store
) -> None:
    store.reached = False
    error = engine._failure("s", collector=None, text="no room on the disk", code=255)
    assert (error.code, "no room on the disk" in error.message) == ("engine-failed", True)


def test_a_lock_that_the_engine_met_is_told_with_its_holder(engine: Engine, store: _Store) -> None:
    _lock(store, "elsewhere")
    error = engine._failure("s", collector=None, text="error: the stack is currently locked by 1", code=255)
    assert isinstance(error, BusyError)
    assert "ada on elsewhere" in error.message


def test_the_lock_of_another_host_is_told_with_where_it_lies(engine: Engine, store: _Store) -> None:
    where = _lock(store, "elsewhere")
    with pytest.raises(BusyError) as busy:
        engine.break_lock("s")
    assert where in busy.value.hint
    assert "next run takes over" not in busy.value.hint
