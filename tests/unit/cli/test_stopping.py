from __future__ import annotations

import json
import os
import sys

import pytest

from tenantry.cli import run
from tenantry.cli.options import Output
from tenantry.errors import Problem, StoppedError
from tenantry.result import Result


def test_whoever_stops_at_once_is_told_what_that_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> Result:
        raise StoppedError([Problem(code="way-in-open", message="it may still be open", hint="close it")])

    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit) as left:
        run.execute("instance exec", output=Output.JSON, work=work, table=lambda _: "")
    told = json.loads(capsys.readouterr().out)
    assert left.value.code == 130
    assert [one["code"] for one in told["problems"]] == ["way-in-open", "interrupted"]
    assert told["problems"][0]["hint"] == "close it"
