"""Each refusal of Azure in a real command: its outcome, how often it was tried, the remedy, no orphan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import pytest

from tenantry.cli.sandboxing import faults
from tests.support.azure_codes import ROWS, Refusal
from tests.support.azure_fleet import Fleet

# The table's rows are in tests/support/azure_codes.py; here is what is done with them.
_PROFILES = {"kenya": "attachments", "uganda": "registrations"}
# After the erasure: that of the keys, and where its purge is refused that of the secrets.
_VAULTS_KEPT = {"kenya": 1, "uganda": 2}


@pytest.mark.longest
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ROWS)
def test_every_refusal_has_its_outcome_tries_and_remedy_leaves_no_orphan_and_the_next_run_goes_on(
    fleet: Fleet, name: str
) -> None:
    fleet.new(name, profile=_PROFILES[name])
    made: dict[str, str] = {}
    for run in _runs(ROWS[name]):
        (journey,) = {one.journey for one in run}
        if journey == "erase" and not made:
            assert fleet.run("instance", "preview", name, "--exit-code")["data"]["changes"] == []
            made = fleet.made(name)
        answer = _refused(fleet, name, journey, run)
        if journey == "deploy" and run[0].expect == 0:
            row = answer["data"]["instances"][0]
            assert (row["outcome"], row["health"]) == ("done", "healthy")
    assert {one["absent"] for one in answer["data"]["assets"]} == {True}
    assert fleet.there(made) == set()
    assert fleet.groups(name) == []
    kept = fleet.run("erase", "status", name)["data"]["residues"]
    vaults = [one for one in kept if one["type"].endswith("/vaults") and one["observed"] == "present"]
    assert len(vaults) == _VAULTS_KEPT[name], kept


def _runs(rows: Sequence[Refusal]) -> Iterator[Sequence[Refusal]]:
    """Yield what is let happen in one run: an instance is erased to the end only once."""
    ends = groupby(
        enumerate(rows), lambda at: -1 if at[1].journey == "erase" and at[1].expect == 0 else at[0]
    )
    return (tuple(one for _, one in group) for _, group in ends)


def _refused(fleet: Fleet, name: str, journey: str, run: Sequence[Refusal]) -> dict[str, Any]:
    """Let refusals happen in one run of a command, and look at what came of them."""
    let = partial(faults, fleet.workspace)
    for one in run:
        kind, times = "fail" if one.accepted else "code", str(one.lasts)
        let(kind, [one.code, one.type], match=one.method, times=times, message=one.words)
    answer = fleet.run(*_command(journey, name), expect=max(one.expect for one in run))
    held = let("list", [], match="").data["faults"]
    let("clear", [], match="")
    left = {(one["value"], one["type"]): one["left"] for one in held}
    for one in run:
        assert one.lasts - left.get((one.code, one.type), 0) == one.tries, one
        if one.expect:
            problem = answer["problems"][0]
            assert problem["code"] == one.ours, problem
            assert one.code in problem["message"], problem
            assert one.hint in problem["hint"], problem
    if journey != "erase":
        assert fleet.orphans(name) == [], run
    return answer


def _command(journey: str, name: str) -> tuple[str, ...]:
    if journey == "erase":
        return ("erase", "run", name, "--confirm", name, "--reason", "a test")
    return ("instance", journey, name, "--reason", "a test")
