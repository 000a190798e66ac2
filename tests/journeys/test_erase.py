"""When an erasure refuses, and what it records, on a target in memory."""

from __future__ import annotations

import pytest

from tenantry.errors import FailedError
from tenantry.journeys.deploy import deploy
from tenantry.journeys.erase import erase
from tenantry.journeys.residues import look
from tenantry.journeys.services import Services
from tenantry.journeys.suspend import resume, suspend
from tenantry.model.lifecycle import State
from tenantry.model.names import new_opaque_name
from tenantry.model.status import EraseMethod
from tenantry.ports import Event, Instance, OnEvent
from tests.journeys.sweep import spec_and_profile
from tests.support.memory_target import World


def _deploy(services: Services) -> Instance:
    spec, profile = spec_and_profile()

    def add() -> Instance:
        return services.register.add(spec=spec, opaque=new_opaque_name(), url="", ports=(), with_uid=False)

    deploy(spec, profile, services=services, add=add, digest="d")
    return _now(services)


def _now(services: Services) -> Instance:
    found = services.register.find(spec_and_profile()[0].name)
    assert found is not None
    return found


@pytest.mark.parametrize("suspended", [False, True], ids=["active", "suspended"])
def test_an_instance_whose_erasure_is_refused_lives_on_as_it_was(
    services: Services, world: World, *, suspended: bool
) -> None:
    instance = _deploy(services)
    if suspended:
        suspend(instance, services=services, reason="a test")
    before, there = _now(services).state, world.all()
    world.put(f"theirs:{instance.opaque}", "somebody's")
    with pytest.raises(FailedError, match="is not the instance's") as refused:
        erase(_now(services), services=services, reason="a test")
    assert (refused.value.problems[0].code, _now(services).state) == ("foreign-resource", before)
    assert services.register.operations()[0].outcome == "failed"
    world.remove(f"theirs:{instance.opaque}")
    assert world.all() == there, "nothing was touched"
    journey = resume if suspended else suspend
    journey(_now(services), services=services, reason="a test")
    assert erase(_now(services), services=services, reason="a test")[0] is True
    assert _now(services).state is State.ERASED


def test_what_a_step_says_is_to_be_recorded_is_in_the_journal_before_it_is_done_and_other_progress_never(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = _deploy(services)
    before: list[str] = []

    def lift(tell: OnEvent) -> None:
        tell(Event(text="lift the lock of the server", recorded=True))
        before.extend(one.text or "" for one in services.register.journal(instance.name))
        tell(Event(text="waiting for the server"))

    steps = [("lift the locks", EraseMethod.CLEAR, lift), *services.target.erase_steps(instance)]
    monkeypatch.setattr(services.target, "erase_steps", lambda _: steps)
    erase(instance, services=services, reason="a test")
    assert before[-1].endswith("erase: lift the lock of the server")
    texts = [one.text or "" for one in services.register.journal(instance.name)]
    assert not [one for one in texts if "waiting for the server" in one]


def test_an_instance_is_erased_at_the_time_of_the_place_where_it_lived(services: Services) -> None:
    instance = _deploy(services)
    erase(instance, services=services, reason="a test")
    assert _now(services).erased_at == services.target.now(instance) != services.clock.now()
    assert look(instance.name, services=services).seen_at == _now(services).erased_at
