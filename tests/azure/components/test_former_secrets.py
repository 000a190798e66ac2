"""A secret that a profile has no more, under the real engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tenantry.components.azure.props import AzureProps
from tenantry.stacks.instance import azure_program
from tenantry.targets.azure.former_secrets import FACT, Former
from tests.azure.components.running import PASSPHRASE, engine_on
from tests.azure.recording import RecordingManager, example_props

_SECRET, _ENGINES = "NAMESPACE-UUID", "secret-NAMESPACE-UUID"


def _without(whole: AzureProps) -> AzureProps:
    variables = tuple(one for one in whole.profile.variables if one.name != "NAMESPACE_UUID")
    return dataclasses.replace(whole, profile=dataclasses.replace(whole.profile, variables=variables))


def _recording(*names: str) -> Any:
    return SimpleNamespace(facts={FACT: " ".join(names)} if names else {})


def test_the_engine_lets_go_of_a_secret_that_no_variable_has_any_more_and_makes_it_anew(
    tmp_path: Path,
) -> None:
    """The vault lets the engine in no more than anybody else: it would be refused."""
    whole = example_props(tmp_path / "w")
    manager = RecordingManager()

    def run(props: AzureProps) -> dict[str, str]:
        former = Former.of(props, [one.name for one in engine.resources("one")], _recording())
        program = azure_program(props)
        ran = engine.up("one", program, passphrase=PASSPHRASE, retain=former.retained)
        again = engine.up("one", program, passphrase=PASSPHRASE)
        assert {str(change.kind) for change in again.changes} == {"same"}
        return {change.name: str(change.kind) for change in ran.changes}

    with engine_on(tmp_path / "engine", manager) as engine:
        run(whole)
        dropped = run(_without(whole))
        settings = next(body["properties"] for path, body in manager.sent.items() if "appsettings" in path)
        assert "NAMESPACE_UUID" not in settings
        (path,) = [one for one in manager.bodies if one.endswith(f"/{_SECRET}")]
        assert (manager.deleted, dropped[_ENGINES]) == ([], "delete")
        del manager.bodies[path]  # as whoever enters the vault does then
        assert run(whole)[_ENGINES] == "create"
    assert manager.bodies[path]["properties"] == {"value": whole.secrets["NAMESPACE_UUID"]}


def test_what_a_killed_run_recorded_is_still_to_go_although_the_engine_knows_it_no_more(
    tmp_path: Path,
) -> None:
    former = Former.of(_without(example_props(tmp_path)), ["secret-ADMIN-PASSWORD"], _recording(_SECRET))
    assert [sorted(former.due), former.retained, sorted(former.back)] == [[_SECRET], [], []]


def test_a_variable_that_is_back_before_its_secret_is_gone_waits_for_that(tmp_path: Path) -> None:
    former = Former.of(example_props(tmp_path), [], _recording(_SECRET))
    assert [sorted(former.due), sorted(former.back)] == [[_SECRET], [_SECRET]]


def test_a_variable_that_is_back_before_the_engine_let_go_of_its_secret_keeps_it(tmp_path: Path) -> None:
    former = Former.of(example_props(tmp_path), [_ENGINES], _recording(_SECRET))
    assert [sorted(former.due), former.fact] == [[], ""]
