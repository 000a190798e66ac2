"""Which file of a spec is told as what an erased instance left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.adapters.clock import SystemClock
from tenantry.adapters.register import SqlRegister, open_register
from tenantry.model.lifecycle import State
from tenantry.model.names import new_opaque_name
from tenantry.ports import Instance
from tenantry.targets import kept_files
from tests.journeys.sweep import spec_and_profile

_SPEC, _ = spec_and_profile()


@pytest.fixture
def register(tmp_path: Path) -> Iterator[SqlRegister]:
    found = open_register(f"sqlite:///{tmp_path}/register.db", host="one", clock=SystemClock())
    yield found
    found.close()


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """The file that has the name's spec, or had it."""
    made = tmp_path / f"{_SPEC.name}.yaml"
    made.touch()
    return made


def _added(register: SqlRegister) -> Instance:
    url = f"https://{_SPEC.hostname}"
    return register.add(spec=_SPEC, opaque=new_opaque_name(), url=url, ports=["web"], with_uid=False)


def _erased(register: SqlRegister) -> Instance:
    opaque = _added(register).opaque
    for state in (State.ERASING, State.ERASED):
        erased = register.update(opaque, state=state)
    return erased


def _told(instance: Instance, spec: Path, register: SqlRegister) -> list[str]:
    return [one.where for one in kept_files.of_spec(instance, specs=spec.parent, register=register)]


def test_the_spec_of_an_erased_instance_is_told_until_a_person_removes_it(
    register: SqlRegister, spec: Path
) -> None:
    erased = _erased(register)
    assert _told(erased, spec, register) == [str(spec)]
    spec.unlink()
    assert _told(erased, spec, register) == []


def test_the_spec_of_an_instance_that_is_being_erased_is_told(register: SqlRegister, spec: Path) -> None:
    erasing = register.update(_added(register).opaque, state=State.ERASING)
    assert _told(erasing, spec, register) == [str(spec)]


def test_the_spec_of_another_instance_that_has_the_name_now_is_never_told_to_be_removed(
    register: SqlRegister, spec: Path
) -> None:
    erased = _erased(register)
    living = _added(register)
    assert living.name == erased.name
    assert _told(erased, spec, register) == []
    for state in (State.ERASING, State.ERASED):
        living = register.update(living.opaque, state=state)
    assert _told(erased, spec, register) == _told(living, spec, register) == [str(spec)]
