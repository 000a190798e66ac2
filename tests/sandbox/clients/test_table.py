"""The table of clients is whole: every type, every verb, and every call in the test that it names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tenantry.model.azure_types import TYPES
from tests.sandbox.clients.table import AZURE_CLI, CLI_TESTS, TABLE, Called, Never

_TESTS = Path(__file__).parents[1]
_CELLS = [(type_, verb, cell) for type_, row in TABLE.items() for verb, cell in row.cells().items()]
_CALLED = [(f"{type_} {verb}", cell) for type_, verb, cell in _CELLS if isinstance(cell, Called)]
_COMMANDS = sorted({command for row in TABLE.values() for command in row.cli.values()})


def test_every_type_of_an_instance_has_a_row_and_no_other() -> None:
    assert set(TABLE) == {one.arm_type for one in TYPES.values()}


def test_what_no_client_does_has_a_reason() -> None:
    reasons = {f"{type_} {verb}": cell.why for type_, verb, cell in _CELLS if isinstance(cell, Never)}
    assert all(len(why.split()) > 5 for why in reasons.values()), reasons


def test_every_type_is_read_and_listed_by_a_client() -> None:
    assert all(isinstance(one, Called) for row in TABLE.values() for one in (row.read, row.list))


@pytest.mark.parametrize("cell", [cell for _, cell in _CALLED], ids=[name for name, _ in _CALLED])
def test_the_test_that_a_cell_names_makes_its_call(cell: Called) -> None:
    file, _, name = cell.test.partition("::")
    calls, words, tests = _made(file, name)
    assert name in tests
    if cell.client == AZURE_CLI:
        assert cell.call in words
        return
    package, _, kind = cell.client.rpartition(".")
    source = _source(file)
    assert package in source
    assert kind in source
    group, _, method = cell.call.rpartition(".")
    assert method in calls
    assert not group or f".{group}" in source


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_azure_cli_runs_each_command_of_the_table(command: str) -> None:
    functions = _functions(CLI_TESTS)
    assert command in {word for one in functions.values() for word in _words(one)}


def _made(file: str, name: str) -> tuple[set[str], set[str], set[str]]:
    """What a test calls, itself or by the helpers of its file; its words; the tests of the file."""
    functions = _functions(file)
    tests = {one for one in functions if one.startswith("test_")}
    used = [node for one, node in functions.items() if one == name or one not in tests]
    return (
        {call for one in used for call in _calls(one)},
        {word for one in used for word in _words(one)},
        tests,
    )


@cache
def _source(file: str) -> str:
    return (_TESTS / file).read_text(encoding="utf-8")


@cache
def _functions(file: str) -> dict[str, ast.FunctionDef]:
    return {one.name: one for one in ast.walk(ast.parse(_source(file))) if isinstance(one, ast.FunctionDef)}


def _calls(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def _words(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)
