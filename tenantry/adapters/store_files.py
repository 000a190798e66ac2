"""The register's file: who may read it, and whether it can be written at all."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from tenantry.adapters.files import sync_folder
from tenantry.errors import RefusedError, UnavailableError

__all__ = ["prepare_file"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def prepare_file(path: Path) -> None:
    """Make an empty file (0600) when there is none; look at what is there otherwise.

    Raises:
        UnavailableError: the folder is missing, or file or folder cannot be written.
        RefusedError: other users may reach them.
    """
    folder = path.parent
    if not folder.is_dir():
        raise UnavailableError(
            f"there is no folder {folder} for the register",
            hint="run: tenantry init",
            code="register-absent",
        )
    _check_private(folder, "700")
    try:
        _make(path)
    except OSError as error:
        raise _read_only(path, os.strerror(error.errno or 0)) from error
    _check_private(path, "600")
    for needed in (folder, path):  # SQLite keeps its write-ahead log beside the file
        if not os.access(needed, os.W_OK):
            raise _read_only(needed, "it is read-only")


def _make(path: Path) -> None:
    """Make the file unless it is there.

    A file that is there is not opened: closing it would drop the locks that SQLite
    holds on it elsewhere in this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        sync_folder(path.parent)


def _read_only(path: Path, why: str) -> UnavailableError:
    return UnavailableError(
        f"the register cannot be written at {path}: {why}",
        hint="look at the owner and the mode, and whether the disk is mounted read-only",
        code="register-read-only",
    )


def _check_private(path: Path, mode: str) -> None:
    if path.stat().st_mode & _OTHERS:
        raise RefusedError(
            f"other users of this machine may reach {path}",
            hint=f"run: chmod {mode} {path}",
            code="register-open",
        )
