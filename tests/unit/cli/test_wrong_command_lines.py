"""A wrong command line is exit code 2 and a sentence, in the form that was asked for."""

from __future__ import annotations

import json

import pytest

from tenantry.cli.app import app
from tenantry.cli.run import main_guard

_WRONG = {
    "no such command": ["instance", "nosuch"],
    "no such option": ["instance", "show", "benin", "--foo"],
    "a missing argument": ["instance", "show"],
    "a missing option": ["credentials", "show", "benin", "X"],
    "a number out of range": ["instance", "deploy", "benin", "--jobs", "0"],
    "nothing that is done to records": ["sandbox", "dns", "change", "benin.example.org", "TXT", "x"],
    "a record without a value": ["sandbox", "dns", "add", "benin.example.org", "CNAME"],
    "a record of no type that is looked at": ["sandbox", "dns", "add", "benin.example.org", "A", "127.0.0.1"],
    "a record of no host name": ["sandbox", "dns", "add", "https://benin.example.org", "TXT", "x"],
    "a record that leads nowhere": ["sandbox", "dns", "add", "benin.example.org", "CNAME", "not a host"],
    "no choice of the list": ["instance", "list", "--output", "xml"],
}


@pytest.mark.parametrize("arguments", _WRONG.values(), ids=_WRONG)
def test_a_wrong_command_line_exits_2_and_says_where_help_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_guard(app, arguments) == 2
    told = capsys.readouterr()
    assert (told.out, "--help" in told.err, "Traceback" in told.err) == ("", True, False)


def test_a_wrong_command_line_with_json_output_is_an_envelope(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_guard(app, ["instance", "show", "benin", "--foo", "--output", "json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert (answer["command"], answer["problems"][0]["code"]) == ("instance show", "usage")


@pytest.mark.parametrize("arguments", [[], ["instance"]], ids=["nothing", "a noun alone"])
def test_an_unfinished_command_line_shows_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_guard(app, arguments) == 2
    assert "Commands:" in capsys.readouterr().err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_guard(app, ["--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out
