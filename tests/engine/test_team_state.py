"""The real engine with its state in a storage account and its secrets under a key of a vault."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from tenantry.adapters import azure_state, tools
from tenantry.adapters.azure_state import BlobStore
from tenantry.adapters.engine import Engine
from tenantry.adapters.engine_state import EngineState, process_is_dead
from tenantry.errors import BusyError, FailedError, RefusedError, UnavailableError
from tenantry.providers.host.identity import PACKAGE
from tests.engine.conftest import SECRET, Workshop
from tests.support.sandbox import Sandbox, running_sandbox
from tests.support.team import Team, make_team

_ROOT = Path(__file__).parents[2]
# The same team on another process, which is killed.
_CHILD = """
import json, sys
from pathlib import Path
from tests.engine.conftest import Workshop
from tests.engine.test_team_state import engine_on
from tests.support.sandbox import Sandbox
from tests.support.team import Team
from tenantry.providers.base import Provider, by_token, serve
from tenantry.providers.host.identity import PACKAGE, VERSION
from tests.engine.toy import Data, File
folder, workspace, stack, told = sys.argv[1:]
place = Path(workspace)
endpoints = json.loads((place / ".tenantry/sandbox/endpoints.json").read_text())
team = Team(sandbox=Sandbox(workspace=place, told=endpoints), **json.loads(told))
with serve(Provider(PACKAGE, version=VERSION, handlers=by_token(PACKAGE, [File(), Data()]))) as port:
    engine = engine_on(team, Path(folder), port)
    workshop = Workshop(folder=Path(folder), engine=engine, port=port)
    engine.up(stack, workshop.program(slow=60), passphrase="")
"""


def engine_on(team: Team, folder: Path, port: int, *, machine: str = "one", key: str = "") -> Engine:
    """Return an engine of the team's, as another machine would have it."""
    return Engine(
        tools.find_engine(),
        home=folder / machine / "home",
        state_folder=folder / machine / "state",
        store=team.store(**({"key": key} if key else {})),
        providers={PACKAGE: port},
        holds_data=lambda token: token.endswith(":Data"),
    )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "fleet") as started:
        yield started


@pytest.fixture(scope="module")
def team(sandbox: Sandbox) -> Team:
    return make_team(sandbox)


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> str:
    """A name of the test's own: the account is shared."""
    return f"s{abs(hash(request.node.name)) % 10**9}"


