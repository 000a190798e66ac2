"""What of bad input only a cloud can answer: an instance of which nothing was made, a stack that is held."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.azure_fleet import Fleet

_GROUPS = "2024-03-01"


@pytest.fixture(scope="module")
def recorded(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A workspace with two instances of which there is a secret, and nothing else: togo and ghana."""
    value = tmp_path_factory.mktemp("secrets") / "value"
    value.write_text("a token that the client gave")
    for name in ("togo", "ghana"):
        fleet.new(name)
        fleet.run("credentials", "set", name, "SMS_TOKEN", "--file", str(value))
    return fleet


def _resources(fleet: Fleet) -> dict[str, int]:
    found: dict[str, int] = fleet.sandbox.command("status")["resources"]
    return found


@pytest.fixture
def held(recorded: Fleet) -> Iterator[Fleet]:
    """The same while this process holds the stack of ghana, as another run of the engine would."""
    entry: dict[str, Any] = recorded.run("journal", "show", "--instance", "ghana")["data"]["lines"][0]
    locks = recorded.workspace / ".tenantry/engine/state/.pulumi/locks/organization/tenantry"
    file: Path = locks / entry["instance"] / "5f1c0000-0000-4000-8000-000000000000.json"
    file.parent.mkdir(parents=True)
    held_by = {"pid": os.getpid(), "username": "somebody", "hostname": socket.gethostname()}
    file.write_text(json.dumps({**held_by, "timestamp": "2099-01-01T00:00:00Z"}))
    yield recorded
    file.unlink()
    file.parent.rmdir()


def test_an_instance_of_which_nothing_was_made_is_told_so(recorded: Fleet) -> None:
    there = _resources(recorded)
    assert recorded.condition("togo", "ResourcesReady", expect=1)["reason"] == "NoResources"
    assert recorded.run("instance", "drift", "togo", expect=69)["problems"][0]["code"] == "no-stack"
    logs = recorded.run("instance", "logs", "togo", "--reason", "a test", expect=69)
    assert logs["problems"][0]["code"] == "not-made"
    assert _resources(recorded) == there


def test_an_instance_of_which_nothing_was_made_is_erased_once_no_group_has_its_tag(recorded: Fleet) -> None:
    entry = recorded.run("journal", "show", "--instance", "togo")["data"]["lines"][0]
    stray = f"{recorded.sandbox.subscription}/resourceGroups/somebodys"
    arm = recorded.sandbox.arm()
    arm.put(stray, _GROUPS, {"location": "westeurope", "tags": {"instance": entry["instance"]}})
    erase = ("erase", "run", "togo", "--confirm", "togo", "--reason", "a test")
    left = recorded.run(*erase, expect=1)["problems"][0]
    assert (left["code"], "somebodys" in left["message"]) == ("not-absent", True)
    arm.delete(stray, _GROUPS)
    assert recorded.run("erase", "run", "togo")["data"]["would_erase"] == []
    erased = recorded.run(*erase)["data"]
    assert (erased["state"], [one["absent"] for one in erased["assets"]]) == ("erased", [True])
    assert recorded.run("erase", "status", "togo")["data"]["nothing_recoverable"]


def test_a_stack_that_somebody_else_holds_is_busy_and_nothing_is_made(held: Fleet) -> None:
    there = _resources(held)
    answer = held.run("instance", "deploy", "ghana", "--reason", "a test", expect=75)
    assert answer["problems"][0]["code"] == "stack-locked"
    assert str(os.getpid()) in answer["problems"][0]["message"]
    assert _resources(held) == there
