"""What the proxy has of one instance: its route, its certificates and keys."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.targets.host.place import Place

__all__ = ["of"]


def of(place: Place) -> Iterator[tuple[str, str]]:
    """Yield each file of the proxy that carries the host name, or mentions it or the instance."""
    logs = place.layout.proxy_state / "logs"  # searched with the other logs
    for folder in (place.layout.proxy_state, place.layout.proxy_runtime):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
            if path.is_relative_to(logs):
                continue
            named = any(mark in path.name for mark in _marks(place))
            if named or (path.is_file() and not path.is_symlink() and _mentions(place, path.read_bytes())):
                yield str(path), ""


def _mentions(place: Place, data: bytes) -> bool:
    return any(mark.encode() in data for mark in _marks(place))


def _marks(place: Place) -> list[str]:
    return [mark for mark in (place.hostname, place.marks.opaque) if mark]
