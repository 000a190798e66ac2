"""What is done to an instance that was made to rehearse says so in the journal, line by line."""

from __future__ import annotations

from tenantry.journeys.back_up import back_up
from tenantry.journeys.deploy import deploy
from tenantry.journeys.erase import erase
from tenantry.journeys.residues import tick
from tenantry.journeys.services import Services
from tenantry.journeys.suspend import resume, suspend
from tenantry.model.names import new_opaque_name
from tenantry.ports import Instance
from tests.journeys.sweep import spec_and_profile


def _live(services: Services, facts: dict[str, str]) -> list[str]:
    """Take an instance through its life; return the texts of the journal after its first deploy."""
    spec, profile = spec_and_profile()
    register = services.register

    def add() -> Instance:
        return register.add(spec=spec, opaque=new_opaque_name(), url="", ports=(), with_uid=False)

    def now() -> Instance:
        found = register.find(spec.name)
        assert found is not None
        return found

    deploy(spec, profile, services=services, add=add, digest="d")
    register.update(spec.name, facts={**now().facts, **facts})
    first = len(register.journal())
    deploy(spec, profile, services=services, add=add, digest="d")
    for journey in (back_up, suspend, resume, erase):
        journey(now(), services=services, reason="a test")
    tick(services=services)
    return [one.text or "" for one in register.journal()[first:] if one.kind in {"intent", "evidence"}]


_TOLD = ("deploy ", "conditions: ", "backup of ", "suspend the", "resume the", "erase: ", "residues: ")


def test_every_journey_marks_what_it_does_to_a_rehearsal(services: Services) -> None:
    texts = _live(services, {"rehearsal": "true"})
    for start in _TOLD:
        found = [text for text in texts if text.removeprefix("REHEARSAL: ").startswith(start)]
        assert found, start
        assert all(text.startswith("REHEARSAL: ") for text in found)
    assert any(text.startswith("REHEARSAL: ") and "absent=True" in text for text in texts)
    assert not any("absent=" in text for text in texts if not text.startswith("REHEARSAL: "))


def test_nothing_else_is_marked(services: Services) -> None:
    assert not any("REHEARSAL" in text for text in _live(services, {}))
