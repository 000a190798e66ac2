"""Takes files away so that their bytes are gone too."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["erase"]

_BLOCK = bytes(1024 * 1024)


def erase(folder: Path) -> None:
    """Overwrite every file below a folder with zeros, then remove the folder. Once more does nothing.

    A rehearsal's promise: whoever searches the disk afterwards finds nothing. It
    is not made for disks that write elsewhere than they are told to.
    """
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            _overwrite(path)
    shutil.rmtree(folder, ignore_errors=True)


def _overwrite(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        while size > 0:
            size -= file.write(_BLOCK[:size])
