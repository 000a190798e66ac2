"""Twenty instances of the real fleet at once, by one command, while two more cannot come up."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import EXAMPLES, Answer, Installation, fleet
from tests.support.people import as_user, psql, secrets_of

pytestmark = [
    pytest.mark.longest,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a Unix user per instance"),
]

_COUNT = 20
_AT_ONCE = 4
_UNREADABLE, _FAILING = "unreadable", "failing"  # the names of two specs


@dataclass(frozen=True, kw_only=True)
class _Fleet:
    """What one command made of all specs, what was seen of it, and how each then was erased."""

    names: Sequence[str]  # of those that can come up
    answer: Answer
    listed: Sequence[Mapping[str, Any]]
    reached: Sequence[str]  # what a neighbour could do
    erased: Mapping[str, Answer]
    host: Mapping[str, Any]  # its services after the last erasure


@pytest.fixture(scope="module")
def seen(shared: Installation) -> _Fleet:
    """Twenty sound specs and two that are not: deployed by one command, looked at, erased."""
    names = []
    for row in fleet()[:_COUNT]:
        shared.write_spec(row["name"], country=row["country_iso2"])
        names.append(row["name"])
    shared.write_spec(_UNREADABLE, extra="ports: {web: 80}\n")
    _write_failing_profile(shared.folder / "profiles" / _FAILING)
    spec = shared.write_spec(_FAILING)
    spec.write_text(spec.read_text().replace("profile: registrations", f"profile: {_FAILING}"))
    answer = shared.run("instance", "deploy", "--all", "--jobs", str(_AT_ONCE), timeout=1700)
    listed = shared.run("instance", "list").ok().data["instances"]
    reached = _reached_by_neighbours(shared, [row["name"] for row in listed if row["health"] == "healthy"])
    erased = _erased(shared, [row["name"] for row in listed])
    host = shared.run("host", "status").data  # its answer is no (1): nothing runs
    return _Fleet(names=names, answer=answer, listed=listed, reached=reached, erased=erased, host=host)


def _write_failing_profile(folder: Path) -> None:
    """Write the example's profile with a bootstrap that does nothing."""
    folder.mkdir(parents=True)
    text = (EXAMPLES / "registrations/profile.yaml").read_text()
    text = text.replace("name: registrations\n", f"name: {_FAILING}\n", 1)
    text = text.replace("folder: ./app", f"folder: {EXAMPLES}/registrations/app")
    (folder / "profile.yaml").write_text(text.replace("[node, bootstrap.js]", "[node, --version]"))


def test_all_that_can_come_up_are_healthy_and_have_a_backup(seen: _Fleet) -> None:
    well = {row["name"] for row in seen.listed if row["health"] == "healthy" and row["last_backup"]}
    assert len(seen.names) == _COUNT
    assert well == set(seen.names), seen.answer.err


def test_those_that_fail_stop_no_other_and_the_summary_says_which_and_why(seen: _Fleet) -> None:
    assert seen.answer.code == 1
    failed = {row["name"]: row["why"] for row in seen.answer.data["instances"] if row["outcome"] != "done"}
    assert set(failed) == {_UNREADABLE, _FAILING}, failed
    assert "ports" in failed[_UNREADABLE]
    assert "bootstrap" in failed[_FAILING]


def test_nobody_reaches_a_neighbour(seen: _Fleet) -> None:
    assert seen.reached == []


def test_each_is_erased_though_four_are_at_a_time_and_the_host_runs_nothing_more(seen: _Fleet) -> None:
    assert {name: one.problems for name, one in seen.erased.items() if one.code != 0} == {}
    assert len(seen.erased) == _COUNT + 1  # that which failed half-way, too
    assert (seen.host["supervisor"], seen.host["proxy"], seen.host["services"]) == (False, False, [])


def _reached_by_neighbours(installed: Installation, names: Sequence[str]) -> list[str]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        shown = list(pool.map(installed.show, names))
        reached = pool.map(_reached, shown, [*shown[1:], shown[0]], [installed] * len(shown))
        return [one for found in reached for one in found]


def _reached(mine: dict[str, Any], other: dict[str, Any], installed: Installation) -> list[str]:
    """Return what an instance's user can do to its neighbour; it must be able to do it at home."""
    uid = (installed.host.root / "host" / mine["database"]["name"]).stat().st_uid
    found = []
    for database, may in ((mine["database"], True), (other["database"], False)):
        home = installed.host.root / "host" / database["name"]
        listed = as_user(uid, "ls", str(home)).returncode == 0
        knock = f"exec 3<>/dev/tcp/127.0.0.1/{database['port']}"
        connected = as_user(uid, "bash", "-c", knock).returncode == 0
        if (listed, connected) != (may, may):
            found.append(f"{mine['name']}: {database['name']}: home {listed}, port {connected}")
    password = secrets_of(installed, mine["database"]["name"])["database.app.password"]
    if psql(other["database"], user="app_1", password=password).returncode == 0:
        found.append(f"{mine['name']}: the database of {other['name']}")
    return found


def _erased(installed: Installation, names: Sequence[str]) -> Mapping[str, Answer]:
    def erase(name: str) -> Answer:
        return installed.run("erase", "run", name, "--confirm", name, timeout=600)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(erase, names), strict=True))
