"""The options that many commands share, written once."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ConfirmOption",
    "NameArgument",
    "Output",
    "OutputOption",
    "ReasonOption",
    "WorkspaceOption",
    "forget_workspace",
    "named_workspace",
]


class Output(StrEnum):
    """The form of a command's result."""

    TABLE = "table"
    JSON = "json"


_named: list[Path] = []


def named_workspace() -> Path:
    """Return the folder of the workspace that this command line, or else the environment, names."""
    return _named[-1] if _named else Path(os.environ.get("TENANTRY_WORKSPACE") or ".")


def forget_workspace() -> None:
    """Begin with another command line."""
    _named.clear()


def _note(folder: Path | None) -> Path | None:
    if folder is not None:
        _named.append(folder)
    return folder


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        envvar="TENANTRY_WORKSPACE",
        help="The workspace's folder. [default: the current folder]",
        show_default=False,
        callback=_note,
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the result.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The instance's name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; goes to the journal beside who and when.")]
ConfirmOption = Annotated[
    str,
    typer.Option("--confirm", metavar="NAME", help="The instance's name again: do it, irreversibly."),
]
