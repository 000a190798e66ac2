"""What the sandbox answers, held against Microsoft's own types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.components.azure.props import Suffixes
from tenantry.model.azure_types import TYPES
from tenantry.model.residency import AzurePlacement
from tenantry.sandbox.native.provider import serve
from tenantry.stacks.instance import azure_program
from tenantry.targets.azure import retention
from tests.azure import arm_types
from tests.azure.recording import example_props, token_of
from tests.support.sandbox import Sandbox, running_sandbox

_PASSPHRASE = "a passphrase of tests"
_SETTINGS = "azure-native:web:WebAppApplicationSettings"
# Types that an instance is made of, whose answers are not held here, and why.
_ELSEWHERE = {
    "azure-native:web:Certificate": "made when the DNS leads to the site: azure-mgmt-web reads it in "
    "tests/sandbox/clients, its model is the oracle there",
    "azure-native:web:WebAppHostNameBinding": "made when the DNS leads to the site: azure-mgmt-web reads it "
    "in tests/sandbox/clients, its model is the oracle there",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def sandbox(folder: Path) -> Iterator[Sandbox]:
    with running_sandbox(folder / "fleet") as started:
        yield started


@pytest.fixture(scope="module")
def answers(sandbox: Sandbox, folder: Path) -> dict[str, dict[str, Any]]:
    """The body of every resource of an instance that has all there is, as Azure tells it, by id."""
    told, arm = sandbox.told, sandbox.arm()
    props = example_props(
        folder / "w",
        profile="121-platform",
        placement=AzurePlacement(region="southafricanorth", geo_redundant_backup=True),
        monthly_budget=200,
        budget_start="2026-11-01T00:00:00Z",
        webhook="https://alerts.example.org/hook",
        suffixes=Suffixes(
            vault=told["vault_suffix"],
            postgres=told["postgres_suffix"],
            sites=told["sites_suffix"],
            blob=told["blob_suffix"],
        ),
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
        version = TYPES[token_of(identity)].version
        # Settings may be secret: they are told to a POST alone.
        hidden = token_of(identity) == _SETTINGS
        body = arm.post(f"{identity}/list", version) if hidden else arm.get(identity, version)
        assert body is not None, identity
        found[identity] = body
    return found


def test_the_answers_of_every_type_are_held_here_or_elsewhere_for_a_reason(
    answers: dict[str, dict[str, Any]],
) -> None:
    held = {token_of(identity) for identity in answers}
    assert held | set(_ELSEWHERE) == set(TYPES)
    assert held & set(_ELSEWHERE) == set()


def test_every_answer_is_one_that_microsofts_own_types_have(answers: dict[str, dict[str, Any]]) -> None:
    wrong = {
        identity.rpartition("/providers/")[2]: faults
        for identity, body in answers.items()
        if (faults := arm_types.faults(token_of(identity), body, answer=True))
    }
    assert wrong == {}


def test_what_a_table_of_logs_is_told_and_tells_is_what_microsofts_own_types_have(
    sandbox: Sandbox, answers: dict[str, dict[str, Any]]
) -> None:
    """No resource of the program: a deploy changes it when the engine has ended."""
    token = "azure-native:operationalinsights:Table"
    workspace = next(one for one in answers if token_of(one).endswith("operationalinsights:Workspace"))
    arm, sent = sandbox.arm(), list[Any]()
    patch = arm.patch

    def noted(path: str, version: str, body: Any) -> dict[str, Any]:
        sent.append(body)
        return patch(path, version, body)

    lease: Any = SimpleNamespace(intent=lambda _: None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(arm, "patch", noted)
        retention.hold(arm, workspace, 30, lease=lease, on_event=lambda _: None)
    assert len(sent) == len(retention.TABLES)
    assert [arm_types.faults(token, one) for one in sent if arm_types.faults(token, one)] == []
    listed = arm.list(f"{workspace}/tables", TYPES[token_of(workspace)].version)
    assert {one["name"] for one in listed} > set(retention.TABLES)
    assert [faults for one in listed if (faults := arm_types.faults(token, one, answer=True))] == []


def test_every_answer_says_what_it_is(answers: dict[str, dict[str, Any]]) -> None:
    assert [identity for identity, body in answers.items() if body["id"].lower() != identity.lower()] == []
    assert [
        identity
        for identity, body in answers.items()
        if str(body.get("type", "")).lower() != TYPES[token_of(identity)].arm_type.lower()
    ] == []
