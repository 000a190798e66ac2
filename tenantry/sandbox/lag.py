"""What was written a moment ago, as others see it: not yet.

Resource Manager answers in many regions, and copies what was written between them
after it has answered; roles come into force later than they are assigned, and the
directory tells other regions of a new principal later than it was made. With
``faults lag`` every read is one of those that come too early: it is answered from what
was so many seconds ago. Who wrote learns the outcome of its own operation at once, and
writes meet what is.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.faults import held
from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.store import Store

__all__ = ["Past"]


@dataclass(frozen=True, kw_only=True)
class _Write:
    """A write, and what it found."""

    at: datetime
    key: str
    type: str
    name: str
    before: Resource | None
    gone: bool  # it was a deletion
    draft: bool  # work on it goes on: its end is the write that counts


@dataclass(frozen=True, kw_only=True)
class _Purge:
    at: datetime
    type: str
    entry: dict[str, Any]


class Past:
    """What readers see who are behind. Writes are kept only while somebody is; a restart catches up."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        self._cloud = cloud
        self._store = store
        self._writes: list[_Write] = []
        self._purges: list[_Purge] = []
        self._lock = threading.Lock()

    def note(self, resource: Resource, *, gone: bool = False, draft: bool = False) -> None:
        """Keep what is there of a resource before it is written or, with ``gone``, deleted."""
        if not self._lags():
            return
        key, before = ids.key(resource.id), self._store.find(resource.id)
        with self._lock:
            self._forget()
            drafts = [one for one in self._writes if one.key == key and one.draft]
            self._writes = [one for one in self._writes if one not in drafts]
            self._writes.append(
                _Write(
                    at=self._cloud.now(),
                    key=key,
                    type=resource.type.lower(),
                    name=resource.name.lower(),
                    before=drafts[0].before if drafts else before,
                    gone=gone,
                    draft=draft,
                )
            )

    def note_purge(self, type_: str, entry: dict[str, Any]) -> None:
        """Keep what a list of deleted resources says of one before it is purged."""
        if self._lags():
            with self._lock:
                self._purges.append(_Purge(at=self._cloud.now(), type=type_.lower(), entry=entry))

    def find(self, resource_id: str) -> tuple[Resource | None, bool]:
        """Return a resource as a reader sees it, and whether that is behind what is."""
        found = self._unseen().get(ids.key(resource_id))
        return (found.before, True) if found is not None else (self._store.find(resource_id), False)

    def hides(self, resource_id: str) -> bool:
        """Say whether a resource is there and a reader does not see it yet."""
        found = self._unseen().get(ids.key(resource_id))
        return found is not None and found.before is None

    def children(self, resource_id: str, type_: str = "") -> tuple[list[Resource], set[str]]:
        """Return what a reader sees below a resource, and the keys of those that are behind what is."""
        now, unseen = self._store.below(resource_id, type_), self._unseen()
        start = ids.key(resource_id) + "/" if resource_id.strip("/") else "/"
        behind = {
            key: one
            for key, one in unseen.items()
            if key.startswith(start) and type_.lower() in ("", one.type)
        }
        seen = [one for one in now if ids.key(one.id) not in behind]
        seen += [one.before for one in behind.values() if one.before is not None]
        return seen, set(behind)

    def deleted(self, type_: str, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what a reader sees of a list of deleted resources."""
        hidden = {one.name for one in self._unseen().values() if one.gone and one.type == type_.lower()}
        seen = [one for one in entries if _name(one) not in hidden]
        now, lag = self._cloud.now(), self._lag_of(type_)
        with self._lock:
            return seen + [
                one.entry for one in self._purges if one.type == type_.lower() and one.at + lag > now
            ]

    # --- parts ---

    def _unseen(self) -> Mapping[str, _Write]:
        """Return, by the key of a resource, the first write that a reader does not see yet."""
        now = self._cloud.now()
        with self._lock:
            writes = list(self._writes)
        if not writes:
            return {}
        lags: dict[str, timedelta] = {}
        found: dict[str, _Write] = {}
        for one in writes:
            lag = lags.get(one.type)
            if lag is None:
                lag = lags[one.type] = self._lag_of(one.type)
            if one.at + lag > now:
                found.setdefault(one.key, one)
        return found

    def _lags(self) -> bool:
        return bool(held(self._cloud, "lag"))

    def _lag_of(self, type_: str) -> timedelta:
        faults = (one for one in held(self._cloud, "lag") if one.concerns("GET", type_))
        return timedelta(seconds=max((float(one.value) for one in faults), default=0.0))

    def _forget(self) -> None:
        """Drop what everybody has seen."""
        longest = max((float(one.value) for one in held(self._cloud, "lag")), default=0.0)
        since = self._cloud.now() - timedelta(seconds=longest)
        self._writes = [one for one in self._writes if one.draft or one.at > since]
        self._purges = [one for one in self._purges if one.at > since]


def _name(entry: Mapping[str, Any]) -> str:
    properties = entry.get("properties") or {}
    return str(properties.get("deletedSiteName") or entry.get("name")).lower()
