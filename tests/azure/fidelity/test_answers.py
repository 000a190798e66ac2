"""What the sandbox answers, held against Microsoft's own types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.adapters.azure_arm import Arm
from tenantry.components.azure.props import Suffixes
from tenantry.model.azure_types import TYPES
from tenantry.model.residency import AzurePlacement
from tenantry.sandbox.native.azure import Azure
from tenantry.sandbox.native.provider import serve
from tenantry.stacks.instance import azure_program
from tenantry.targets.azure import backups, retention
from tenantry.targets.azure.way_to_database import ToDatabase
from tests.azure import arm_types, web_models
from tests.azure.components.running import engine_at
from tests.azure.recording import arm_type_of, example_props, token_of
from tests.sandbox.clients.table import BESIDE
from tests.support.sandbox import Sandbox, running_sandbox

_PASSPHRASE = "a passphrase of tests"
_SETTINGS = "azure-native:web:WebAppApplicationSettings"
_LEASE: Any = SimpleNamespace(check=lambda: None, intent=lambda _: None, evidence=lambda _: None)
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
        engine = engine_at(folder, port)
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


@dataclass
class _Heard:
    """What was sent to each type of Resource Manager, what it told, and in which versions it was asked."""

    sent: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    told: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    versions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def types(self) -> set[str]:
        return set(self.versions)

    def listen(self, arm: Arm, verb: str, patched: pytest.MonkeyPatch) -> None:
        """Note each call of a verb from now on."""
        call = getattr(arm, verb)

        def noting(path: str, version: str, *body: Any, **query: str) -> Any:
            arm_type = arm_type_of(path)
            self.versions[arm_type].add(version)
            self.sent[arm_type].extend(body)
            answer = call(path, version, *body, **query)
            self.told[arm_type].extend(answer if verb == "list" else [answer])
            return answer

        patched.setattr(arm, verb, noting)


@pytest.fixture(scope="module")
def beside(sandbox: Sandbox, answers: dict[str, dict[str, Any]]) -> _Heard:
    """What the product says and hears of types that are no resources of the program."""
    arm, heard = sandbox.arm(), _Heard()
    workspace, server = (
        next(one for one in answers if token_of(one) == f"azure-native:{token}")
        for token in ("operationalinsights:Workspace", "dbforpostgresql:Server")
    )
    with pytest.MonkeyPatch.context() as patched:
        for verb in ("get", "list", "put", "patch"):
            heard.listen(arm, verb, patched)
        retention.hold(arm, workspace, 30, lease=_LEASE, on_event=lambda _: None)
        arm.list(f"{workspace}/tables", TYPES["azure-native:operationalinsights:Workspace"].version)
        backups.back_up(arm, server, now=arm.now(), lease=_LEASE, on_event=lambda _: None)
        assert {"Customer Initiated"} <= {one.detail["source"] for one in backups.listed(arm, server)}
        way = ToDatabase(arm, server)
        way.allow("198.51.100.7")
        assert not way.is_closed()
        for part in way.closing(_LEASE):
            part()
    return heard


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


def test_every_type_beside_the_program_is_asked_for_in_the_version_that_is_described(beside: _Heard) -> None:
    """A deploy, a backup and a way in write and read them when the engine has ended."""
    assert set(beside.sent) >= set(BESIDE)
    assert set(beside.told) >= set(BESIDE)
    assert beside.types - {one.arm_type for one in TYPES.values()} == set(BESIDE)
    described = {one: {arm_types.version(arm_types.token_beside(one))} for one in BESIDE}
    assert {one: beside.versions[one] for one in BESIDE} == described


@pytest.mark.parametrize("arm_type", BESIDE)
def test_what_a_type_beside_the_program_is_told_and_tells_is_what_microsofts_own_types_have(
    beside: _Heard, arm_type: str
) -> None:
    token = arm_types.token_beside(arm_type)
    assert [found for one in beside.sent[arm_type] if (found := arm_types.faults(token, one))] == []
    told = beside.told[arm_type]
    assert [found for one in told if (found := arm_types.faults(token, one, answer=True))] == []
    assert {one["type"].lower() for one in told} == {arm_type.lower()}


def test_the_tables_of_logs_that_a_deploy_changes_are_listed(beside: _Heard) -> None:
    told = beside.told["Microsoft.OperationalInsights/workspaces/tables"]
    assert {one["name"] for one in told} >= set(retention.TABLES)


def test_the_configuration_of_a_site_is_told_in_the_words_of_its_model(
    sandbox: Sandbox, answers: dict[str, dict[str, Any]]
) -> None:
    """The provider reads it with the site; it is no resource of the program."""
    (site,) = (one for one in answers if token_of(one) == "azure-native:web:WebApp")
    told = sandbox.arm().get(f"{site}/config/web", TYPES[token_of(site)].version)
    assert told
    assert told["properties"]["alwaysOn"] is True
    assert list(web_models.faults("SiteConfigResource", told, answer=True)) == []


def test_every_answer_says_what_it_is(answers: dict[str, dict[str, Any]]) -> None:
    assert [identity for identity, body in answers.items() if body["id"].lower() != identity.lower()] == []
    assert [
        identity
        for identity, body in answers.items()
        if str(body.get("type", "")).lower() != TYPES[token_of(identity)].arm_type.lower()
    ] == []


def test_what_no_program_declares_any_more_is_again_what_it_is_without_one(
    sandbox: Sandbox, answers: dict[str, dict[str, Any]], beside: _Heard
) -> None:
    """It is there with its parent, so the provider puts it back. This changes the instance: it comes last."""
    arm = sandbox.arm()
    stand_in = Azure(caller=arm, vault=lambda _: arm, subscription_id=sandbox.told["subscription_id"])
    found: dict[str, list[Any]] = defaultdict(list)
    for identity in (one for one in answers if TYPES[token_of(one)].singleton):
        token = token_of(identity)
        stand_in.delete(token, identity, {})
        found[token.rpartition(":")[2]].append(stand_in.read(token, identity) or {})
    assert set(found) == {one.token.rpartition(":")[2] for one in TYPES.values() if one.singleton}
    assert all(one["value"] == one["defaultValue"] for one in found["Configuration"])
    assert {one["source"] for one in found["Configuration"]} == {"system-default"}
    assert [one["properties"] for one in found["WebAppApplicationSettings"]] == [{}]
    assert [one["allow"] for name in ("Ftp", "Scm") for one in found[f"WebApp{name}Allowed"]] == [True, True]
    # To this one the provider says nothing, which leaves it as it is.
    assert [one["deleteRetentionPolicy"]["enabled"] for one in found["BlobServiceProperties"]] == [True]
