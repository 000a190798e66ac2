"""One way to run a command: do the work, render one Result, exit with its code.

Standard output carries the result alone; problems of a table go to standard
error, and so does progress. No traceback reaches a user: a defect's goes to a
file in the workspace, and the message names that file.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from tenantry.cli.options import Output, forget_workspace, named_workspace
from tenantry.cli.render.envelope import envelope
from tenantry.errors import DefectError, Problem, StoppedError, TenantryError
from tenantry.result import Outcome, Result

__all__ = ["Render", "execute", "main_guard"]

Render = Callable[[Mapping[str, Any]], str]
_CRASH_FILE_MODE = 0o600
_STOPPED = 130  # 128 + SIGINT, as shells tell it


def execute(command: str, *, output: Output, work: Callable[[], Result], table: Render) -> None:
    """Run the work of a command and leave with its exit code."""
    result = _attempt(command, work)
    if output is Output.JSON:
        sys.stdout.write(envelope(result) + "\n")
    else:
        text = table(result.data) if result.data or result.outcome is Outcome.OK else ""
        if text:
            sys.stdout.write(text.rstrip("\n") + "\n")
        for problem in result.problems:
            sys.stderr.write(_told(problem) + "\n")
    sys.stdout.flush()
    if result.exit_code == _STOPPED:
        os._exit(_STOPPED)  # threads that still wait for a program would hold us back
    raise typer.Exit(result.exit_code)


def main_guard(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the app; a wrong command line becomes exit code 2 and, if asked for, an envelope."""
    command = typer.main.get_command(app)
    forget_workspace()
    try:
        code = command.main(args=list(arguments), prog_name="tenantry", standalone_mode=False)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.Abort:
        sys.stderr.write("stopped; nothing was changed\n")
        return _STOPPED
    except typer.TyperException as error:
        return _usage(error, as_json=_wants_json(arguments))
    except BrokenPipeError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def _attempt(command: str, work: Callable[[], Result]) -> Result:
    try:
        return work()
    except TenantryError as error:
        return _failed(command, error.problems, error.exit_code)
    except KeyboardInterrupt as stop:
        problem = Problem(
            code="interrupted",
            message="stopped on request; what was done so far stays",
            hint="run the same command again to go on",
        )
        left = stop.problems if isinstance(stop, StoppedError) else ()
        return _failed(command, [*left, problem], _STOPPED)
    except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
        raise
    except Exception:  # noqa: BLE001 - the last line of defence: a user never sees a traceback
        where = _keep_traceback()
        defect = DefectError(
            "tenantry met a situation that it does not know: a defect",
            hint=f"the details are in {where}; please report them (look for personal data first)",
        )
        return _failed(command, defect.problems, defect.exit_code)


def _failed(command: str, problems: Sequence[Problem], exit_code: int) -> Result:
    outcome = Outcome.NO if exit_code == 1 else Outcome.ERROR
    return Result(command=command, data={}, outcome=outcome, problems=tuple(problems), exit_code=exit_code)


def _usage(error: typer.TyperException, *, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
        sys.stderr.write(f"{error}\n")
        return 2
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    hint = f"see {context.command_path} --help" if context is not None else "see tenantry --help"
    problem = Problem(code="usage", message=message, hint=hint)
    if as_json:
        sys.stdout.write(envelope(_failed(_path(context), [problem], 2)) + "\n")
    else:
        sys.stderr.write(_told(problem) + "\n")
    return 2


def _path(context: typer.Context | None) -> str:
    return " ".join(context.command_path.split()[1:]) if context is not None else ""


def _wants_json(arguments: Sequence[str]) -> bool:
    return any(
        one in ("--output=json", "-ojson") or (one in ("--output", "-o") and after == "json")
        for one, after in zip(arguments, [*arguments[1:], ""], strict=False)
    )


def _told(problem: Problem) -> str:
    place = f"{problem.where}: " if problem.where else ""
    lines = [f"{place}{problem.message} [{problem.code}]"]
    lines += [f"  → {line}" for line in problem.hint.splitlines()]
    return "\n".join(lines)


def _keep_traceback() -> Path:
    folder = named_workspace() / ".tenantry"
    folder = folder if folder.is_dir() else Path("/tmp")  # noqa: S108 - the file is made O_EXCL, 0600
    path = folder / f"defect-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _CRASH_FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        traceback.print_exc(file=file)
    return path
