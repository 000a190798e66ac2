"""The table of clients is whole: every type, every verb, and every call in the test that it names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tenantry.model.azure_types import TYPES
from tenantry.sandbox.styles import spellings
from tests.sandbox.clients.table import (
    ASIDE,
    AZURE_CLI,
    BESIDE,
    CLI_TESTS,
    DATA,
    PSQL,
    TABLE,
    Called,
    Never,
)

_TESTS = Path(__file__).parents[1]
_ROWS = {**TABLE, **DATA}
_CELLS = [(type_, verb, cell) for type_, row in _ROWS.items() for verb, cell in row.cells().items()]
_CALLED = [(f"{type_} {verb}", cell) for type_, verb, cell in _CELLS if isinstance(cell, Called)]
_COMMANDS = sorted({command for row in TABLE.values() for command in row.cli.values()})


def test_every_type_of_an_instance_has_a_row_and_no_other() -> None:
    assert set(TABLE) == {one.arm_type for one in TYPES.values()} | set(BESIDE)


def test_every_type_of_the_sandbox_has_a_row_or_a_reason_to_have_none() -> None:
    rows, aside = ({one.lower() for one in table} for table in (TABLE, ASIDE))
    assert {one.lower() for one in spellings()} - rows == aside


def test_what_lies_in_a_resource_has_a_row() -> None:
    assert set(DATA) == {"blob", "secret", "key", "token", "row"}
    assert set(DATA) & set(TABLE) == set()


def test_no_row_and_no_cell_is_empty() -> None:
    does = {
        name: [cell for cell in row.cells().values() if isinstance(cell, Called)]
        for name, row in _ROWS.items()
    }
    assert [name for name, cells in does.items() if not cells] == []
    assert [name for name, cells in does.items() if not all(one.client and one.call for one in cells)] == []


def test_what_no_client_does_has_a_reason() -> None:
    reasons = {f"{type_} {verb}": cell.why for type_, verb, cell in _CELLS if isinstance(cell, Never)}
    assert all(len(why.split()) > 5 for why in reasons.values()), reasons


def test_every_type_is_read_and_listed_by_a_client() -> None:
    assert all(isinstance(one, Called) for row in TABLE.values() for one in (row.read, row.list))


@pytest.mark.parametrize("cell", [cell for _, cell in _CALLED], ids=[name for name, _ in _CALLED])
def test_the_test_that_a_cell_names_makes_its_call(cell: Called) -> None:
    file, _, name = cell.test.partition("::")
    assert name.startswith("test_")
    reached = _reached(file, name)
    if cell.client == AZURE_CLI:
        assert cell.call in {word for one in reached for word in _commands(one)}
        return
    if cell.client == PSQL:
        assert any(one.startswith(f"{cell.call} ") for each in reached for one in _statements(each))
        return
    package, _, kind = cell.client.rpartition(".")
    source = _source(file)
    assert package in source
    assert kind in source
    group, _, method = cell.call.rpartition(".")
    calls = {call for one in reached for call in _calls(one)}
    assert (group, method) in calls if group else method in {called for _, called in calls}


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_azure_cli_runs_each_command_of_the_table(command: str) -> None:
    tests = [one for one in _functions(CLI_TESTS) if one.startswith("test_")]
    reached = (function for one in tests for function in _reached(CLI_TESTS, one))
    assert command in {word for one in reached for word in _commands(one)}


def test_only_what_is_called_by_the_test_itself_or_what_it_uses_counts() -> None:
    calls = {call for one in _reached("test_postgres_clients.py", _A_BACKUP) for call in _calls(one)}
    assert ("backups_automatic_and_on_demand", "begin_create") in calls
    assert ("databases", "begin_create") not in calls, "another test of the file does"


_A_BACKUP = "test_a_backup_is_made_listed_and_deleted"


def _reached(file: str, name: str) -> list[ast.FunctionDef]:
    """A test, with the fixtures and helpers of its file that it uses, and what those use."""
    functions = _functions(file)
    reached, waiting = {name: functions[name]}, [functions[name]]
    while waiting:
        for used in _used(waiting.pop()):
            if used in functions and used not in reached and not used.startswith("test_"):
                reached[used] = functions[used]
                waiting.append(functions[used])
    return list(reached.values())


def _used(function: ast.FunctionDef) -> Iterator[str]:
    yield from (one.arg for one in function.args.args)
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


@cache
def _source(file: str) -> str:
    return (_TESTS / file).read_text(encoding="utf-8")


@cache
def _functions(file: str) -> dict[str, ast.FunctionDef]:
    return {one.name: one for one in ast.walk(ast.parse(_source(file))) if isinstance(one, ast.FunctionDef)}


def _calls(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Yield of what and which: the group of a client, and its method."""
    known = dict(_named(function))
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield known.get(last := _last(node.func.value), last), node.func.attr


def _named(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Yield the names that a function gives to groups: ``rules = client.firewall_rules``."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=True) if both else [(target, value)]  # type: ignore[attr-defined]
            for one, what in pairs:
                if isinstance(one, ast.Name) and isinstance(what, ast.Attribute):
                    yield one.id, what.attr


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _commands(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the commands that a function has the Azure CLI run."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _last(node.func) == "az" and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)


def _statements(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the SQL that a function has psql run."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _last(node.func) == "psql":
            yield from (str(one.value) for one in node.args if isinstance(one, ast.Constant))
