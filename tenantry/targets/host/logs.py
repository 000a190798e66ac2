"""Reading an instance's logs. They lie on its own volume and go with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from tenantry.errors import SpecError, UnavailableError
from tenantry.providers.host.layout import HostLayout

__all__ = ["last_lines"]


def last_lines(layout: HostLayout, opaque: str, *, process: str, lines: int) -> Sequence[str]:
    """Return the last lines of one process's log, or of all, each with the process's name.

    Raises:
        SpecError: there is no such process.
        UnavailableError: the logs cannot be read, for instance because the volume is locked.
    """
    top = layout.home(opaque) / "logs"
    try:
        there = sorted(path.name for path in top.iterdir() if path.is_dir())
    except OSError as error:
        raise UnavailableError(f"the logs in {top} cannot be read", code="no-logs") from error
    if process and process not in there:
        raise SpecError(
            f"there is no log of {process}", hint="there are: " + ", ".join(there), code="no-such-process"
        )
    found = []
    for name in [process] if process else there:
        tail = deque(_lines(top / name), maxlen=lines)
        found += [line if process else f"{name}: {line}" for line in tail]
    return found


def _lines(folder: Path) -> Iterator[str]:
    """Yield lines, the rotated files (whose names sort by time) first."""
    for file in [*sorted(folder.glob("@*")), folder / "current"]:
        if file.is_file():
            with file.open(encoding="utf-8", errors="replace") as opened:
                for line in opened:
                    yield line.rstrip("\n")
