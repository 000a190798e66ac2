"""Writes the generated pages of docs/reference: ``python -m tools.cli_reference``.

The page of the command line is made here, from the commands; those of the file
formats by ``tenantry.config.schema``. They depend on nothing else: no terminal
width, no machine, no environment. Tests compare them, so they cannot grow stale.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from tenantry.cli.app import app
from tenantry.config.schema import SCHEMAS
from tenantry.config.schema import reference as format_reference

__all__ = ["PAGE", "commands", "main", "reference"]

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "cli.md"

_HEAD = """\
# The command line

Made from the commands by `python -m tools.cli_reference`; do not edit it by hand.

`tenantry NOUN VERB`. The workspace is `--workspace DIR`, else `TENANTRY_WORKSPACE`, else the current folder.
Standard output carries the result alone; progress and problems of a table go to standard error.
[Exit codes](exit-codes.md) and the [JSON envelope](json.md) are the same for all commands.
"""


def main() -> None:
    """Write the pages."""
    PAGE.write_text(reference(), encoding="utf-8")
    for name in SCHEMAS:
        PAGE.with_name(f"{name}.md").write_text(format_reference(name), encoding="utf-8")


def reference() -> str:
    """Return the page as Markdown."""
    found = list(commands())
    contents = "\n".join(f"- [`{path}`](#{path.replace(' ', '-')}): {_summary(one)}" for path, one in found)
    return "\n".join([_HEAD, contents, "", *(_section(path, one) for path, one in found)])


def commands() -> Iterator[tuple[str, Any]]:
    """Yield path and command of every command that does something, in the order of the help."""
    yield from _below("tenantry", typer.main.get_command(app))


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        yield path, command
        return
    for name in command.list_commands(typer.Context(command)):
        child = command.get_command(typer.Context(command), name)
        if not child.hidden:
            yield from _below(f"{path} {name}", child)


def _section(path: str, command: Any) -> str:
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option" and one.name != "help"]
    usage = " ".join([path, "[OPTIONS]", *map(_argument, arguments)])
    parts = [f"## {path}", _help(command), f"Usage:\n\n    {usage}"]
    if arguments:
        parts.append(_table("Argument", [(f"`{_argument(one)}`", _text(one)) for one in arguments]))
    if options:
        parts.append(_table("Option", [(_option(one), _text(one)) for one in options]))
    return "\n\n".join(parts) + "\n"


def _summary(command: Any) -> str:
    return " ".join(_paragraphs(command)[0].split())


def _help(command: Any) -> str:
    return "\n\n".join(_paragraph(one) for one in _paragraphs(command))


def _paragraphs(command: Any) -> list[str]:
    text = inspect.cleandoc(command.help or "").replace("\b", "")  # \b: "do not wrap"
    return [one.strip() for one in text.split("\n\n") if one.strip()]


def _paragraph(text: str) -> str:
    """Return a paragraph of a docstring; an example becomes code."""
    for word in ("Examples:", "Example:"):
        if text.startswith(word):
            lines = [line.strip() for line in text.removeprefix(word).splitlines()]
            return f"{word}\n\n" + "\n".join(f"    {line}" for line in lines if line)
    return text


def _argument(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _option(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {_kind(option)}"


def _kind(option: Any) -> str:
    if option.metavar:
        return f"`{option.metavar}`"
    if hasattr(option.type, "choices"):
        return " or ".join(f"`{one}`" for one in option.type.choices)
    if hasattr(option.type, "min"):
        return f"{option.type.min} to {option.type.max}"
    return {"str": "text"}.get(option.type.name, str(option.type.name))


def _text(parameter: Any) -> str:
    words = [(parameter.help or "").strip()]
    if parameter.required and parameter.param_type_name == "option":
        words.append("**Required.**")
    if parameter.envvar:
        words.append(f"Environment: `{parameter.envvar}`.")
    default = parameter.default
    if isinstance(default, str | int) and not isinstance(default, bool) and default != "":
        words.append(f"Default: `{default}`.")
    return " ".join(words)


def _table(title: str, rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {title} | Meaning |", "|---|---|"]
    return "\n".join([*lines, *(f"| {left} | {_cell(right)} |" for left, right in rows)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
