"""A command over several instances tells of each: one that cannot be reached hides no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tenantry.cli.app import app
from tenantry.cli.run import main_guard
from tenantry.cli.wiring import Wiring
from tenantry.model.lifecycle import State
from tests.support.reference import undocumented
from tests.unit.cli.conftest import SPECS, Run

_MADE = {
    "azure_suffix": "abc234",
    "azure_region": "westeurope",
    "region": "westeurope",
    "cloud": "public",
    "subscription": "12345678-0000-4000-8000-000000000000",
}


def _record(workspace: Path, name: str, *, target: str) -> Wiring:
    """Record an active instance, of which nothing else was ever made."""
    (workspace / "instances").mkdir(exist_ok=True)
    text = SPECS[target].replace("benin", name)
    (workspace / "instances" / f"{name}.yaml").write_text(text, encoding="utf-8")
    wiring = Wiring(workspace)
    wiring.adder(*wiring.spec(name))()
    wiring.register.update(
        name, state=State.ACTIVE, version="1.0.0", facts=_MADE if target == "azure" else {}
    )
    return wiring


@pytest.fixture
def three(ready: Run, workspace: Path) -> Wiring:
    """One here, one on Azure, whose secret's file is gone, and one on another host."""
    _record(workspace, "benin", target="host")
    _record(workspace, "kenya", target="azure")
    _is_host(workspace, "elsewhere")
    _record(workspace, "togo", target="host")
    _is_host(workspace, "test")
    (workspace / "secret").unlink()
    return Wiring(workspace)


def _is_host(workspace: Path, name: str) -> None:
    """Let the machine have another name."""
    file = workspace / "tenantry.yaml"
    file.write_text(re.sub(r"(?<=host: \{name: )\w+", name, file.read_text()))


def _told(answer: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: (row["problem"] or {}).get("code", "") for row in answer["data"]["instances"]}


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("names", [(), ("benin", "kenya", "togo", "kenya")], ids=["all", "named"])
def test_what_cannot_be_looked_at_is_unknown_and_the_others_are_told(
    ready: Run, names: tuple[str, ...]
) -> None:
    code, answer = ready("instance", "health", *names)
    assert (code, answer["status"], undocumented("instance health", answer["data"])) == (1, "no", set())
    assert _told(answer) == {"benin": "", "kenya": "no-credential-file", "togo": "other-host"}
    here, kenya, togo = answer["data"]["instances"]
    assert here["conditions"]
    assert (kenya["health"], togo["health"], kenya["conditions"]) == ("unknown", "unknown", [])
    assert kenya["problem"] in answer["problems"]
    assert "tenantry.yaml" in kenya["problem"]["hint"]


@pytest.mark.usefixtures("three", "nothing_asked")
def test_where_none_can_be_reached_it_is_an_error_that_tells_each_cause_once(
    ready: Run, workspace: Path
) -> None:
    (workspace / "secret").touch(mode=0o600)
    _record(workspace, "zambia", target="azure")
    (workspace / "secret").unlink()
    _is_host(workspace, "third")
    code, answer = ready("instance", "health")
    assert (code, answer["status"], answer["data"]) == (69, "error", {})
    codes = [one["code"] for one in answer["problems"]]
    assert codes.count("no-credential-file") == 1


@pytest.mark.usefixtures("three", "nothing_asked")
def test_one_that_is_named_alone_and_cannot_be_reached_is_an_error(ready: Run) -> None:
    assert ready("instance", "health", "kenya")[0] == 69


@pytest.mark.usefixtures("three")
def test_a_spec_that_is_gone_hides_no_other_instance(ready: Run, workspace: Path) -> None:
    (workspace / "instances" / "togo.yaml").unlink()
    code, answer = ready("instance", "health")
    assert (code, _told(answer)["togo"]) == (1, "no-spec")


@pytest.mark.usefixtures("three")
def test_people_read_what_was_in_the_way_and_what_to_do(
    ready: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main_guard(app, ["instance", "health"]) == 1
    out, err = capsys.readouterr()
    assert "kenya: unknown\ncould not be looked at: azure.client_secret_file names no file" in out
    assert "→ see the block azure in tenantry.yaml" in err


@pytest.mark.usefixtures("three", "nothing_asked")
def test_a_list_tells_an_instance_whose_spec_the_residency_forbids_meanwhile(
    ready: Run, three: Wiring, workspace: Path
) -> None:
    three.register.update("kenya", facts={})
    spec = workspace / "instances" / "kenya.yaml"
    spec.write_text(spec.read_text() + "residency: {countries: [BJ]}\n")
    code, answer = ready("instance", "list")
    rows = {row["name"]: row["placement"] for row in answer["data"]["instances"]}
    assert (code, rows["kenya"], rows["benin"]) == (0, "unknown", "test")


def _erased(wiring: Wiring, *names: str) -> None:
    for name in names:
        for state in (State.CLOSING, State.ERASING, State.ERASED):
            wiring.register.update(name, state=state)


@pytest.mark.usefixtures("nothing_asked")
def test_tick_tells_the_others_and_says_no(ready: Run, three: Wiring) -> None:
    _erased(three, "benin", "kenya", "togo")
    code, answer = ready("tick")
    assert (code, [one["name"] for one in answer["data"]["erased"]]) == (1, ["benin"])
    assert {one["code"] for one in answer["problems"]} == {"no-credential-file", "other-host"}


@pytest.mark.usefixtures("nothing_asked")
def test_tick_that_can_look_at_nothing_is_an_error(ready: Run, three: Wiring) -> None:
    _erased(three, "kenya")
    code, answer = ready("tick")
    assert (code, [one["code"] for one in answer["problems"]]) == (69, ["no-credential-file"])


@pytest.mark.usefixtures("nothing_asked")
def test_a_workspace_that_names_no_azure_any_more_tells_that_of_what_lived_there(
    ready: Run, three: Wiring, workspace: Path
) -> None:
    _erased(three, "kenya")
    file = workspace / "tenantry.yaml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("azure:")))
    code, answer = ready("tick")
    assert (code, [one["code"] for one in answer["problems"]]) == (1, ["no-azure"])


@pytest.mark.usefixtures("three", "nothing_asked")
@pytest.mark.parametrize(
    "command",
    [
        ("instance", "preview", "togo"),
        ("instance", "health", "togo"),
        ("instance", "drift", "togo"),
        ("instance", "logs", "togo", "--reason", "a test"),
        ("backup", "list", "togo"),
        ("erase", "run", "togo"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_this_host_says_nothing_of_an_instance_of_another_one(ready: Run, command: tuple[str, ...]) -> None:
    code, answer = ready(*command)
    assert (code, [one["code"] for one in answer["problems"]]) == (69, ["other-host"])
    assert answer["problems"][0]["hint"] == "run the command on elsewhere"
