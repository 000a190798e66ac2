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
