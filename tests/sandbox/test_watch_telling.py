"""Webhooks: a message is tried again, in its order, and one that hangs holds nobody up."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.sandbox.watch import telling
from tenantry.sandbox.watch.telling import Message, Teller
from tests.sandbox.parts_cloud import MemoryCloud
from tests.support.people import wait_until
from tests.support.webhook import Webhook


class _Told:
    """A teller and what it noted."""

    def __init__(self, folder: Path) -> None:
        self.results: list[tuple[str, str]] = []
        cloud = MemoryCloud(folder, address="127.0.0.1")
        self.teller = Teller(cloud, lambda message, result: self.results.append((message.alert, result)))

    def tell(self, alert: str, url: str) -> None:
        body = {"data": {"essentials": {"alertRule": alert, "monitorCondition": "Fired"}}}
        self.teller.tell(Message(alert=alert, receiver="hook", url=url, body=body, condition="Fired"))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Told]:
    monkeypatch.setattr(telling, "_TIMEOUT", 0.2)
    monkeypatch.setattr(telling, "_PAUSES", (0.01, 0.01, 0.01))
    found = _Told(tmp_path)
    yield found
    found.teller.close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    found = Webhook()
    yield found
    found.close()


def test_a_message_that_is_refused_is_tried_three_times_more(told: _Told, webhook: Webhook) -> None:
    webhook.refusals = 3
    told.tell("a", webhook.url)
    wait_until(lambda: told.results)
    assert (told.results, webhook.conditions("a")) == ([("a", "succeeded")], ["Fired"])
    webhook.refusals = 4
    told.tell("b", webhook.url)
    wait_until(lambda: len(told.results) == 2)
    assert (told.results[1], webhook.conditions("b")) == (("b", "failed: 503"), [])


def test_one_that_hangs_holds_up_nobody_who_tells_and_the_next_is_told_after_it(
    told: _Told, webhook: Webhook
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        told.tell("hangs", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        told.tell("next", webhook.url)
        assert time.monotonic() - began < 0.15
        wait_until(lambda: len(told.results) == 2)
    assert told.results == [("hangs", "failed: TimeoutError"), ("next", "succeeded")]


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "http://127.0.0.1:1/"])
def test_an_address_that_leads_nowhere_is_noted(told: _Told, url: str) -> None:
    told.tell("a", url)
    wait_until(lambda: told.results)
    assert told.results[0][1].startswith("failed: ")
