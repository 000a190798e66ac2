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
    "a record that leads to itself": ["sandbox", "dns", "add", "b.example.org", "cname", "B.example.org."],
    "a record with a long name": ["sandbox", "dns", "add", f"{'a.' * 150}example.org", "TXT", "x"],
    "a record with a break in its name": ["sandbox", "dns", "add", "a\n.example.org", "TXT", "x"],
    "a record with an escape sequence": ["sandbox", "dns", "add", "\x1b[2J.example.org", "TXT", "x"],
    "a record of a strange type": ["sandbox", "dns", "remove", "benin.example.org", "\x1b[2J"],
    "a strange thing that is done to records": ["sandbox", "dns", "\x1b[2J"],
    "a record without text": ["sandbox", "dns", "add", "benin.example.org", "TXT", ""],
    "a record with two lines of text": ["sandbox", "dns", "add", "benin.example.org", "TXT", "a\nb"],
    "a record with too much text": ["sandbox", "dns", "add", "benin.example.org", "TXT", "x" * 4097],
    "more than a list of records needs": ["sandbox", "dns", "list", "x"],
    "no choice of the list": ["instance", "list", "--output", "xml"],
}


@pytest.mark.parametrize("arguments", _WRONG.values(), ids=_WRONG)
def test_a_wrong_command_line_exits_2_and_says_where_help_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_guard(app, arguments) == 2
    told = capsys.readouterr()
    assert (told.out, "--help" in told.err, "Traceback" in told.err) == ("", True, False)
    assert [len(line) < 200 and line.isprintable() for line in told.err.splitlines()] == [True, True]


def test_a_list_of_records_needs_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    main_guard(app, ["sandbox", "dns", "list", "x"])
    assert "list needs nothing more" in capsys.readouterr().err


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
