"""What the proxy has of one instance: its route, its certificates and keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tenantry.targets.host.place import Place

__all__ = ["of"]


def of(place: Place) -> Iterator[tuple[str, str]]:
    """Yield each file of the proxy that carries the host name, or mentions it or the instance."""
    logs = place.layout.proxy_state / "logs"  # searched with the other logs
    for folder in (place.layout.proxy_state, place.layout.proxy_runtime):
        for path in _below(folder):
            if path.is_relative_to(logs):
                continue
            if any(mark in path.name for mark in _marks(place)) or _mentions(place, path):
                yield str(path), ""


def _below(folder: Path) -> list[Path]:
    """Return what is in a folder at any depth; unlike rglob it bears that a folder goes meanwhile."""
    return sorted(Path(top) / name for top, folders, files in os.walk(folder) for name in (*folders, *files))


def _mentions(place: Place, path: Path) -> bool:
    try:
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    except FileNotFoundError:  # a temporary file of the proxy's
        return False
    return any(mark.encode() in data for mark in _marks(place))


def _marks(place: Place) -> list[str]:
    return [mark for mark in (place.hostname, place.marks.opaque) if mark]
