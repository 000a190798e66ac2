"""What to know of a spec that stops nothing is told with it, by validation, preview and deploy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tenantry.cli import deploying
from tenantry.cli.app import app
from tenantry.cli.run import main_guard
from tenantry.model.status import Condition, Truth
from tenantry.ports import Instance
from tests.support.instances import recorded
from tests.unit.cli.conftest import SPECS, Run

_STANDBY = ["no-standby"]


@pytest.fixture
def spec(workspace: Path) -> Path:
    """A spec for the region of the default, which refuses new standbys."""
    file = workspace / "instances" / "benin.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(SPECS["azure"])
    return file


def _codes(answer: dict[str, Any]) -> list[str]:
    return [one["code"] for one in answer["problems"]]


def test_validation_tells_that_there_will_be_no_standby_and_calls_the_spec_valid(
    ready: Run, spec: Path
) -> None:
    code, answer = ready("spec", "validate")
    assert (code, answer["status"], _codes(answer)) == (0, "ok", _STANDBY)
    assert answer["data"]["specs"] == [{"name": "benin", "valid": True, "problems": 0, "warnings": 1}]
    (told,) = answer["problems"]
    assert "westeurope" in told["message"]
    assert told["where"].startswith("instances/benin.yaml")


def test_people_read_it_as_a_warning(ready: Run, spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_guard(app, ["spec", "validate", "benin"]) == 0
    assert "warning: the database gets no standby" in capsys.readouterr().err


@pytest.mark.parametrize("asked", ["{zone_redundancy: off}", "{region: southafricanorth}"])
def test_a_spec_that_wants_none_or_gets_one_has_nothing_to_know(ready: Run, spec: Path, asked: str) -> None:
    spec.write_text(f"{SPECS['azure']}azure: {asked}\n")
    _, answer = ready("spec", "validate")
    assert (answer["status"], answer["problems"]) == ("ok", [])


def test_preview_and_deploy_tell_it_with_what_they_found(
    ready: Run, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object, **__: object) -> list[object]:
        return []

    def deployed(*_: object, **__: object) -> tuple[Instance, list[Condition]]:
        at = datetime(2026, 11, 1, tzinfo=UTC)
        return recorded(name="benin"), [
            Condition(type="Well", status=Truth.TRUE, reason="Is", message="", at=at)
        ]

    monkeypatch.setattr(deploying, "preview", nothing)
    monkeypatch.setattr(deploying, "deploy", deployed)
    _, preview = ready("instance", "preview", "benin")
    _, deploy = ready("instance", "deploy", "benin")
    assert (preview["status"], _codes(preview)) == ("ok", _STANDBY)
    assert _codes(deploy) == _STANDBY
