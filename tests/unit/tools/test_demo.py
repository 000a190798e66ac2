"""The commands that the stories of ``make demo`` give are ones that the command line takes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import command_of
from tools.demo import azure, host, kit

_STORIES = {module.__name__.rpartition(".")[2]: str(module.__file__) for module in (azure, host, kit)}


def _words(arguments: list[ast.expr]) -> Iterator[str]:
    """Yield the words of a command; one that is known only when it runs is "any"."""
    for one in arguments:
        if isinstance(one, ast.Starred):
            assert isinstance(one.value, ast.Tuple), ast.unparse(one)
            yield from _words(one.value.elts)
        else:
            yield str(one.value) if isinstance(one, ast.Constant) else "any"


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Yield where each command of tenantry stands, and its words."""
    for story, path in _STORIES.items():
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr == "ask":
                yield f"{story}:{node.lineno}", [*_words(node.args), "--output", "json"]
            elif node.func.attr == "run" and _is_whole(node.args):
                first, *words = _words(node.args)
                if first == "tenantry":
                    yield f"{story}:{node.lineno}", words


def _is_whole(arguments: list[ast.expr]) -> bool:
    """Say whether the words stand there, not in a variable, as in what the stories share."""
    return all(not isinstance(one, ast.Starred) or isinstance(one.value, ast.Tuple) for one in arguments)


_ALL = dict(_commands())


@pytest.mark.parametrize("place", _ALL)
def test_a_command_of_the_demo_is_taken_by_the_command_line(place: str) -> None:
    words = _ALL[place]
    assert " ".join(words).startswith(command_of(words))


@pytest.mark.parametrize(
    ("story", "life"),
    [
        ("host", {"init", "doctor", "instance new", "instance deploy", "backup create", "erase run"}),
        ("azure", {"init", "sandbox start", "instance deploy", "erase run", "sandbox faults", "tick"}),
    ],
)
def test_a_story_goes_from_the_first_command_of_a_life_to_its_last(story: str, life: set[str]) -> None:
    assert {command_of(words) for place, words in _ALL.items() if place.startswith(story)} >= life


@pytest.mark.parametrize(
    "words", [["instance", "deploy", "kenya", "--until", "x"], ["erase", "undo", "kenya"]]
)
def test_what_the_command_line_does_not_know_is_refused(words: list[str]) -> None:
    """A control: parsing tells."""
    with pytest.raises(Exception, match=r"No such (option|command)"):
        command_of(words)
