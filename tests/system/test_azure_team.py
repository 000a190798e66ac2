"""An instance whose engine keeps its state in a team's storage account, through its life."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.azure_fleet import Fleet
from tests.support.team import Team, make_team

_TENANTRY = Path(sys.executable).with_name("tenantry")
_WITHOUT = "azure: {cloud: sandbox}\n"
# Counted from the start of each run, which looks at policies first.
_IN_A_DEPLOY = ("40", "90", "110", "60")


@pytest.fixture(scope="module")
def team(fleet: Fleet) -> Team:
    return make_team(fleet.sandbox)


def _settings(fleet: Fleet, azure: str) -> None:
    """Write the line azure of tenantry.yaml anew."""
    path = fleet.workspace / "tenantry.yaml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(azure if line.startswith("azure:") else line for line in lines))


def _named(state: str) -> str:
    return f"azure: {{cloud: sandbox, state: {state}}}\n"


@pytest.mark.soak
@pytest.mark.longest
@pytest.mark.timeout(1800)
def test_an_instance_lives_with_its_state_in_the_account_and_leaves_no_blob(fleet: Fleet, team: Team) -> None:
    name = "lesotho"
    fleet.new(name)
    deploy = ("instance", "deploy", name, "--reason", "a test")
    _settings(fleet, _named(team.settings.replace("container: state", "container: nowhere")))
    refused = fleet.run(*deploy, expect=69)
    assert "ContainerNotFound" in refused["problems"][0]["message"]

    _settings(fleet, _named(team.settings))
    locked = []
    for point in _IN_A_DEPLOY:
        assert fleet.killed(point, *deploy)
        locked.append(any("/locks/" in blob for blob in team.blobs()))
    assert any(locked), "no kill struck while the engine ran"
    row = fleet.run(*deploy)["data"]["instances"][0]
    assert (row["outcome"], row["health"]) == ("done", "healthy")
    assert fleet.run("instance", "preview", name, "--exit-code")["data"]["changes"] == []
    assert fleet.run("instance", "drift", name)["data"]["changes"] == []
    assert any("/stacks/tenantry/" in blob for blob in team.blobs())
    assert not (fleet.workspace / ".tenantry/engine/state/.pulumi").exists()
    assert not list((fleet.workspace / ".tenantry/vault").glob("*-stack.age"))

    erase = ("erase", "run", name, "--confirm", name, "--reason", "a test")
    _settings(fleet, _WITHOUT)
    for command in (("instance", "drift", name), deploy, erase):
        elsewhere = fleet.run(*command, expect=77)
        assert elsewhere["problems"][0]["code"] == "state-elsewhere"

    _settings(fleet, _named(team.settings))
    assert fleet.killed("2:before remove from state", *erase)
    erased = fleet.run(*erase)["data"]
    assert erased["state"] == "erased"
    assert {one["absent"] for one in erased["assets"]} == {True}
    assert team.blobs() == [".pulumi/meta.yaml"]
    assert not list((fleet.workspace / ".tenantry/engine").rglob("Pulumi.*.yaml"))
    assert fleet.run("journal", "verify")["status"] == "ok"
