"""Where the engine's state lies, and that it is not left behind there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from tenantry.adapters.engine_store import FolderStore
from tenantry.adapters.master_key import create_master_key
from tenantry.adapters.vault import FileVault
from tenantry.errors import RefusedError, UnavailableError
from tenantry.model.spec import AzureSettings, CloudName, CredentialKind, HostSettings, TeamState, Workspace
from tenantry.ports import Instance
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.clouds import access
from tenantry.targets.azure.engines import FACT, Engines
from tenantry.targets.azure.erasure import erase_steps
from tests.support.instances import recorded
from tests.support.sandbox import running_sandbox
from tests.support.team import Team, make_team

if TYPE_CHECKING:
    from tenantry.targets.azure.target import AzureTarget

_NAME = ".pulumi/stacks/tenantry/tnexample234.json"
_INSTANCE = recorded(name="kenya", opaque="tnexample234")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "fleet") as sandbox:
        yield make_team(sandbox)


def _workspace(folder: Path, state: TeamState | None) -> Workspace:
    return Workspace(
        folder=folder,
        organisation="Example Aid",
        contact="it@example.org",
        host_name="one",
        register_url="",
        master_key_file=folder / "master.key",
        host=HostSettings(root=folder, runtime=folder),
        azure=AzureSettings(cloud=CloudName.SANDBOX, credential=CredentialKind.SECRET, state=state),
    )


def _engines(folder: Path, team: Team, *, state: TeamState | None) -> Engines:
    settings = AzureSettings(cloud=CloudName.SANDBOX, credential=CredentialKind.SECRET)
    return Engines(
        _workspace(folder, state),
        clients=lambda: Clients(access(settings, private=team.sandbox.private)),
        vault=lambda opaque: FileVault(
            folder / ".tenantry/vault", opaque=opaque, master_key_file=folder / "master.key"
        ),
    )


def _settings(team: Team, **more: str) -> TeamState:
    return TeamState(**{"account": team.account, "container": team.container, "key": team.key, **more})


def _recorded(engines: Engines) -> Instance:
    return dataclasses.replace(_INSTANCE, facts={FACT: engines.place})


def test_a_team_is_refused_while_an_instances_state_is_in_the_workspace(tmp_path: Path, team: Team) -> None:
    engines = _engines(tmp_path, team, state=_settings(team))
    engines.refuse_elsewhere([_INSTANCE])
    FolderStore(tmp_path / ".tenantry/engine/state").write(_NAME, "{}")
    with pytest.raises(RefusedError, match=r"state of kenya lies in .*/engine") as refused:
        engines.make(_INSTANCE, {})
    assert (refused.value.code, "azure.state" in refused.value.hint) == ("state-elsewhere", True)


def test_the_workspace_is_refused_while_an_instances_state_is_in_the_account(
    tmp_path: Path, team: Team
) -> None:
    instance = _recorded(_engines(tmp_path, team, state=_settings(team)))
    engines = _engines(tmp_path, team, state=None)
    engines.refuse_elsewhere([instance])  # recorded, and never begun
    team.store().write(_NAME, "{}")
    try:
        with pytest.raises(RefusedError, match=f"lies in azblob://{team.account}/state"):
            engines.refuse_elsewhere([instance])
    finally:
        team.store().remove(_NAME)


def test_what_is_where_it_was_put_is_not_looked_for_elsewhere(tmp_path: Path, team: Team) -> None:
    team.store().write(_NAME, '{"checkpoint": {"latest": {"secrets_providers": {"type": "cloud"}}}}')
    try:
        engines = _engines(tmp_path, team, state=_settings(team))
        engines.refuse_elsewhere([_recorded(engines)])
        assert engines.make(_recorded(engines), {}).exists(_INSTANCE.opaque)
    finally:
        team.store().remove(_NAME)


def test_a_teams_stack_has_no_passphrase_of_ours(tmp_path: Path, team: Team) -> None:
    assert _engines(tmp_path, team, state=_settings(team)).passphrase(_INSTANCE) == ""
    assert not (tmp_path / ".tenantry").exists()


def test_preflight_has_the_key_encrypt_and_decrypt(tmp_path: Path, team: Team) -> None:
    looks = _engines(tmp_path, team, state=_settings(team)).looks()
    assert [list(look()) for look in looks] == [[], []]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("{vault}/keys/other/" + "0" * 32, "KeyNotFound"),
        ("https://kv-team.vault.azure.net/keys/engine/" + "0" * 32, "no vault of the cloud"),
    ],
    ids=["not there", "another cloud's"],
)
def test_preflight_tells_a_key_that_cannot_be_used(tmp_path: Path, team: Team, key: str, why: str) -> None:
    named = key.format(vault=team.key.partition("/keys/")[0])
    _, look_at_key = _engines(tmp_path, team, state=_settings(team, key=named)).looks()
    (problem,) = look_at_key()
    assert (problem.code, why in problem.message) == ("state-key", True)
    assert "Key Vault Crypto User" in problem.hint


def test_a_vault_that_cannot_be_reached_is_told_as_that_and_not_as_a_key_without_rights(
    tmp_path: Path, team: Team
) -> None:
    vault = team.key.partition("/keys/")[0]
    nowhere = team.key.replace(vault, vault.replace(team.vault, f"{team.vault}-no"))
    _, look_at_key = _engines(tmp_path, team, state=_settings(team, key=nowhere)).looks()
    with pytest.raises(UnavailableError) as error:
        look_at_key()
    assert (error.value.code, "Crypto User" in error.value.hint) == ("cloud-unreachable", False)


def test_an_erasure_destroys_the_passphrase_of_a_stack_that_was_in_the_workspace_before(
    tmp_path: Path, team: Team
) -> None:
    create_master_key(tmp_path / "master.key")
    (tmp_path / ".tenantry").mkdir()
    _engines(tmp_path, team, state=None).passphrase(_INSTANCE)
    engines = _engines(tmp_path, team, state=_settings(team))
    assert engines.stack_vault(_INSTANCE).names()
    target = cast("AzureTarget", SimpleNamespace(engines=engines, vault=engines._vault))
    for _, _, act in erase_steps(target, _INSTANCE):
        act(lambda _: None)
    assert not engines.stack_vault(_INSTANCE).names()


def test_without_a_team_preflight_looks_at_nothing_more(tmp_path: Path, team: Team) -> None:
    assert list(_engines(tmp_path, team, state=None).looks()) == []
