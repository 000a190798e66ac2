"""What was made to rehearse says so wherever it is told of, and is never taken for a real cloud's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tenantry.cli.app import app
from tenantry.cli.render import erasure, instances
from tenantry.cli.run import main_guard
from tenantry.cli.wiring import Wiring
from tenantry.journeys.residues import Kept
from tenantry.model.lifecycle import State
from tenantry.model.status import Asset
from tests.support.reference import undocumented
from tests.unit.cli.conftest import SPECS, Run

_FACTS = {"azure_suffix": "abc234", "azure_region": "westeurope", "region": "westeurope", "subscription": "s"}
_SANDBOX = {**_FACTS, "cloud": "sandbox", "rehearsal": "true"}
_REAL = {**_FACTS, "cloud": "public", "rehearsal": ""}
_REASON = ("--reason", "a test")


@pytest.fixture
def two(ready: Run, workspace: Path) -> Wiring:
    """A workspace of the public cloud with an instance there, kenya, and one that was rehearsed, benin."""
    (workspace / "instances").mkdir(exist_ok=True)
    wiring = Wiring(workspace)
    for name, facts in (("benin", _SANDBOX), ("kenya", _REAL)):
        text = SPECS["azure"].replace("benin", name)
        (workspace / "instances" / f"{name}.yaml").write_text(text, encoding="utf-8")
        wiring.adder(*wiring.spec(name))()
        wiring.register.update(name, facts=facts, state=State.ACTIVE, version="1.0.0")
    return wiring


def _text(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main_guard(app, [*words, "--output", "table"]) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("two", "nothing_asked")
def test_list_and_show_mark_a_rehearsal_and_nothing_else(
    ready: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, answer = ready("instance", "list")
    assert undocumented("instance list", answer["data"]) == set()
    assert {one["name"]: one["rehearsal"] for one in answer["data"]["instances"]} == {
        "benin": True,
        "kenya": False,
    }
    monkeypatch.setenv("COLUMNS", "80")
    head, benin, kenya, *rest = _text(capsys, "instance", "list").splitlines()
    assert [("REHEARSAL" in line, len(line) <= 80) for line in (head, benin, kenya)] == [
        (False, True), (True, True), (False, True),
    ]  # fmt: skip
    assert "in no real cloud" in rest[-1]
    shown = ready("instance", "show", "benin")[1]["data"]
    assert undocumented("instance show", shown) == set()
    assert (shown["cloud"], shown["rehearsal"]) == ("sandbox", True)
    assert "REHEARSAL" in _text(capsys, "instance", "show", "benin")
    real = _text(capsys, "instance", "show", "kenya")
    assert "REHEARSAL" not in real
    assert "public" in real


@pytest.mark.usefixtures("nothing_asked")
@pytest.mark.parametrize(
    "command",
    [
        ("instance", "deploy", "benin", *_REASON),
        ("instance", "preview", "benin"),
        ("instance", "health", "benin"),
        ("instance", "drift", "benin"),
        ("instance", "suspend", "benin", *_REASON),
        ("instance", "logs", "benin", *_REASON),
        ("backup", "create", "benin", *_REASON),
        ("backup", "list", "benin"),
        ("erase", "run", "benin"),
        ("erase", "run", "benin", "--confirm", "benin", *_REASON),
        ("spec", "validate", "benin"),
    ],
    ids=lambda words: " ".join(words[:4]),
)
def test_it_is_refused_in_a_workspace_of_another_cloud_before_any_effect(
    ready: Run, two: Wiring, command: tuple[str, ...]
) -> None:
    before = two.register.find("benin"), len(two.register.journal())
    code, answer = ready(*command)
    assert (code, [one["code"] for one in answer["problems"]]) == (77, ["cloud-changed"])
    assert "cloud: sandbox" in answer["problems"][0]["hint"]
    assert (two.register.find("benin"), len(two.register.journal())) == before
    assert not two.register.operations()


def test_its_residues_are_not_looked_for_in_another_cloud_and_tick_tells_that(
    ready: Run, two: Wiring
) -> None:
    for state in (State.CLOSING, State.ERASING, State.ERASED):
        two.register.update("benin", state=state)
    code, answer = ready("tick")
    assert (code, answer["data"]["erased"]) == (0, [])
    assert [one["code"] for one in answer["problems"]] == ["cloud-changed"]
    assert ready("erase", "status", "benin")[0] == 77


def test_results_of_a_rehearsal_say_so(two: Wiring) -> None:
    row = {
        "name": "benin",
        "outcome": "done",
        "state": "active",
        "health": "healthy",
        "url": "https://x",
        "seconds": 1.0,
        "why": "",
    }
    assert "benin: REHEARSAL" in instances.deployed({"instances": [{**row, "rehearsal": True}]})
    assert "REHEARSAL" not in instances.deployed({"instances": [{**row, "rehearsal": False}]})
    benin = two.register.find("benin")
    assert benin is not None
    kept = Kept(instance=benin, residues=[], seen_at=datetime(2026, 11, 1, tzinfo=UTC))
    status = {
        "name": "benin",
        "rehearsal": kept.instance.rehearsal,
        "deleted_at": kept.seen_at,
        "recoverable_until": None,
        "nothing_recoverable": True,
        "seen_at": kept.seen_at,
        "residues": [],
    }
    assert "REHEARSAL" in erasure.status(status)
    asset = Asset(id="a:b", type="a")
    would = {"name": "benin", "client": "c", "would_erase": [{"id": asset.id, "type": "a", "detail": ""}]}
    assert "REHEARSAL" in erasure.erased({**would, "rehearsal": True})
    assert "REHEARSAL" not in erasure.erased({**would, "rehearsal": False})


@pytest.mark.usefixtures("nothing_asked")
def test_a_look_at_all_tells_it_as_one_that_cannot_be_looked_at(ready: Run, two: Wiring) -> None:
    two.register.update("kenya", state=State.CLOSING)  # and so is not looked at
    code, answer = ready("instance", "health")
    (row,) = answer["data"]["instances"]
    assert (code, undocumented("instance health", answer["data"])) == (1, set())
    assert (row["name"], row["health"], row["rehearsal"]) == ("benin", "unknown", True)
    assert "was made in the cloud sandbox" in row["problem"]["message"]
    assert [one["code"] for one in answer["problems"]] == ["cloud-changed"]
