"""What the sandbox answers, held against Microsoft's own types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.model.azure_types import TYPES
from tenantry.sandbox.native.provider import serve
from tenantry.stacks.instance import azure_program
from tests.azure import arm_types
from tests.azure.recording import example_props, token_of
from tests.support.sandbox import Sandbox, running_sandbox

_PASSPHRASE = "a passphrase of tests"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def sandbox(folder: Path) -> Iterator[Sandbox]:
    with running_sandbox(folder / "fleet") as started:
        yield started


@pytest.fixture(scope="module")
def answers(sandbox: Sandbox, folder: Path) -> dict[str, dict[str, Any]]:
    """The body of every resource of an instance as a GET tells it, by id."""
    told, arm = sandbox.told, sandbox.arm()
    props = example_props(
        folder / "w",
        subscription_id=told["subscription_id"],
        directory_id=told["directory_id"],
    )
    ids = {key: told[key] for key in ("subscription_id", "directory_id", "client_id", "object_id")}
    with serve(arm, lambda _: arm, **ids) as port:
        engine = Engine(
            tools.find_engine(),
            home=folder / "home",
            state_folder=folder / "state",
            providers={"azure-native": port},
            parallel=32,
        )
        engine.up("one", azure_program(props), passphrase=_PASSPHRASE)
        made = [one.id for one in engine.resources("one") if one.id]
    found = {}
    for identity in made:
        if not identity.endswith("/config/appsettings"):
            body = arm.get(identity, TYPES[token_of(identity)].version)
            assert body is not None, identity
            found[identity] = body
    return found


def test_every_answer_is_one_that_microsofts_own_types_have(answers: dict[str, dict[str, Any]]) -> None:
    wrong = {
        identity.rpartition("/providers/")[2]: faults
        for identity, body in answers.items()
        if (faults := arm_types.faults(token_of(identity), body, answer=True))
    }
    assert wrong == {}


def test_every_answer_says_what_it_is(answers: dict[str, dict[str, Any]]) -> None:
    assert [identity for identity, body in answers.items() if body["id"].lower() != identity.lower()] == []
    assert [
        identity
        for identity, body in answers.items()
        if str(body.get("type", "")).lower() != TYPES[token_of(identity)].arm_type.lower()
    ] == []
