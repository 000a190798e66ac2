"""SIGKILL in the middle of a deploy, a suspension, a return, a backup and an erasure on Azure.

The same command finishes each, but for a backup: that was taken, and the command takes another.

A point lies before and after every call that changes something at Resource Manager,
so a kill strikes creates in flight: what they made is in no state, and the
provider refuses to create what exists.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tenantry.cli.wiring import Wiring
from tenantry.model.azure_types import TYPES
from tests.support.azure_fleet import Fleet

pytestmark = [pytest.mark.longest, pytest.mark.timeout(1800)]

# Points by name, with X for the end of the instance's own names. Each run goes on where the one before
# ended, and each point lies behind those before it, whatever Azure is asked for at once: all are met.
_IN_A_DEPLOY = (
    "1:after PUT keys/data",
    "1:after PUT flexibleServers/psql-X",  # it is being made, and in no state
    "1:after PUT firewallRules/tenantry-operator",  # the way in is open
    "1:after POST api/zipdeploy",
)
_IN_AN_ERASURE = (
    "1:after DELETE flexibleServers/psql-X",
    "1:before POST kvs-X/purge",
    "1:after DELETE resourceGroups/rg-X",
)
_MORE_IN_A_DEPLOY = (
    "1:before pulumi stack",
    *_IN_A_DEPLOY[:2],
    "1:before PUT databases/app",
    "1:after PUT configurations/log_statement",
    "1:after PUT privateEndpoints/pep-psql-X",
    "1:before PUT config/appsettings",
    _IN_A_DEPLOY[2],
    "1:after sql create role app_1",
    "1:before node",
    "1:after node",
    "1:after DELETE locks/tenantry-holds-data",  # for the moment of closing the way in
    "1:before POST api/zipdeploy",
    _IN_A_DEPLOY[3],
    "1:before pulumi refresh",
    "1:before finish",
)
_MORE_IN_AN_ERASURE = (
    "2:after DELETE locks/tenantry-holds-data",
    "1:after PUT config/appsettings",
    "3:before DELETE diagnosticSettings/tenantry",
    "1:after DELETE workspaces/log-X",
    *_IN_AN_ERASURE[:2],
    "1:after DELETE vaults/kvk-X",
    "1:before DELETE resourceGroups/rg-X",
    _IN_AN_ERASURE[2],
    "1:before vault removal",
    "3:before remove from state",
    "1:before finish",
)
_BACKUP_ASKED_FOR = 8  # point of a run: after the call, before Azure says that it is taken


@dataclass(frozen=True, kw_only=True)
class _Struck:
    """An instance whose deploy was killed again and again, then run to its end."""

    name: str
    met: dict[str, bool]  # whether the point was met, by the point
    row: dict[str, Any]  # what the last deploy tells
    in_an_erasure: tuple[str, ...]

    @property
    def site(self) -> str:
        return str(self.row["url"]).removeprefix("https://").partition(".")[0]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("kenya", _IN_A_DEPLOY, _IN_AN_ERASURE), id="some"),
        pytest.param(
            ("uganda", _MORE_IN_A_DEPLOY, _MORE_IN_AN_ERASURE),
            id="more",
            marks=[pytest.mark.soak, pytest.mark.xdist_group("killed")],
        ),
    ],
)
def struck(request: pytest.FixtureRequest, fleet: Fleet) -> _Struck:
    name, in_a_deploy, in_an_erasure = request.param
    fleet.new(name)
    deploy = ("instance", "deploy", name, "--reason", "a test")
    met = _killed_at(in_a_deploy, fleet, name, deploy)
    row = fleet.run(*deploy)["data"]["instances"][0]
    return _Struck(name=name, met=met, row=row, in_an_erasure=in_an_erasure)


def _killed_at(points: Sequence[str], fleet: Fleet, name: str, command: Sequence[str]) -> dict[str, bool]:
    """Run a command once for each point and kill it there; return which were met."""
    met, end = {}, ""
    for point in points:
        end = end or "".join(one.rpartition("/rg-")[2] for one in fleet.groups(name))
        met[point] = fleet.killed(point.replace("X", end), *command)
    return met


def test_a_killed_deploy_is_finished_by_the_same_command(fleet: Fleet, struck: _Struck) -> None:
    assert [point for point, met in struck.met.items() if not met] == []
    assert (struck.row["outcome"], struck.row["health"]) == ("done", "healthy")
    assert fleet.orphans(struck.name) == []
    assert fleet.run("instance", "preview", struck.name, "--exit-code")["data"]["changes"] == []
    assert len(fleet.groups(struck.name)) == 1


@pytest.mark.parametrize(
    ("command", "point", "before", "after"),
    [
        ("suspend", "after PUT sites/", ("active", "Stopped"), ("suspended", "Stopped", "403")),
        ("resume", "before PUT sites/", ("suspended", "Stopped"), ("active", "Running", "200")),
    ],
)
def test_a_killed_suspension_and_a_killed_return_are_finished_by_the_same_command(
    fleet: Fleet,
    struck: _Struck,
    *,
    command: str,
    point: str,
    before: tuple[str, ...],
    after: tuple[str, ...],
) -> None:
    run = ("instance", command, struck.name, "--reason", "a test")
    if command == "resume":  # whatever ran before, and on whichever worker
        fleet.run("instance", "suspend", struck.name, "--reason", "a test")
    assert fleet.killed(f"1:{point}{struck.site}", *run)
    assert _state(fleet, struck) == before
    fleet.run(*run)
    assert (*_state(fleet, struck), _answer(fleet, struck)) == after


def _state(fleet: Fleet, struck: _Struck) -> tuple[str, str]:
    """Return what the register says of an instance, and what Resource Manager says of its site."""
    path = f"{fleet.group(struck.name)}/providers/Microsoft.Web/sites/{struck.site}"
    site = fleet.sandbox.arm().get(path, TYPES["azure-native:web:WebApp"].version) or {}
    wiring = Wiring(fleet.workspace)
    try:
        return wiring.existing(struck.name).state, site["properties"]["state"]
    finally:
        wiring.register.close()


def _answer(fleet: Fleet, struck: _Struck) -> str:
    """Return the status that the workload's health path answers with."""
    get = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    get += ["--cacert", fleet.sandbox.told["ca_file"], f"{struck.row['url']}/health"]
    return subprocess.run(get, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_backup_whose_command_was_killed_is_there_and_the_same_command_takes_another(
    fleet: Fleet, struck: _Struck
) -> None:
    def taken() -> list[str]:
        listed = fleet.run("backup", "list", struck.name)["data"]["backups"]
        return [one["id"] for one in listed if one["id"].startswith("tenantry-")]

    run = ("backup", "create", struck.name, "--reason", "a test")
    assert fleet.killed(_BACKUP_ASKED_FOR, *run)
    fleet.run(*run)
    deadline = time.monotonic() + 60
    while len(found := taken()) < 2 and time.monotonic() < deadline:  # the first may take longer
        time.sleep(1)
    assert len(found) == 2


def test_a_killed_erasure_is_finished_by_the_same_command(fleet: Fleet, struck: _Struck) -> None:
    erase = ("erase", "run", struck.name, "--confirm", struck.name, "--reason", "a test")
    met = _killed_at(struck.in_an_erasure, fleet, struck.name, erase)
    assert [point for point, one in met.items() if not one] == []
    erased = fleet.run(*erase)["data"]
    assert erased["state"] == "erased"
    assert {one["absent"] for one in erased["assets"]} == {True}
    told = fleet.run("erase", "status", struck.name)["data"]["residues"]
    kept = [one for one in told if one["kind"] != "record"]
    assert sorted(one["type"].rpartition("/")[2] for one in kept) == ["flexibleServers", "sites", "vaults"]
    assert fleet.run("journal", "verify")["status"] == "ok"


@pytest.mark.soak
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
