"""A command on this terminal: input, output and exit code pass through, and so do signals.

It has a client's secrets in its environment, so it is killed when we are: nobody would watch it.
What it started itself is not.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tenantry.adapters.processes import dying_with_us
from tenantry.errors import UnavailableError

__all__ = ["base_environment", "check_program", "run"]

_PATH: Final = "/usr/bin:/bin"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS: Final = 2.0
_GRACE_SECONDS: Final = 5.0


def base_environment(home: str) -> dict[str, str]:
    """Return what every command gets; nothing of the caller's environment but the kind of terminal."""
    return {"PATH": _PATH, "HOME": home, "LC_ALL": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb")}


def check_program(name: str, folder: Path) -> None:
    """Raise UnavailableError unless a program is there that ``run`` would start in a folder."""
    found = folder / name if "/" in name else Path(shutil.which(name, path=_PATH) or "/")
    if not found.is_file():
        raise UnavailableError(
            f"there is no program {name}",
            hint=f"it is looked for in {_PATH}; name its whole path, or a shell: sh -c '…'",
            code="missing-program",
        )
    if not os.access(found, os.X_OK):
        raise _no_program(name, os.strerror(errno.EACCES))


def _no_program(name: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"{name} cannot be run: {why}",
        hint="see that it is a program that the instance's user may run",
        code="missing-program",
    )


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    uid: int | None = None,
    watch: Callable[[], None] | None = None,
) -> int:
    """Run a command to its end; return its exit code, 128 plus the number of a signal that ended it.

    126 and 127, as of a shell: it could not be started, as its standard error says.

    Args:
        argv: the program and its arguments.
        environment: all that it gets; may hold secrets.
        folder: its working folder.
        uid: user and group to run as; None is the caller.
        watch: called every two seconds; when it raises, the command is ended first.

    Raises:
        UnavailableError: there is no such program.
    """
    check_program(argv[0], folder)
    as_user: dict[str, Any] = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    with _passing_signals_on() as started:
        try:
            mortal = [*dying_with_us(), *argv]
            child = subprocess.Popen(mortal, env=environment, cwd=folder, umask=0o077, **as_user)
        except OSError as error:
            raise _no_program(argv[0], error.strerror or "") from None
        started(child)
        code = _waited(child, watch)
    return code if code >= 0 else 128 - code


def _waited(child: subprocess.Popen[bytes], watch: Callable[[], None] | None) -> int:
    while True:
        try:
            return child.wait(timeout=_LOOK_SECONDS if watch else None)
        except subprocess.TimeoutExpired:
            assert watch is not None
            try:
                watch()
            except BaseException:
                _end(child)
                raise


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(timeout=_GRACE_SECONDS)
        return
    child.kill()
    child.wait()


@contextmanager
def _passing_signals_on() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Pass signals on to the child that the block tells of; what it does then is its own matter.

    A terminal sends Ctrl-C to the child as well, which must not get it twice.
    """
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []  # came while the child was being started

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and os.isatty(0):
            return
        if children:
            children[0].send_signal(number)
        else:
            early.append(number)

    def started(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        for number in early:
            child.send_signal(number)

    previous = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield started
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
