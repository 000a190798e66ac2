"""What every target holds, whatever it is made of."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tenantry.errors import RefusedError, SpecError, UnavailableError
from tenantry.model.lifecycle import State
from tenantry.model.names import new_opaque_name
from tenantry.model.profile import Service
from tenantry.model.status import ChangeKind, Condition, Truth
from tenantry.ports import Instance, Request
from tests.contracts.target.conftest import Bench


def _statuses(conditions: Sequence[Condition]) -> set[Truth]:
    return {one.status for one in conditions}


def _reason(conditions: Sequence[Condition], name: str) -> str:
    return next(one.reason for one in conditions if one.type == name)


def _in_state(request: Request, state: State) -> Request:
    return replace(request, instance=replace(request.instance, state=state))


def _ghost(bench: Bench, opaque: str) -> Instance:
    """Return an instance that never was: the numbers of a planned one may be given to another."""
    return replace(bench.planned.instance, opaque=opaque, uid=None, ports={})


def _executed(bench: Bench, *command: str) -> int:
    return bench.target.execute(bench.request, command, bench.lease, bench.on_event)


def test_it_takes_what_it_can_hold(bench: Bench) -> None:
    bench.target.check(bench.request.spec, bench.request.profile)


def test_it_refuses_a_service_that_it_does_not_offer_and_names_it(bench: Bench) -> None:
    profile = replace(bench.request.profile, services=frozenset({Service.PORTAL}))
    with pytest.raises(SpecError, match="portal"):
        bench.target.check(bench.request.spec, profile)


def test_what_it_shares_is_named_in_words_and_takes_at_least_one(bench: Bench) -> None:
    shares = bench.target.shares(bench.request.spec)
    assert all(what.startswith("in ") and most >= 1 for what, most in shares.items())


def test_an_instance_that_is_there_has_its_room(bench: Bench) -> None:
    assert bench.target.overfull([(bench.request.spec, bench.request.profile)] * 2) == {}


def test_a_preview_of_what_is_deployed_changes_nothing(bench: Bench) -> None:
    changes = bench.target.preview(bench.request, bench.on_event)
    assert {change.kind for change in changes} == {ChangeKind.SAME}


def test_a_preview_of_what_is_not_deployed_creates_everything_and_leaves_nothing(bench: Bench) -> None:
    changes = bench.target.preview(bench.planned, bench.on_event)
    assert {change.kind for change in changes} == {ChangeKind.CREATE}
    assert any(change.holds_data for change in changes)
    assert bench.target.inventory(_ghost(bench, bench.planned.instance.opaque)) == frozenset()


def test_applying_again_tells_the_same_facts_and_changes_nothing(bench: Bench) -> None:
    before = {asset for asset in bench.target.inventory(bench.request.instance) if asset.type != "process"}
    with bench.lease() as lease:
        first = bench.target.apply(bench.request, lease, bench.on_event)
        second = bench.target.apply(bench.request, lease, bench.on_event)
    after = {asset for asset in bench.target.inventory(bench.request.instance) if asset.type != "process"}
    assert first == second
    assert {"isolation", "encryption"} <= set(first)
    assert after == before


def test_nothing_is_applied_once_a_cancel_was_asked_for(bench: Bench) -> None:
    with bench.lease() as lease:
        bench.register.request_cancel(lease.operation.id)
        with pytest.raises(RefusedError, match="cancelled"):
            bench.target.apply(bench.request, lease, bench.on_event)


def test_an_instance_that_nobody_touched_has_no_drift_and_is_well(bench: Bench) -> None:
    drift = bench.target.drift(bench.request, bench.on_event)
    assert {change.kind for change in drift} <= {ChangeKind.SAME}
    assert _statuses(bench.target.probe(bench.request)) == {Truth.TRUE}


def test_a_suspended_instance_is_well_and_says_so_and_a_resumed_one_runs(bench: Bench) -> None:
    suspended = _in_state(bench.request, State.SUSPENDED)
    with bench.lease() as lease:
        bench.target.suspend(suspended, lease, bench.on_event)
        seen = bench.target.probe(suspended)
        bench.target.resume(bench.request, lease, bench.on_event)
    assert _statuses(seen) == {Truth.TRUE}
    assert _reason(seen, "ProcessUp") == "Suspended"
    assert _reason(bench.target.probe(bench.request), "ProcessUp") == "Running"


def test_an_instance_that_runs_although_it_is_suspended_is_not_well(bench: Bench) -> None:
    seen = bench.target.probe(_in_state(bench.request, State.SUSPENDED))
    assert next(one.status for one in seen if one.type == "ProcessUp") is Truth.FALSE


def test_a_backup_that_was_taken_is_listed_newest_first(bench: Bench) -> None:
    before = {one.id for one in bench.target.backups(bench.request)}
    with bench.lease() as lease:
        made = {one.id for one in bench.target.back_up(bench.request, lease, bench.on_event)}
    listed = bench.target.backups(bench.request)
    assert made
    assert made.isdisjoint(before)
    assert made <= {one.id for one in listed}
    assert [one.finished for one in listed] == sorted((one.finished for one in listed), reverse=True)


def test_a_command_inside_tells_its_exit_code(bench: Bench) -> None:
    assert _executed(bench, "/bin/sh", "-c", "exit 3") == 3


def test_a_command_that_a_signal_ends_tells_which(bench: Bench) -> None:
    assert _executed(bench, "/bin/sh", "-c", "kill -TERM $$") == 128 + signal.SIGTERM


def test_a_program_that_is_not_there_is_told_before_the_instance_is_held(bench: Bench) -> None:
    before = len(bench.register.operations())
    with pytest.raises(UnavailableError, match="no program nosuch") as caught:
        _executed(bench, "nosuch")
    assert (caught.value.code, bool(caught.value.hint)) == ("missing-program", True)
    assert len(bench.register.operations()) == before


def test_a_command_that_is_done_leaves_the_instance_free(bench: Bench) -> None:
    _executed(bench, "/bin/true")
    with bench.lease() as lease:
        lease.check()


def test_signals_are_handled_after_a_command_as_they_were_before(bench: Bench) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    _executed(bench, "/bin/true")
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_no_more_lines_of_a_log_come_than_were_asked_for(bench: Bench) -> None:
    assert len(bench.target.logs(bench.request, process="web", lines=2)) <= 2


def test_what_is_there_is_found_and_never_said_to_be_absent(bench: Bench) -> None:
    known = frozenset(
        asset for asset in bench.target.inventory(bench.request.instance) if asset.type != "process"
    )
    evidence = bench.target.prove_absent(bench.request.instance, known, lambda _: None)
    assert known
    assert {one.absent for one in evidence if one.asset in known} == {False}


def test_a_stray_that_nobody_recorded_is_found_by_looking(bench: Bench) -> None:
    ghost = _ghost(bench, new_opaque_name())
    planted = bench.plant(ghost.opaque)
    evidence = bench.target.prove_absent(ghost, frozenset(), lambda _: None)
    left = [one.asset.id for one in evidence if one.absent is False]
    assert len(left) == 1
    assert str(planted) in left[0]


def test_nothing_of_its_own_is_in_the_way_of_an_erasure(bench: Bench) -> None:
    assert bench.target.obstacles(bench.request.instance) == {}


def test_each_step_of_an_erasure_may_be_repeated_and_nothing_is_left(bench: Bench) -> None:
    instance = bench.second().instance
    known = bench.target.inventory(instance)
    with bench.lease(instance):
        bench.register.update(instance.name, state=State.CLOSING)
        instance = bench.register.update(instance.name, state=State.ERASING)
        for _, _, act in bench.target.erase_steps(instance):
            act(bench.on_event)
            act(bench.on_event)
        for _, _, act in bench.target.erase_steps(instance):  # as after a kill at the very end
            act(bench.on_event)
    evidence = bench.target.prove_absent(instance, known, lambda _: None)
    assert [one.asset.id for one in evidence if one.absent is not True] == []
    bench.register.update(instance.name, state=State.ERASED)
    assert all(residue.where for residue in bench.target.residues(instance))
