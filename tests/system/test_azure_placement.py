"""Where an instance may lie, and what a region does not offer, from the installed command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.azure_fleet import Fleet

_BLOCKED, _OPEN = "westeurope", "canadacentral"
_NO_STANDBY = "no-zone-redundancy"


@pytest.fixture(autouse=True)
def nothing_goes_wrong(fleet: Fleet) -> Iterator[None]:
    """Each test's faults end with it."""
    yield
    fleet.sandbox.faults("clear")


def _spec(fleet: Fleet, name: str, region: str, *lines: str, profile: str = "registrations") -> None:
    """Write a spec with more keys in its block azure, and more blocks."""
    fleet.new(name, profile=profile)
    file = fleet.workspace / "instances" / f"{name}.yaml"
    kept = [one for one in file.read_text().splitlines() if not one.startswith(("azure:", "  region:"))]
    file.write_text("\n".join([*kept, "azure:", f"  region: {region}", *lines]) + "\n")


def _there(fleet: Fleet) -> tuple[dict[str, int], list[str], dict[str, int]]:
    """What the cloud has, what is recorded, and how often each principal asked."""
    told = fleet.sandbox.command("status")
    rows = fleet.run("instance", "list")["data"]["instances"]
    return told["resources"], [one["name"] for one in rows], told["callers"]


def _problem(answer: dict[str, Any]) -> dict[str, Any]:
    (found,) = answer["problems"]
    return dict(found)


def test_a_required_standby_is_refused_by_the_catalogue_before_anybody_is_asked(fleet: Fleet) -> None:
    _spec(fleet, "estonia", _BLOCKED, "  zone_redundancy: required")
    before = _there(fleet)
    for command in (["instance", "preview"], ["instance", "deploy"]):
        problem = _problem(fleet.run(*command, "estonia", expect=77))
        spec = (fleet.workspace / "instances/estonia.yaml").read_text().splitlines()
        line = spec.index("  zone_redundancy: required") + 1
        assert (problem["code"], problem["where"]) == (_NO_STANDBY, f"instances/estonia.yaml:{line}:20")
        assert "blocked" in problem["message"] or "refuses" in problem["message"]
        assert "write preferred" in problem["hint"]
    assert _there(fleet) == before


def test_a_preferred_standby_that_the_region_blocks_is_a_warning_of_preview_and_the_instance_goes_without(
    fleet: Fleet,
) -> None:
    _spec(fleet, "latvia", _BLOCKED)
    answer = fleet.run("instance", "preview", "latvia")
    problem = _problem(answer)
    assert (answer["status"], problem["code"]) == ("ok", "no-standby")
    assert _BLOCKED in problem["message"]
    assert [one for one in answer["data"]["changes"] if one["type"].endswith(":Server")]


def test_a_required_standby_that_azure_denies_this_subscription_is_refused_before_any_effect(
    fleet: Fleet,
) -> None:
    """The catalogue has it there; what Azure says of the subscription counts."""
    _spec(fleet, "quebec", _OPEN, "  zone_redundancy: required")
    fleet.sandbox.faults("standby", _OPEN)
    before = _there(fleet)[0]
    problem = _problem(fleet.run("instance", "deploy", "quebec", "--reason", "a test", expect=69))
    assert problem["code"] == _NO_STANDBY
    assert "azure.zone_redundancy: preferred" in problem["hint"]
    assert _there(fleet)[0] == before
    group = fleet.sandbox.arm().list(f"{fleet.sandbox.subscription}/resourceGroups", "2024-03-01")
    assert group == []
