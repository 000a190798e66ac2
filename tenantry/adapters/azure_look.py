"""One look at Azure: whatever several conditions ask for is asked once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

__all__ = ["OneLook", "Reads"]

_Key = tuple[str, ...]


class Reads(Protocol):
    """What reads a service of Azure, as ``tenantry.adapters.azure_arm.Arm`` does."""

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        """Return a resource, None if there is none."""

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        """Return all items of a list."""


class OneLook:
    """Reads through another, and answers the same question with the same answer or error.

    It is for one look and is thrown away with it. Threads may share it; nobody may change an answer.
    """

    def __init__(self, reads: Reads) -> None:
        """Begin a look; nothing is asked yet."""
        self._reads = reads
        self._told: dict[_Key, Future[Any]] = {}

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        """Return a resource, None if there is none."""
        found: dict[str, Any] | None = self._once(
            _key("get", path, version, query), lambda: self._reads.get(path, version, **query)
        )
        return found

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        """Return all items of a list."""
        found: Sequence[dict[str, Any]] = self._once(
            _key("list", path, version, query), lambda: self._reads.list(path, version, **query)
        )
        return found

    def _once(self, key: _Key, ask: Callable[[], Any]) -> Any:
        mine = Future[Any]()
        told = self._told.setdefault(key, mine)
        if told is mine:
            try:
                mine.set_result(ask())
            except BaseException as error:  # those who wait for it are told, too
                mine.set_exception(error)
                raise
        return told.result()


def _key(kind: str, path: str, version: str, query: dict[str, str]) -> _Key:
    return (kind, path.lower(), version, *(f"{name}={value}" for name, value in sorted(query.items())))
