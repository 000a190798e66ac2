from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.errors import SpecError
from tools.azure_smoke.__main__ import Refused, allowed_seconds, main
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
