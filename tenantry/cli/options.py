"""The options that many commands share, written once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ConfirmOption", "NameArgument", "Output", "OutputOption", "ReasonOption", "WorkspaceOption"]


class Output(StrEnum):
    """The form of a command's result."""

    TABLE = "table"
    JSON = "json"


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        envvar="TENANTRY_WORKSPACE",
        help="The workspace's folder. [default: the current folder]",
        show_default=False,
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the result.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The instance's name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; goes to the journal beside who and when.")]
ConfirmOption = Annotated[
    str,
    typer.Option("--confirm", metavar="NAME", help="The instance's name again: do it, irreversibly."),
]
