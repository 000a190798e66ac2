"""Twenty instances of the real fleet at once in one subscription of a sandbox, and two commands for one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.azure_fleet import Fleet
from tests.support.installation import fleet as real_fleet

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600), pytest.mark.xdist_group("twenty")]

_COUNT, _AT_ONCE = 20, 4
_BUSY = 75


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What one command made of all specs, and what was seen of it."""

    names: Sequence[str]
    deployed: Mapping[str, Any]  # outcome by name
    groups: Sequence[Mapping[str, Any]]
    foreign: Sequence[str]  # resources with another instance's tag
    erased: Mapping[str, int]  # exit codes
    ticked: Mapping[str, bool]  # whether nothing of it is recoverable
    left: Sequence[str]  # groups after the last erasure


@pytest.fixture(scope="module")
def seen(fleet: Fleet) -> _Seen:
    names = [row["name"] for row in real_fleet()[:_COUNT]]
    for name in names:
        fleet.new(name)
    answer = fleet.run("instance", "deploy", "--all", "--jobs", str(_AT_ONCE), timeout=1700)
    arm = fleet.sandbox.arm()
    groups = arm.list(f"{fleet.sandbox.subscription}/resourceGroups", "2024-03-01")
    foreign = []
    for group in groups:
        for one in arm.list(f"{group['id']}/resources", "2021-04-01"):
            tag = (one.get("tags") or {}).get("instance", group["tags"]["instance"])
            foreign += [one["id"]] if tag != group["tags"]["instance"] else []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        erased = dict(zip(names, pool.map(lambda name: _erase(fleet, name), names), strict=True))
    fleet.sandbox.faults("time", "+31d")
    ticked = {row["name"]: row["nothing_recoverable"] for row in fleet.run("tick")["data"]["erased"]}
    left = [one["name"] for one in arm.list(f"{fleet.sandbox.subscription}/resourceGroups", "2024-03-01")]
    return _Seen(
        names=names,
        deployed={row["name"]: (row["outcome"], row["health"]) for row in answer["data"]["instances"]},
        groups=groups,
        foreign=foreign,
        erased=erased,
        ticked=ticked,
        left=left,
    )


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


def test_nothing_of_one_lies_in_the_group_of_another(seen: _Seen) -> None:
    assert seen.foreign == []


def test_each_is_erased_though_four_are_at_a_time_and_nothing_is_recoverable_after_the_last_date(
    seen: _Seen,
) -> None:
    assert seen.erased == dict.fromkeys(seen.names, 0)
    assert seen.ticked == dict.fromkeys(seen.names, True)
    assert seen.left == []


def test_of_two_commands_for_one_instance_one_is_busy_and_the_other_goes_through(fleet: Fleet) -> None:
    fleet.new("lesotho")
    running = [_command(fleet, "instance", "deploy", "lesotho", "--reason", "a test") for _ in range(2)]
    assert sorted(one.wait(timeout=600) for one in running) == [0, _BUSY]
    assert fleet.run("instance", "health", "lesotho")["data"]["instances"][0]["health"] == "healthy"
    assert fleet.run("instance", "drift", "lesotho")["data"]["changes"] == []
