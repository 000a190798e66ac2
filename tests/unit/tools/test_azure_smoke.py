from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenantry.errors import SpecError
from tests.support.command_line import command_of
from tools.azure_smoke import __main__ as program
from tools.azure_smoke.__main__ import Refused, Smoke, allowed_seconds, main
from tools.azure_smoke.answers import differences, shape


def test_a_shape_has_paths_and_types_and_no_name_that_somebody_chose() -> None:
    body = {
        "id": "/subscriptions/1/resourceGroups/rg-kenya",
        "tags": {"client": "kenya"},
        "properties": {"provisioningState": "Succeeded", "size": 3, "rules": [{"value": "203.0.113.7"}]},
        "identity": {"userAssignedIdentities": {"/subscriptions/1/id-kenya": {"clientId": "x"}}},
    }
    assert shape(body) == {
        "id": "str",
        "properties.provisioningState": "str = Succeeded",
        "properties.rules[].value": "str",
        "properties.size": "int",
    }


def test_what_only_one_record_has_and_what_differs_are_told() -> None:
    ours = {"A": {"x": "str", "state": "str = Ready"}, "B": {"y": "int"}}
    theirs = {"A": {"z": "str", "state": "str = Running"}}
    assert list(differences(ours, theirs)) == [
        "B: only in this record",
        "A x: only in this record",
        "A z: only in the other",
        "A state: str = Ready here, str = Running there",
    ]


def test_the_same_shapes_have_no_difference() -> None:
    assert differences({"A": {"x": "str"}}, {"A": {"x": "str"}}) == []


def test_the_cap_buys_time_of_which_the_erasure_has_its_part() -> None:
    assert allowed_seconds("5", "0.50") == pytest.approx(9.5 * 3600)


@pytest.mark.parametrize(("cap", "hourly"), [("", "1"), ("5", ""), ("5", "0"), ("0.1", "1"), ("5", "-1")])
def test_without_figures_that_leave_time_nothing_starts(cap: str, hourly: str) -> None:
    with pytest.raises(Refused):
        allowed_seconds(cap, hourly)


def test_a_folder_that_is_no_workspace_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main({"WORKSPACE": str(tmp_path)}) == SpecError.exit_code
    assert "not started" in capsys.readouterr().err


_LIFE = [
    *("instance new", "instance preview", "instance deploy", "instance list", "instance show"),
    *("instance health", "instance drift", "instance logs", "credentials list", "credentials show"),
    *("instance suspend", "instance resume", "backup create", "backup list"),
]
_END = ["erase run", "erase status", "tick"]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a program in tenantry's place, which fails at the command in its file ``fail``."""
    fake = tmp_path / "tenantry"
    fake.write_text(
        '#!/bin/sh\n[ "$1 $2" = "$(cat "${0%/*}/fail" 2>/dev/null)" ] && exit 1\n'
        '[ "$1 $2" = "credentials show" ] && echo s3cr3t-of-the-workload\nexit 0\n'
    )
    fake.chmod(0o755)
    monkeypatch.setattr(program, "_TENANTRY", fake)
    monkeypatch.setattr(program, "_allowed", lambda workspace, settings: None)
    monkeypatch.setattr(Smoke, "answers", lambda smoke: {})
    return tmp_path


def _commands(workspace: Path) -> tuple[list[str], str]:
    """Return the commands of the one record, each as the command line takes it, and its text."""
    (record,) = (workspace / "azure-smoke").glob("*/record.json")
    text = record.read_text()
    return [command_of(one["command"]) for one in json.loads(text)["steps"]], text


def test_the_whole_life_is_gone_through_and_no_secret_is_printed_or_kept(
    installed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main({"WORKSPACE": str(installed)}) == 0
    commands, text = _commands(installed)
    assert commands == [*_LIFE, *_END]
    printed = "".join(capfd.readouterr())
    assert "credentials show" in printed
    assert "s3cr3t" not in printed + text


@pytest.mark.parametrize("failing", ["instance deploy", "credentials show", "backup list"])
def test_what_fails_on_the_way_ends_in_an_erasure_all_the_same(installed: Path, failing: str) -> None:
    (installed / "fail").write_text(failing)
    assert main({"WORKSPACE": str(installed)}) == 1
    commands, _ = _commands(installed)
    assert commands == [*_LIFE[: _LIFE.index(failing) + 1], *_END]


def test_an_erasure_that_fails_is_told_with_the_command_that_is_left_to_do(
    installed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (installed / "fail").write_text("erase run")
    assert main({"WORKSPACE": str(installed)}) == 1
    assert "NOT ERASED, do it now: tenantry erase run smoke-" in capfd.readouterr().err
    assert _commands(installed)[0][-1] == "erase run"
