"""Twenty instances of the real fleet at once in two subscriptions of a sandbox.

The sandbox takes fewer calls than are made.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tenantry.adapters.azure_arm import Arm
from tests.support.azure_fleet import REGION, Fleet
from tests.support.installation import fleet as real_fleet
from tests.support.overlaps import Times, most_at_once, worked_on

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600), pytest.mark.xdist_group("twenty")]

_COUNT, _AT_ONCE = 20, 5
_IN_SUBSCRIPTION, _IN_REGION = 3, 2  # at once
_OTHER_REGION = "westeurope"


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What one command made of all specs, and what was seen of it."""

    names: Sequence[str]
    deployed: Mapping[str, Any]  # outcome by name
    groups: Sequence[Mapping[str, Any]]
    times: Mapping[str, Times]  # of each group: when it was worked on
    throttled: int  # calls that were told to come again
    foreign: Sequence[str]  # resources with another instance's tag
    erased: Mapping[str, int]  # exit codes
    ticked: Mapping[str, bool]  # whether nothing of it is recoverable
    left: Sequence[str]  # groups after the last erasure


@pytest.fixture(scope="module")
def seen(fleet: Fleet) -> _Seen:
    names = [row["name"] for row in real_fleet()[:_COUNT]]
    _write_specs(fleet, names)
    # Two cores make fewer calls in all than Azure takes: of a quarter of that they make too many.
    fleet.sandbox.faults("limits", "0.25")
    answer = fleet.run("instance", "deploy", "--all", "--jobs", str(_AT_ONCE), timeout=2400)
    fleet.sandbox.faults("clear")
    throttled = fleet.sandbox.command("status")["requests"]["throttled"]
    times = worked_on(fleet.workspace)
    arm = fleet.sandbox.arm()
    groups = _groups(fleet, arm)
    foreign = []
    for group in groups:
        for one in arm.list(f"{group['id']}/resources", "2021-04-01"):
            tag = (one.get("tags") or {}).get("instance", group["tags"]["instance"])
            foreign += [one["id"]] if tag != group["tags"]["instance"] else []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        erased = dict(zip(names, pool.map(lambda name: _erase(fleet, name), names), strict=True))
    fleet.sandbox.faults("time", "+31d")
    ticked = {row["name"]: row["nothing_recoverable"] for row in fleet.run("tick")["data"]["erased"]}
    left = [one["name"] for one in _groups(fleet, arm)]
    return _Seen(
        names=names,
        deployed={row["name"]: (row["outcome"], row["health"]) for row in answer["data"]["instances"]},
        groups=groups,
        times=times,
        throttled=throttled,
        foreign=foreign,
        erased=erased,
        ticked=ticked,
        left=left,
    )


def _write_specs(fleet: Fleet, names: Sequence[str]) -> None:
    """Write eight specs for one region, and six each for another one and for another subscription."""
    file = fleet.workspace / "tenantry.yaml"
    at_once = f"cloud: sandbox, at_once: {{subscription: {_IN_SUBSCRIPTION}, region: {_IN_REGION}}}"
    file.write_text(file.read_text(encoding="utf-8").replace("cloud: sandbox", at_once), encoding="utf-8")
    for number, name in enumerate(names):
        fleet.new(name, region=_OTHER_REGION if 8 <= number < 14 else REGION)
        if number >= 14:
            fleet.live_in(name, fleet.sandbox.second)


def _groups(fleet: Fleet, arm: Arm) -> list[dict[str, Any]]:
    scopes = (fleet.sandbox.subscription, fleet.sandbox.second)
    return [one for scope in scopes for one in arm.list(f"{scope}/resourceGroups", "2024-03-01")]


def _places(seen: _Seen) -> Mapping[tuple[str, str], list[str]]:
    """Return the groups of each region of each subscription."""
    found: dict[tuple[str, str], list[str]] = {}
    for group in seen.groups:
        place = (str(group["id"]).split("/")[2], str(group["location"]))
        found.setdefault(place, []).append(str(group["id"]))
    return found


def _erase(fleet: Fleet, name: str) -> int:
    return _command(fleet, "erase", "run", name, "--confirm", name, "--reason", "a test").wait(timeout=600)


def _command(fleet: Fleet, *arguments: str) -> subprocess.Popen[bytes]:
    program = str(Path(sys.executable).with_name("tenantry"))
    return subprocess.Popen(
        [program, *arguments, "--workspace", str(fleet.workspace)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_all_are_deployed_and_healthy_each_in_a_group_of_its_own(seen: _Seen) -> None:
    assert seen.deployed == dict.fromkeys(seen.names, ("done", "healthy"))
    assert len({group["tags"]["instance"] for group in seen.groups}) == _COUNT


def test_no_more_are_worked_on_at_once_than_a_region_and_a_subscription_allow(seen: _Seen) -> None:
    places = _places(seen)
    assert sorted(len(groups) for groups in places.values()) == [6, 6, 8]
    assert max(most_at_once(seen.times, groups) for groups in places.values()) == _IN_REGION
    for subscription in {one for one, _ in places}:
        groups = [group for (one, _), mine in places.items() if one == subscription for group in mine]
        assert most_at_once(seen.times, groups) <= _IN_SUBSCRIPTION
    assert most_at_once(seen.times, [one for mine in places.values() for one in mine]) > _IN_SUBSCRIPTION


def test_calls_that_were_too_many_came_again(seen: _Seen) -> None:
    assert seen.throttled > _COUNT


def test_nothing_of_one_lies_in_the_group_of_another(seen: _Seen) -> None:
    assert seen.foreign == []


def test_each_is_erased_though_four_are_at_a_time_and_nothing_is_recoverable_after_the_last_date(
    seen: _Seen,
) -> None:
    assert seen.erased == dict.fromkeys(seen.names, 0)
    assert seen.ticked == dict.fromkeys(seen.names, True)
    assert seen.left == []