def _wait(condition: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def _texts(team: Team) -> Mapping[str, bytes]:
    with team.client() as client:
        return {str(one.name): client.download_blob(one.name).readall() for one in client.list_blobs()}


def _begun_and_killed(workshop: Workshop, team: Team, stack: str) -> None:
    """Start an up in another process, and kill that in the middle of a create."""
    told = {"group": team.group, "account": team.account, "vault": team.vault, "key": team.key}
    child = subprocess.Popen(
        [
            *(sys.executable, "-c", _CHILD, str(workshop.folder), str(team.sandbox.workspace)),
            *(stack, json.dumps(told)),
        ],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    try:
        _wait((workshop.folder / "first").exists)
    finally:
        child.kill()
        child.wait()


def test_a_stack_lives_in_the_account_and_leaves_no_blob(workshop: Workshop, team: Team, stack: str) -> None:
    engine = engine_on(team, workshop.folder, workshop.port)
    outputs = engine.up(stack, workshop.program(), passphrase="").outputs
    assert outputs["size"] == 5
    assert f".pulumi/stacks/tenantry/{stack}.json" in team.blobs()
    assert not list(workshop.folder.rglob(".pulumi/stacks"))
    settings = (workshop.folder / f"one/state/Pulumi.{stack}.yaml").read_text()
    assert f"secretsprovider: azurekeyvault://{team.key.removeprefix('https://')}" in settings
    assert [name for name, text in _texts(team).items() if SECRET.encode() in text] == []
    (workshop.folder / "first").write_text("by hand")
    assert [one.name for one in engine.drift(stack, passphrase="") if str(one.kind) == "update"] == ["first"]
    workshop.permits.append(True)
    engine.destroy(stack, passphrase="", may_destroy=True)
    engine.remove(stack)
    assert engine.leftovers(stack) == []
    assert [name for name in team.blobs() if stack in name] == []


def test_another_machine_goes_on_with_it(workshop: Workshop, team: Team, stack: str) -> None:
    engine_on(team, workshop.folder, workshop.port).up(stack, workshop.program(), passphrase="")
    other = engine_on(team, workshop.folder, workshop.port, machine="two")
    assert {one.name for one in other.resources(stack)} == {"first", "second", "data"}
    assert other.drift(stack, passphrase="") == []
    (workshop.folder / "first").write_text("by hand")
    assert [one.name for one in other.drift(stack, passphrase="")] == ["first"]
    outputs = other.up(stack, workshop.program("good evening"), passphrase="").outputs
    assert (outputs["size"], outputs["password"]) == (12, "[secret]")


def _first_write_alone(team: Team, stack: str, settings: Path) -> None:
    """Leave what a kill in the making of a stack leaves: the first checkpoint, which the engine kept."""
    name = f".pulumi/stacks/tenantry/{stack}.json"
    first = team.store().read(f"{name}.bak")
    assert first is not None
    assert "encryptedkey" not in first
    team.store().write(name, first)
    settings.unlink()


def test_a_stack_whose_making_was_cut_off_goes_under_the_teams_key(
    workshop: Workshop, team: Team, stack: str
) -> None:
    engine = engine_on(team, workshop.folder, workshop.port)
    engine._init(stack, "")
    _first_write_alone(team, stack, workshop.folder / f"one/state/Pulumi.{stack}.yaml")
    assert engine.drift(stack, passphrase="") == []
    engine.up(stack, workshop.program(), passphrase="")
    checkpoint = json.loads(_texts(team)[f".pulumi/stacks/tenantry/{stack}.json"])["checkpoint"]["latest"]
    provider = checkpoint["secrets_providers"]
    assert (provider["type"], provider["state"]["url"]) == ("cloud", team.store().secrets_provider)


def test_the_engine_knows_no_passphrase_for_a_teams_stack(
    workshop: Workshop, team: Team, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_on(team, workshop.folder, workshop.port)
    engine._init(stack, "")
    _first_write_alone(team, stack, workshop.folder / f"one/state/Pulumi.{stack}.yaml")
    monkeypatch.setattr(EngineState, "restore_settings", lambda *_: True)
    with pytest.raises(UnavailableError, match="passphrase must be set"):
        engine.up(stack, workshop.program(), passphrase="")


def test_a_killed_run_is_finished_once_its_death_is_proved(
    workshop: Workshop, team: Team, stack: str
) -> None:
    _begun_and_killed(workshop, team, stack)
    engine = engine_on(team, workshop.folder, workshop.port)
    holder = engine.locked_by(stack)
    assert holder is not None
    with pytest.raises(BusyError):
        engine.up(stack, workshop.program(), passphrase="")
    with pytest.raises(BusyError):
        engine.break_lock(stack, is_dead=lambda *_: False)
    _wait(lambda: process_is_dead(holder.pid, holder.since))
    assert [one.pid for one in engine.break_lock(stack)] == [holder.pid]
    engine.up(stack, workshop.program(), passphrase="")
    assert {one.name for one in engine.resources(stack)} == {"first", "second", "data"}
    assert engine.locked_by(stack) is None


def test_a_lock_of_another_host_is_never_broken(workshop: Workshop, team: Team, stack: str) -> None:
    lock = {"pid": 2**22 + 1, "username": "ada", "hostname": "elsewhere", "timestamp": "2026-01-01T00:00:00Z"}
    name = f".pulumi/locks/organization/tenantry/{stack}/one.json"
    team.store().write(name, json.dumps(lock))
    engine = engine_on(team, workshop.folder, workshop.port)
    with pytest.raises(BusyError, match="elsewhere") as busy:
        engine.break_lock(stack)
    assert team.store().exists(name)
    assert busy.value.hint.endswith(f"gone for good, delete {team.store().where(name)}")


def test_a_key_that_was_rotated_still_opens_what_it_wrapped(
    workshop: Workshop, sandbox: Sandbox, stack: str
) -> None:
    team = make_team(sandbox)
    engine_on(team, workshop.folder, workshop.port).up(stack, workshop.program(), passphrase="")
    path = f"{team.group}/providers/Microsoft.KeyVault/vaults/{team.vault}"
    sandbox.assign(path, "14b46e9e-c2b7-41b4-b07b-48a6ebf60603")  # officer of keys
    with _vault(team) as vault:
        newer = vault.rotate()
    assert newer != team.key
    engine = engine_on(team, workshop.folder, workshop.port, machine="two", key=newer)
    assert engine.up(stack, workshop.program(), passphrase="").outputs["size"] == 5
    with _vault(team) as vault:
        vault.disable(team.key)
    with pytest.raises(UnavailableError, match="disabled") as refused:
        engine.drift(stack, passphrase="")
    assert refused.value.code == "state-key"


class _Vault:
    def __init__(self, team: Team, client: Any) -> None:
        self._team, self._client = team, client

    def rotate(self) -> str:
        return str(self._client.create_rsa_key("engine", size=2048).id)

    def disable(self, key: str) -> None:
        self._client.update_key_properties("engine", key.rpartition("/")[2], enabled=False)


@contextlib.contextmanager
def _vault(team: Team) -> Iterator[_Vault]:
    from azure.keyvault.keys import KeyClient

    with KeyClient(
        team.key.partition("/keys/")[0],
        team.sandbox.credential(),
        connection_verify=team.sandbox.told["ca_file"],
        use_env_settings=False,
    ) as client:
        yield _Vault(team, client)


def test_a_container_that_keeps_nothing_is_taken(team: Team) -> None:
    team.store().check()
    assert not any(name.startswith(".tenantry-") for name in team.blobs())


def test_what_a_look_that_was_killed_left_is_removed_once_it_is_old(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.store().write(".tenantry-0123/look", "x")
    team.store().check()
    assert ".tenantry-0123/look" in team.blobs()  # whoever wrote it may be about to read it
    monkeypatch.setattr(azure_state, "_ABANDONED", timedelta(seconds=-600))
    team.store().check()
    assert ".tenantry-0123/look" not in team.blobs()


def test_a_token_file_that_is_gone_is_told_by_its_name(team: Team) -> None:
    class Gone:
        def get_token(self, *_: str, **__: object) -> AccessToken:
            raise FileNotFoundError(2, "No such file or directory", "/var/token")

    store = team.store()
    store._credential = Gone()
    with pytest.raises(UnavailableError, match="/var/token") as error:
        store.read("x")
    assert (error.value.code, "the credential's" in error.value.hint) == ("state-unreachable", True)


def test_a_proxy_is_for_what_is_outside_and_gets_into_no_state(workshop: Workshop, stack: str) -> None:
    engine = Engine(
        tools.find_engine(),
        home=workshop.folder / "home",
        state_folder=workshop.folder / "state",
        providers={PACKAGE: workshop.port},
        environment={"HTTPS_PROXY": "http://ada:hunter3@127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
    )
    assert engine.up(stack, workshop.program(), passphrase="of tests").outputs["size"] == 5
    written = [one for one in workshop.folder.rglob("*") if one.is_file()]
    assert any(one.name == f"{stack}.json" for one in written)
    assert [one for one in written if b"hunter3" in one.read_bytes()] == []


@pytest.mark.parametrize(
    "service",
    [{"deleteRetentionPolicy": {"enabled": True, "days": 7}}, {"isVersioningEnabled": True}],
    ids=["soft delete", "versions"],
)
def test_a_container_that_keeps_what_is_deleted_is_refused(sandbox: Sandbox, service: dict[str, Any]) -> None:
    team = make_team(sandbox)
    team.serve(**service)
    with pytest.raises(RefusedError, match="keeps what is deleted") as refused:
        team.store().check()
    assert refused.value.code == "state-kept"


def test_a_stack_that_azure_keeps_after_its_deletion_is_not_called_removed(
    workshop: Workshop, sandbox: Sandbox, stack: str
) -> None:
    team = make_team(sandbox)
    engine = engine_on(team, workshop.folder, workshop.port)
    engine.up(stack, workshop.program(), passphrase="")
    team.serve(deleteRetentionPolicy={"enabled": True, "days": 7})
    with pytest.raises(FailedError, match=rf"{team.account}.*{stack}") as left:
        engine.remove(stack, although_full=True)
    assert left.value.code == "stack-left"
    assert "soft delete" in left.value.hint


@pytest.mark.parametrize(
    "look",
    [BlobStore.check, lambda store: store.exists("x"), lambda store: store.read("x"),
     lambda store: store.remove("x"), lambda store: store.having(re.compile("x"))],
    ids=["check", "exists", "read", "remove", "having"],
)  # fmt: skip
def test_a_container_that_is_not_there_is_an_error_with_its_remedy(
    team: Team, look: Callable[[BlobStore], object]
) -> None:
    with pytest.raises(UnavailableError, match="ContainerNotFound") as error:
        look(team.store(container="nowhere"))
    assert "azure.state" in error.value.hint


def test_a_container_without_rights_is_told_with_the_role(sandbox: Sandbox) -> None:
    team = make_team(sandbox)
    arm = sandbox.arm()
    path = f"{team.account_id}/providers/Microsoft.Authorization/roleAssignments"
    for one in arm.list(path, "2022-04-01"):
        if "/storageaccounts/" in str(one["id"]).lower():
            arm.delete(str(one["id"]), "2022-04-01")
    with pytest.raises(UnavailableError) as error:
        team.store().check()
    assert "Storage Blob Data Contributor" in error.value.hint
