"""Commands of tenantry, parsed as they would be run, without running them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from tenantry.cli.app import app

__all__ = ["command_of"]

_CLI: Any = typer.main.get_command(app)


def command_of(words: Sequence[str]) -> str:
    """Return what the command is called, "instance deploy"; one that is not taken raises an error."""
    command, called = _CLI, list[str]()
    context = command.make_context("tenantry", list(words))
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)
        called.append(name)
    return " ".join(called)
