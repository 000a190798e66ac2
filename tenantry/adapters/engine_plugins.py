"""Whether the engine can start a provider's plugin by itself."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["has_plugin"]


def has_plugin(home: Path, package: str) -> bool:
    """Say whether a plugin is on PATH, or installed in the engine's home."""
    program = f"pulumi-resource-{package}"
    installed = any((home / "plugins").glob(f"resource-{package}-v*/{program}"))
    return installed or shutil.which(program) is not None
