"""Every command answers with the documented envelope, and the page documents every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tenantry.cli.app import app
from tests.support.reference import documented_keys, undocumented
from tests.unit.cli.conftest import SPEC, Run

# Their standard output is the command's that is run, and the blob's.
WITHOUT_JSON = {"instance exec", "blob read"}
ENVELOPE = ["tenantry", "command", "status", "data", "problems"]


def _commands() -> Iterator[str]:
    top: Any = typer.main.get_command(app)
    for name, command in top.commands.items():
        verbs = getattr(command, "commands", None)
        yield from [name] if verbs is None else (f"{name} {verb}" for verb in verbs)


COMMANDS = frozenset(_commands())


def test_the_page_documents_every_command_and_no_other() -> None:
    assert set(documented_keys()) == COMMANDS - WITHOUT_JSON


@pytest.mark.parametrize("name", sorted(COMMANDS - WITHOUT_JSON))
def test_a_usage_error_is_an_envelope_too(run: Run, name: str) -> None:
    code, answer = run(*name.split(), "--no-such-option")
    assert code == 2
    assert list(answer) == ENVELOPE
    assert (answer["tenantry"], answer["command"], answer["status"]) == (1, name, "error")
    assert (answer["data"], [sorted(one) for one in answer["problems"]]) == (
        {},
        [["code", "hint", "message", "where"]],
    )


@pytest.mark.parametrize(
    "name",
    ["instance show", "instance preview", "instance drift", "instance suspend", "instance resume",
     "instance deploy", "instance health", "credentials list", "backup list", "backup create", "erase run"],
)  # fmt: skip
def test_an_instance_that_is_not_there_is_an_error_with_a_hint(ready: Run, name: str) -> None:
    code, answer = ready(*name.split(), "benin")
    assert (code, answer["status"], answer["data"]) == (65, "error", {})
    assert answer["problems"][0]["hint"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["spec", "validate"],
        ["profile", "list"],
        ["profile", "validate", "registrations"],
        ["region", "list", "--country", "KE"],
        ["region", "show", "westeurope"],
        ["instance", "list"],
        ["operation", "list"],
        ["journal", "show"],
        ["journal", "verify"],
        ["host", "status"],
    ],
    ids=" ".join,
)
def test_the_data_has_the_documented_keys(ready: Run, workspace: Path, arguments: list[str]) -> None:
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    _, answer = ready(*arguments)
    name = " ".join(arguments[: 1 if arguments == ["doctor"] else 2])
    assert answer["status"] in ("ok", "no")
    assert undocumented(name, answer["data"]) == set()


@pytest.mark.parametrize("name", ["", *sorted(COMMANDS)])
def test_a_page_of_help_fits_into_80_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = CliRunner().invoke(app, [*name.split(), "--help"])
    assert told.exit_code == 0
    assert [line for line in told.output.splitlines() if len(line) > 80] == []


def test_init_answers_with_the_documented_keys(run: Run) -> None:
    code, answer = run("init")
    assert (code, undocumented("init", answer["data"])) == (0, set())


def test_instance_new_answers_with_the_documented_keys(ready: Run) -> None:
    options = ["--client", "Red Cross", "--country", "BJ", "--contact", "it@example.org"]
    options += ["--hostname", "benin.example.org", "--profile", "registrations"]
    code, answer = ready("instance", "new", "benin", *options)
    assert (code, undocumented("instance new", answer["data"])) == (0, set())


@pytest.mark.parametrize(
    "arguments", [["spec", "schema", "profile"], ["spec", "schema"], ["profile", "schema"]]
)
def test_a_schema_is_the_data_itself(run: Run, arguments: list[str]) -> None:
    code, answer = run(*arguments)
    assert (code, answer["data"]["$schema"]) == (0, "https://json-schema.org/draft/2020-12/schema")
