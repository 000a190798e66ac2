from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantry.errors import FailedError
from tenantry.ports import Event
from tenantry.targets.azure import storage

_NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
_ACCOUNT = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/stkenya"


class _Account:
    """An account whose deleted containers stay for as long as its policy says."""

    def __init__(self, *containers: str, held: str = "", deleted: tuple[str, ...] = ()) -> None:
        self.containers = list(containers)
        self.held = held
        self.deleted = list(deleted)
        self.keeps = True

    def put_only(self, path: str, version: str, body: Any) -> None:
        assert path == f"{_ACCOUNT}/blobServices/default"
        self.keeps = any(body["properties"][name]["enabled"] for name in body["properties"] if "Ret" in name)

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        assert path == f"{_ACCOUNT}/blobServices/default/containers"
        found = [{"name": one, "properties": {}} for one in self.containers]
        if query.get("$include") == "deleted":
            found += [{"name": one, "properties": {"deleted": True}} for one in self.deleted]
        return found

    def delete(self, path: str, version: str, **query: str) -> bool:
        name = path.rpartition("/")[2]
        if name != self.held:
            self.containers.remove(name)
            self.deleted += [name] if self.keeps else []
        return True


def _emptied(account: _Account, told: list[Event] | None = None) -> list[Any]:
    tell = [].append if told is None else told.append
    return list(storage.emptied(account, _ACCOUNT, known=(), now=_NOW, tell=tell))  # type: ignore[arg-type]


def test_every_container_is_deleted_and_none_can_be_restored() -> None:
    account, told = _Account("attachments", "reports"), list[Event]()
    assert _emptied(account, told) == []
    assert (account.containers, account.deleted) == ([], [])
    assert [one.text for one in told] == [
        "deleting the container attachments",
        "deleting the container reports",
    ]


def test_a_container_that_was_deleted_earlier_is_a_residue_until_the_account_goes() -> None:
    found = _emptied(_Account("attachments", deleted=("old",)))
    assert [(one.where.rpartition("/")[2], one.until) for one in found] == [
        ("old", _NOW + timedelta(days=14))
    ]


def test_a_container_that_stays_stops_the_erasure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(FailedError, match="still there: held"):
        _emptied(_Account("held", held="held"))


def test_an_empty_account_needs_nothing() -> None:
    assert _emptied(_Account()) == []
