from __future__ import annotations

from tools.cli_reference import PAGE, commands, reference


def test_the_page_is_what_the_commands_say() -> None:
    # When it differs: .venv/bin/python -m tools.cli_reference
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_command_has_an_example() -> None:
    assert [path for path, command in commands() if "Example" not in (command.help or "")] == []


def test_every_option_and_argument_says_what_it_means() -> None:
    silent = [
        f"{path} {parameter.name}"
        for path, command in commands()
        for parameter in command.params
        if not parameter.help and parameter.name != "help"
    ]
    assert silent == []
