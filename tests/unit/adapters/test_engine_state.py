"""The state folder, without an engine."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tenantry.adapters.engine_state import EngineState, process_is_dead
from tenantry.adapters.engine_store import FolderStore
from tenantry.errors import RefusedError, UnavailableError


def _raw(name: str, **more: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:s::tenantry::tenantry-host:index:File::{name}"
    return {"urn": urn, "type": "tenantry-host:index:File", "custom": True, "inputs": {"a": 1}, **more}


@pytest.fixture
def state(tmp_path: Path) -> EngineState:
    state = EngineState(tmp_path / "state", home=tmp_path / "home", project="tenantry")
    state.prepare()
    return state


def _write(state: EngineState, **latest: Any) -> None:
    path = state.folder / state.checkpoint("s")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 3, "checkpoint": {"stack": "s", "latest": latest}}))


def test_the_engine_can_write_no_logs_of_its_own(state: EngineState) -> None:
    logs = state.home / "logs"
    logs.unlink()
    logs.mkdir()
    (logs / "organization+tenantry+s-1.log").touch()
    state.prepare()
    assert logs.is_file()


def test_the_stack_itself_and_the_engines_providers_are_no_resources(state: EngineState) -> None:
    own = [
        {"urn": "urn:pulumi:s::tenantry::pulumi:pulumi:Stack::tenantry-s", "type": "pulumi:pulumi:Stack"},
        {"urn": "urn:x::y::pulumi:providers:a::default", "type": "pulumi:providers:a"},
    ]
    _write(state, resources=[*own, _raw("f", id="i", outputs={"b": 2})])
    (found,) = state.resources("s")
    assert (found.name, found.id, found.inputs, found.outputs) == ("f", "i", {"a": 1}, {"b": 2})
    assert state.resources("other") == []


def test_interrupted_creates_are_forgotten_or_entered(state: EngineState) -> None:
    pending = [
        {"resource": _raw("made"), "type": "creating"},
        {"resource": _raw("there"), "type": "creating"},
        {"resource": _raw("there"), "type": "updating"},
    ]
    resources = [_raw("there", id="1")]
    for adopt, ids in ((False, {"there": "1"}), (True, {"there": "1", "made": "unfinished"})):
        _write(state, resources=resources, pending_operations=pending)
        assert state.settle("s", adopt=adopt) == 2
        assert {found.name: found.id for found in state.resources("s")} == ids
        assert state.settle("s", adopt=adopt) == 0


def test_a_create_that_the_dying_engine_took_for_failed_is_entered_for_a_destroy(state: EngineState) -> None:
    path = state.folder / state.checkpoint("s")
    _write(state, pending_operations=[{"resource": _raw("made"), "type": "creating"}])
    path.rename(path.with_name("s.json.bak"))
    _write(state, resources=[_raw("there", id="1")])
    state.settle("s", adopt=False)
    assert [found.name for found in state.resources("s")] == ["there"]
    state.settle("s", adopt=True)
    assert {found.name: found.id for found in state.resources("s")} == {"there": "1", "made": "unfinished"}


def test_what_exists_although_its_create_failed_is_entered_as_half_made_if_it_is_the_stacks_own(
    state: EngineState,
) -> None:
    _write(state, resources=[_raw("there", id="/1")])
    asked = [(f"/{name}", _raw(name)) for name in ("there", "mine", "theirs")]
    own = iter(["/MINE", ""])  # what is known already is not asked for
    assert state.enter("s", asked, lambda _token, _inputs: next(own)) == 1
    assert {found.name: found.id for found in state.resources("s")} == {"there": "/1", "mine": "/mine"}
    assert state.half_made("s") == [_raw("mine")["urn"]], "whether it is whole is not known"


def test_a_state_that_cannot_be_read_is_told_by_its_path(state: EngineState) -> None:
    _write(state)
    (state.folder / state.checkpoint("s")).write_text("{")
    with pytest.raises(UnavailableError, match=r"stacks/tenantry/s\.json"):
        state.resources("s")


def test_a_stack_with_resources_is_not_removed(state: EngineState) -> None:
    _write(state, resources=[_raw("f", id="i")])
    with pytest.raises(RefusedError, match="still has 1 resources"):
        state.remove("s")
    assert state.exists("s")


def test_leftovers_are_found_by_the_whole_name_wherever_they_lie(state: EngineState) -> None:
    mine = ["Pulumi.tn1.yaml", ".pulumi/x/tn1/deep", ".pulumi/stacks/tn1.json.bak", ".pulumi/y/a+tn1-3.log"]
    others = ["Pulumi.tn11.yaml", ".pulumi/x/atn1/deep", ".pulumi/stacks/tn1-b.json"]
    for name in (*mine[:3], *others):
        path = state.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = {str(Path(path).relative_to(state.folder)) for path in state.leftovers("tn1")}
    assert found == {"Pulumi.tn1.yaml", ".pulumi/x/tn1", ".pulumi/stacks/tn1.json.bak"}


def test_a_lock_that_was_cut_short_names_no_process(state: EngineState) -> None:
    folder = state.folder / ".pulumi/locks/organization/tenantry/s"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text('{"pid":')
    (holder,) = state.locks("s")
    assert (holder.pid, holder.host) == (0, os.uname().nodename)


def test_a_process_is_dead_only_with_proof() -> None:
    now = datetime.now(UTC)
    assert not process_is_dead(os.getpid(), now)
    assert process_is_dead(os.getpid(), now - timedelta(days=3650))  # that one had our number before us
    with subprocess.Popen(["true"]) as child:
        child.wait()
        assert process_is_dead(child.pid, now)
    zombie = subprocess.Popen(["true"])
    while Path(f"/proc/{zombie.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    assert process_is_dead(zombie.pid, now)
    zombie.wait()
    assert process_is_dead(0, now)


_SALT = {"type": "passphrase", "state": {"salt": "v1:a=:v1:b:c"}}
_VAULT = "azurekeyvault://kv-team.vault.azure.net/keys/engine"
_WRAPPED = {"type": "cloud", "state": {"url": f"{_VAULT}/1", "encryptedkey": "abc"}}


class _OfATeam(FolderStore):
    secrets_provider = f"{_VAULT}/2"  # rotated since


@pytest.fixture
def team(tmp_path: Path) -> EngineState:
    folder = tmp_path / "state"
    state = EngineState(folder, home=tmp_path / "home", project="tenantry", store=_OfATeam(folder))
    state.prepare()
    return state


@pytest.mark.parametrize("latest", [{}, {"manifest": {}}], ids=["nothing", "the first of two writes"])
def test_a_stack_whose_making_was_cut_off_is_not_there(state: EngineState, latest: dict[str, Any]) -> None:
    _write(state, **latest)
    assert not state.exists("s")


@pytest.mark.parametrize("latest", [{"secrets_providers": _SALT}, {"resources": [{}]}], ids=["made", "full"])
def test_a_stack_is_there_that_was_made_or_holds_something(
    state: EngineState, latest: dict[str, Any]
) -> None:
    _write(state, **latest)
    assert state.exists("s")


@pytest.mark.parametrize("before", [None, "", "encryptionsalt: v1:b:c\n"], ids=["lost", "cut", "other"])
def test_settings_are_written_anew_from_the_checkpoint(state: EngineState, before: str | None) -> None:
    _write(state, secrets_providers=_SALT)
    if before is not None:
        state.settings_path("s").write_text(before)
    state.restore_settings("s")
    assert state.settings_path("s").read_text() == "encryptionsalt: v1:a=:v1:b:c\n"


def test_settings_that_say_the_same_stay_as_they_are(state: EngineState) -> None:
    text = "config:\n  a: b\nencryptionsalt: v1:a=:v1:b:c\n"
    _write(state, secrets_providers=_SALT)
    state.settings_path("s").write_text(text)
    state.restore_settings("s")
    assert state.settings_path("s").read_text() == text


def test_a_teams_stack_stays_under_the_version_of_the_key_that_it_was_made_with(team: EngineState) -> None:
    _write(team, secrets_providers=_WRAPPED)
    team.restore_settings("s")
    assert team.settings_path("s").read_text() == f"secretsprovider: {_VAULT}/1\nencryptedkey: abc\n"


@pytest.mark.parametrize(
    ("provider", "told"),
    [
        ({"secrets_providers": _SALT}, "a passphrase"),
        ({"resources": [_raw("f")]}, "nothing that it names"),
        ({"secrets_providers": {"state": {"url": f"{_VAULT}2/1", "encryptedkey": "abc"}}}, f"{_VAULT}2/1"),
    ],
    ids=["a passphrase", "nothing", "another key"],
)
def test_a_teams_stack_under_anything_but_its_key_is_refused(
    team: EngineState, provider: dict[str, Any], told: str
) -> None:
    _write(team, **provider)
    with pytest.raises(RefusedError, match=f"under {told}, not under") as refused:
        team.restore_settings("s")
    assert (refused.value.code, "azure.state" in refused.value.hint) == ("state-key", True)
    assert not team.settings_path("s").exists()
