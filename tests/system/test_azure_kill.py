"""SIGKILL in the middle of a deploy and of an erasure on Azure; the same command finishes each.

A point lies before and after every call that changes something at Resource Manager,
so a kill strikes creates in flight: what they made is in no state, and the
provider refuses to create what exists.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from pathlib import Path

import pytest

from tests.support.azure_fleet import Fleet

_TENANTRY = Path(sys.executable).with_name("tenantry")
# Points of one run each, counted from its start: resources of every layer, the way in, the package.
_SOME = ((3, 14, 55, 80, 12), (1, 7, 6))
_MANY = ((*range(2, 90, 8), 30, 5), (*range(1, 12, 2), 4, 6))
_LEAST_HIT = 4  # of a deploy: a late point may lie behind the end of a run that had less to do


@pytest.mark.longest
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "points"),
    [("kenya", _SOME), pytest.param("uganda", _MANY, marks=pytest.mark.soak)],
    ids=["some", "many"],
)
def test_a_killed_deploy_and_a_killed_erasure_are_finished_by_the_same_command(
    fleet: Fleet, name: str, points: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    in_a_deploy, in_an_erasure = points
    fleet.new(name)
    deploy = ("instance", "deploy", name, "--reason", "a test")
    hits = sum(fleet.killed(number, *deploy) for number in in_a_deploy)
    assert hits >= _LEAST_HIT
    row = fleet.run(*deploy)["data"]["instances"][0]
    assert (row["outcome"], row["health"]) == ("done", "healthy")
    assert fleet.orphans(name) == []
    assert fleet.run("instance", "preview", name, "--exit-code")["data"]["changes"] == []
    groups = fleet.sandbox.arm().list(f"{fleet.sandbox.subscription}/resourceGroups", "2024-03-01")
    assert len([one for one in groups if one["name"].startswith(f"rg-{name}-")]) == 1

    erase = ("erase", "run", name, "--confirm", name, "--reason", "a test")
    assert sum(fleet.killed(number, *erase) for number in in_an_erasure) >= 2
    erased = fleet.run(*erase)["data"]
    assert erased["state"] == "erased"
    assert {one["absent"] for one in erased["assets"]} == {True}
    told = fleet.run("erase", "status", name)["data"]["residues"]
    kept = [one for one in told if one["kind"] != "record"]
    assert sorted(one["type"].rpartition("/")[2] for one in kept) == ["flexibleServers", "sites", "vaults"]
    assert fleet.run("journal", "verify")["status"] == "ok"


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_deploy_that_is_killed_while_a_host_name_is_bound_is_finished_by_the_same_command(
    fleet: Fleet,
) -> None:
    host = f"{uuid.uuid4().hex[:10]}.example.org"
    fleet.new("malawi", profile="attachments", hostname=host)
    deploy = ("instance", "deploy", "malawi", "--reason", "a test")
    fleet.run(*deploy, expect=1)
    for one in fleet.run("instance", "show", "malawi")["data"]["dns_records"]:
        fleet.sandbox.dns("add", one["name"], one["type"], one["value"])
    digest = hashlib.sha256(host.encode()).hexdigest()[:8]
    certificate = f"{fleet.group('malawi').rpartition('/')[2].replace('rg-', 'cert-', 1)}-{digest}"
    binding, certified = f"PUT hostNameBindings/{host}", f"PUT certificates/{certificate}"
    # Each run goes on where the one before ended: bound, certified, with TLS.
    points = (f"after {binding}", f"before {certified}", f"after {certified}", f"after {binding}")
    assert [fleet.killed(f"1:{point}", *deploy) for point in points] == [True] * len(points)
    row = fleet.run(*deploy)["data"]["instances"][0]
    assert (row["health"], row["url"]) == ("healthy", f"https://{host}")
    assert fleet.run("instance", "preview", "malawi", "--exit-code")["data"]["changes"] == []
