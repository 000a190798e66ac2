"""Several deploys of one command: so many at once as what they share allows, and no more than fit.

And two commands for one instance.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.azure_fleet import TENANTRY, Fleet
from tests.support.overlaps import most_at_once, worked_on

pytestmark = [pytest.mark.timeout(600)]

_NAMES = ("kenya", "malawi", "zambia")
_DATABASES = ("angola", "botswana")  # with a database each
_BUSY = 75


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What one command did."""

    code: int
    told: str  # progress
    rows: Mapping[str, Any]
    resources: Any  # that were there afterwards, by type
    groups: Mapping[str, str]


@pytest.fixture(scope="module")
def limited(fleet: Fleet) -> Fleet:
    """A workspace that deploys one instance at a time in a region."""
    file = fleet.workspace / "tenantry.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("cloud: sandbox", "cloud: sandbox, at_once: {region: 1}"), encoding="utf-8")
    return fleet


@pytest.fixture(scope="module")
def seen(limited: Fleet) -> _Seen:
    """All specs by a command that may do three at once: two in one region, and two without any quota."""
    for name in _NAMES:
        limited.new(name, profile="greeting")
    for name in _DATABASES:
        limited.new(name)
    limited.sandbox.faults("quota", "1")
    limited.live_in("zambia", limited.sandbox.second)
    arguments = ("--all", "--jobs", "3", "--workspace", str(limited.workspace), "--output", "json")
    done = subprocess.run(
        [str(TENANTRY), "instance", "deploy", *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    limited.sandbox.faults("clear")
    return _Seen(
        code=done.returncode,
        told=done.stderr,
        rows={row["name"]: row for row in json.loads(done.stdout)["data"]["instances"]},
        resources=_resources(limited),
        groups={name: limited.group(name) for name in _NAMES},
    )


def test_all_that_fit_come_up_and_in_one_region_one_at_a_time(limited: Fleet, seen: _Seen) -> None:
    assert {name: seen.rows[name]["outcome"] for name in _NAMES} == dict.fromkeys(_NAMES, "done"), seen.told
    times, groups = worked_on(limited.workspace), seen.groups
    assert most_at_once(times, [groups["kenya"], groups["malawi"]]) == 1


def test_one_that_shares_nothing_with_them_does_not_wait(limited: Fleet, seen: _Seen) -> None:
    assert most_at_once(worked_on(limited.workspace), seen.groups.values()) == 2


def test_the_one_that_waits_says_for_what(limited: Fleet, seen: _Seen) -> None:
    subscription = limited.sandbox.subscription.rpartition("/")[2]
    waits = [one for one in seen.told.splitlines() if "waits:" in one]
    assert [one.partition("s  ")[2] for one in waits] == [
        f"malawi: waits: 1 at once in southafricanorth of the subscription {subscription}"
    ]


def test_of_all_specs_those_without_room_are_named_and_not_begun(seen: _Seen) -> None:
    assert seen.code == 1
    failed = {name: row["why"] for name, row in seen.rows.items() if row["outcome"] != "done"}
    assert set(failed) == set(_DATABASES)
    assert all(why.startswith("not started: ") and "0 of 1 are used" in why for why in failed.values())
    assert seen.resources["Microsoft.Resources/resourceGroups"] == len(_NAMES)


def test_of_those_that_are_named_none_is_begun_where_one_does_not_fit(limited: Fleet, seen: _Seen) -> None:
    limited.sandbox.faults("quota", "2")  # of two databases one fits
    answer = limited.run("instance", "deploy", *_DATABASES, "--reason", "a test", expect=69)
    limited.sandbox.faults("clear")
    problems = answer["problems"]
    assert {one["code"] for one in problems} == {"quota-exceeded"}
    assert {one["where"] for one in problems} == {"instances/botswana.yaml"}
    assert all("2 are for instances before it" in one["message"] for one in problems)
    assert all(one["hint"] for one in problems)
    assert _resources(limited) == seen.resources
    assert {row["name"] for row in limited.run("instance", "list")["data"]["instances"]} == set(_NAMES)


def test_of_two_commands_for_one_instance_one_is_busy_and_the_other_goes_through(limited: Fleet) -> None:
    limited.new("lesotho", profile="greeting")
    arguments = ("instance", "deploy", "lesotho", "--reason", "a test")
    command = [str(TENANTRY), *arguments, "--workspace", str(limited.workspace)]
    running = [
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    assert sorted(one.wait(timeout=300) for one in running) == [0, _BUSY]
    assert limited.run("instance", "health", "lesotho")["data"]["instances"][0]["health"] == "healthy"
    assert limited.orphans("lesotho") == []
    assert len(limited.groups("lesotho")) == 1


def _resources(fleet: Fleet) -> Any:
    return fleet.sandbox.command("status")["resources"]
