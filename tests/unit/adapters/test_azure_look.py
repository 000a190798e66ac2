from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tenantry.adapters.azure_look import OneLook
from tenantry.errors import UnavailableError

_SERVER = "/subscriptions/s/resourceGroups/rg/providers/P/flexibleServers/psql"


class _Azure:
    """Answers when it is let, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        self._answer("get", path, version, *query.values())
        return {"id": path}

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        self._answer("list", path, version, *query.values())
        return [{"id": path}]

    def _answer(self, *asked: str) -> None:
        self.asked.append(asked)
        assert self.may_answer.wait(30)
        if self.error is not None:
            raise self.error


@pytest.fixture
def azure() -> _Azure:
    return _Azure()


def test_what_several_threads_ask_at_once_is_asked_once(azure: _Azure) -> None:
    look = OneLook(azure)
    azure.may_answer.clear()
    with ThreadPoolExecutor(8) as pool:
        told = [pool.submit(look.get, _SERVER, "1") for _ in range(8)]
        azure.may_answer.set()
        assert [one.result() for one in told] == [{"id": _SERVER}] * 8
    assert len(azure.asked) == 1


def test_an_id_is_the_same_however_it_is_written(azure: _Azure) -> None:
    look = OneLook(azure)
    assert look.get(_SERVER, "1") == look.get(_SERVER.lower(), "1")
    assert len(azure.asked) == 1


def test_another_version_query_or_kind_of_question_is_another_question(azure: _Azure) -> None:
    look = OneLook(azure)
    look.get(_SERVER, "1")
    look.get(_SERVER, "2")
    look.get(_SERVER, "1", metricnames="storage_percent")
    look.list(_SERVER, "1")
    assert len(azure.asked) == 4


def test_all_who_ask_are_told_of_one_error(azure: _Azure) -> None:
    look = OneLook(azure)
    azure.error = UnavailableError("no network")
    for _ in range(2):
        with pytest.raises(UnavailableError, match="no network"):
            look.get(_SERVER, "1")
    assert len(azure.asked) == 1


def test_the_next_look_asks_anew(azure: _Azure) -> None:
    for _ in range(2):
        OneLook(azure).get(_SERVER, "1")
    assert len(azure.asked) == 2
