"""Marks that tell a place that never held data from one that lost it.

Beside everything that holds data (``g1``) lies a mark (``g1.made``), written
when it was made whole. Where the mark is there and the data are not, the data
were lost, and nothing may be made anew in their place.
"""

from __future__ import annotations

from pathlib import Path

from tenantry.errors import FailedError, RefusedError
from tenantry.providers.host import owned
from tenantry.providers.host.executor import Executor

__all__ = ["lost", "make_home", "mark_made", "read_mark", "refuse_anew", "unmark", "was_made"]


def mark_made(executor: Executor, path: Path, *, uid: int, note: str = "") -> None:
    """Record that ``path`` was made whole; ``note`` is kept with it. No effect when that is known."""
    if read_mark(path) != note:
        owned.write(executor, _mark(path), note, mode=0o600, uid=uid)


def was_made(path: Path) -> bool:
    """Say whether ``path`` once held data."""
    return _mark(path).exists()


def read_mark(path: Path) -> str | None:
    """Return the note that was kept, or None where nothing was ever made."""
    return owned.read(_mark(path))


def unmark(executor: Executor, path: Path, *, uid: int) -> None:
    """Forget it, after the data were removed on purpose."""
    owned.remove(executor, _mark(path), uid=uid)


def make_home(executor: Executor, folder: Path, *, uid: int) -> None:
    """Make the folder (0700, the instance's user) that holds repositories and their marks.

    The one above it is ours: every instance may pass through.
    """
    if not folder.parent.exists():
        executor.folder(folder.parent, mode=0o711)
    if not folder.exists():
        executor.folder(folder, mode=0o700, uid=uid)


def lost(what: str, path: object) -> FailedError:
    """Return the error for data that are gone: reported, never made anew empty."""
    return FailedError(
        f"{what} {path} is gone, and its data with it",
        hint="nothing was made in its place; restore it from the latest backup",
        code="data-lost",
    )


def refuse_anew(what: str, path: Path) -> None:
    """Raise RefusedError where something that is gone would be made anew, empty."""
    if was_made(path):
        raise RefusedError(
            f"{what} {path} once held data and is gone",
            hint="restore it from the latest backup; an empty one is not made in its place",
            code="data-lost",
        )


def _mark(path: Path) -> Path:
    return path.with_name(path.name + ".made")
