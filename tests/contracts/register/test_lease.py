"""One living operation per instance."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tenantry.adapters import processes
from tenantry.adapters.clock import SystemClock
from tenantry.adapters.register import SqlRegister
from tenantry.errors import BusyError, FailedError, Problem, RefusedError, StoppedError, UnavailableError
from tenantry.ports import Instance, Lease, Operation
from tests.contracts.register.conftest import Fresh, Open
from tests.contracts.register.support import Database, arguments, child, line


def _deploy(register: SqlRegister, instance: Instance) -> contextlib.AbstractContextManager[Lease]:
    return register.lease(instance, kind="deploy", person="Ada", reason="ticket 7")


def _only(register: SqlRegister) -> Operation:
    (operation,) = register.operations()
    return operation


def test_an_operation_runs_while_its_block_does(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin) as lease:
        assert _only(register) == lease.operation


def test_an_operation_says_who_and_why(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin) as lease:
        found = lease.operation
    assert (found.instance, found.kind, found.person, found.reason) == ("benin", "deploy", "Ada", "ticket 7")


def test_the_end_of_the_block_is_done(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin):
        pass
    assert _only(register).outcome == "done"


def test_the_end_is_dated(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin):
        pass
    assert _only(register).ended_at is not None


def test_an_error_of_ours_ends_it_as_failed_with_its_message(register: SqlRegister, benin: Instance) -> None:
    with pytest.raises(FailedError), _deploy(register, benin):
        raise FailedError("the disk is full")
    assert (_only(register).outcome, _only(register).detail) == ("failed", "the disk is full")


def test_the_text_of_an_unforeseen_error_is_not_kept(register: SqlRegister, benin: Instance) -> None:
    with pytest.raises(ValueError, match="hunter2"), _deploy(register, benin):
        raise ValueError("password=hunter2")
    assert (_only(register).outcome, _only(register).detail) == ("failed", "defect: ValueError")


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_ends_it_as_cancelled(
    register: SqlRegister, benin: Instance, interrupt: type[BaseException]
) -> None:
    with pytest.raises(interrupt), _deploy(register, benin):
        raise interrupt
    assert _only(register).outcome == "cancelled"


def test_what_an_interrupt_left_is_kept(register: SqlRegister, benin: Instance) -> None:
    with pytest.raises(StoppedError), _deploy(register, benin):
        raise StoppedError([Problem(code="way-in-open", message="the way into kvs may still be open")])
    told = ("cancelled", "interrupted: the way into kvs may still be open")
    assert (_only(register).outcome, _only(register).detail) == told


def test_an_outcome_that_was_set_before_stays(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin) as lease:
        lease.finish("failed", "2 of 3 proofs")
    assert (_only(register).outcome, _only(register).detail) == ("failed", "2 of 3 proofs")


def test_start_and_end_are_journaled(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin):
        pass
    told = [entry.text for entry in register.journal("benin") if entry.kind == "operation"]
    assert told == ["deploy started by Ada: ticket 7", "deploy ended: done"]


def test_a_second_operation_is_busy_and_names_the_first(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin) as lease:
        first = lease.operation
        with pytest.raises(BusyError) as caught, _deploy(register, benin):
            pass
    started = first.started_at.isoformat(timespec="seconds")
    assert caught.value.code == "busy"
    assert all(part in caught.value.message for part in (first.id, "deploy", started, str(first.pid)))


def test_a_refused_operation_leaves_no_trace(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin):
        with pytest.raises(BusyError), _deploy(register, benin):
            pass
        assert len(register.operations()) == 1


def test_operations_on_two_instances_run_side_by_side(register: SqlRegister, benin: Instance) -> None:
    togo = register.add(**arguments("togo"))
    with _deploy(register, benin), _deploy(register, togo):
        assert [operation.outcome for operation in register.operations()] == ["", ""]


def test_the_next_operation_has_a_greater_token(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin) as first:
        pass
    with _deploy(register, benin) as second:
        assert second.operation.token > first.operation.token


def test_an_instance_of_another_host_is_unavailable_and_the_host_named(
    database: Database, open_it: Open, benin: Instance
) -> None:
    elsewhere = open_it(database.url, host="two")
    with pytest.raises(UnavailableError, match="one") as caught, _deploy(elsewhere, benin):
        pass
    assert caught.value.code == "other-host"


def test_an_instance_that_the_register_does_not_know_is_refused(
    fresh: Fresh, open_it: Open, benin: Instance
) -> None:
    other = open_it(fresh(schema=True).url)
    with pytest.raises(FailedError), _deploy(other, benin):
        pass


def test_a_holder_that_lives_in_another_process_is_busy(
    database: Database, register: SqlRegister, benin: Instance
) -> None:
    with child("hold", database.url, "benin") as holder:
        held = line(holder).split()
        with pytest.raises(BusyError) as caught, _deploy(register, benin):
            pass
    assert held[1] in caught.value.message
    assert str(holder.pid) in caught.value.message


def test_a_killed_holder_is_taken_over(database: Database, register: SqlRegister, benin: Instance) -> None:
    with child("hold", database.url, "benin") as holder:
        first = line(holder).split()[1]
        holder.kill()
        holder.wait()
        with _deploy(register, benin):
            pass
    dead = register.operation(first)
    assert dead is not None
    assert (dead.outcome, dead.ended_at is not None) == ("died", True)


def test_a_killed_holder_that_nobody_has_reaped_is_taken_over(
    database: Database, register: SqlRegister, benin: Instance
) -> None:
    with child("hold", database.url, "benin") as holder:
        line(holder)
        holder.kill()
        stat = Path(f"/proc/{holder.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        with _deploy(register, benin) as lease:
            assert lease.operation.outcome == ""


def test_a_process_that_got_the_pid_of_a_dead_holder_does_not_count(
    database: Database, register: SqlRegister, benin: Instance
) -> None:
    with child("hold", database.url, "benin") as holder:
        line(holder)
        database.run(f"UPDATE operations SET process_started = process_started || '0', pid = {holder.pid}")
        with _deploy(register, benin) as lease:
            assert lease.operation.outcome == ""


def test_a_holder_of_an_earlier_boot_is_dead(
    database: Database, register: SqlRegister, benin: Instance
) -> None:
    with child("hold", database.url, "benin") as holder:
        line(holder)
        long_ago = "2020-01-01T00:00:00.000000+00:00"
        database.run(
            "UPDATE operations SET process_started = 'earlier' || process_started, "
            f"heartbeat_at = '{long_ago}'"
        )
        with _deploy(register, benin) as lease:
            assert lease.operation.outcome == ""


def _beaten_elsewhere(database: Database, *, seconds_ago: float) -> None:
    """Leave the lease with a process of another boot that said so long ago that it lives."""
    with child("hold", database.url, "benin") as holder:
        line(holder)
        holder.kill()
        holder.wait()
    at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat(timespec="microseconds")
    database.run(f"UPDATE operations SET process_started = 'elsewhere:1', heartbeat_at = '{at}'")


def test_a_living_machine_with_the_same_host_name_is_not_taken_for_an_earlier_boot(
    database: Database, open_it: Open, benin: Instance
) -> None:
    register = open_it(database.url, clock=SystemClock())
    _beaten_elsewhere(database, seconds_ago=4)
    with pytest.raises(BusyError) as busy, _deploy(register, benin):
        pass
    assert "another one has the host name one too" in busy.value.hint
    assert "again in 60 s" in busy.value.hint


def test_a_lost_machine_whose_host_name_another_has_got_is_taken_over_once_it_is_silent(
    database: Database, open_it: Open, benin: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "booted_at", lambda: datetime.now(UTC) - timedelta(days=1))
    register = open_it(database.url, clock=SystemClock())
    _beaten_elsewhere(database, seconds_ago=61)
    with _deploy(register, benin) as lease:
        assert lease.operation.outcome == ""


def test_what_a_fast_reboot_has_ended_is_taken_over_at_once(
    database: Database, open_it: Open, benin: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    booted = datetime.now(UTC)
    monkeypatch.setattr(processes, "booted_at", lambda: booted)
    register = open_it(database.url, clock=SystemClock())
    _beaten_elsewhere(database, seconds_ago=30)
    with _deploy(register, benin) as lease:
        assert lease.operation.outcome == ""


def test_a_holder_on_another_host_is_never_proved_dead(
    database: Database, register: SqlRegister, benin: Instance
) -> None:
    with child("hold", database.url, "benin") as holder:
        line(holder)
        holder.kill()
        holder.wait()
        database.run("UPDATE operations SET host = 'two'")
        with pytest.raises(BusyError, match="two"), _deploy(register, benin):
            pass


def test_an_operation_whose_process_is_dead_reads_died_before_anyone_takes_over(
    database: Database, register: SqlRegister, benin: Instance
) -> None:
    with child("hold", database.url, "benin") as holder:
        line(holder)
        holder.kill()
        holder.wait()
        assert _only(register).outcome == "died"


def test_an_operation_of_a_machine_with_the_same_host_name_does_not_read_died(
    database: Database, open_it: Open, benin: Instance
) -> None:
    register = open_it(database.url, clock=SystemClock())
    _beaten_elsewhere(database, seconds_ago=4)
    assert _only(register).outcome == ""


@pytest.mark.parametrize(("seconds_ago", "outcome"), [(4, ""), (61, "unknown")])
def test_an_operation_of_another_host_runs_until_that_is_silent_for_a_minute(
    database: Database, open_it: Open, benin: Instance, seconds_ago: float, outcome: str
) -> None:
    register = open_it(database.url, host="two", clock=SystemClock())
    _beaten_elsewhere(database, seconds_ago=seconds_ago)
    operation = _only(register)
    assert operation.outcome == outcome
    register.request_cancel(operation.id)  # it is heard once that machine is there again
    assert _only(register).cancel_requested


def test_a_released_lease_is_free(database: Database, register: SqlRegister, benin: Instance) -> None:
    with child("hold", database.url, "benin") as holder:
        line(holder)
        assert holder.stdin is not None
        holder.stdin.close()
        holder.stdin = None
        assert line(holder) == "released"
        with _deploy(register, benin) as lease:
            assert lease.operation.outcome == ""


@pytest.fixture
def fenced(register: SqlRegister, database: Database, benin: Instance) -> Lease:
    """A lease that somebody else took over."""
    holding = contextlib.ExitStack()
    lease = holding.enter_context(_deploy(register, benin))
    database.run("UPDATE operations SET process_started = 'gone'")
    with _deploy(register, benin):
        pass
    with pytest.raises(BusyError):  # its end cannot be recorded either
        holding.close()
    return lease


@pytest.mark.parametrize("act", [lambda lease: lease.check(), lambda lease: lease.intent("make it")])
def test_a_holder_that_lost_its_lease_is_told(fenced: Lease, act: Callable[[Lease], None]) -> None:
    with pytest.raises(BusyError) as caught:
        act(fenced)
    assert caught.value.code == "lease-lost"


def test_a_holder_that_lost_its_lease_does_not_change_what_was_recorded(
    register: SqlRegister, fenced: Lease
) -> None:
    found = register.operation(fenced.operation.id)
    assert found is not None
    assert found.outcome == "died"


def test_a_check_passes_while_the_lease_is_held(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin) as lease:
        lease.check()


def test_a_cancelled_operation_stops_at_its_next_check(register: SqlRegister, benin: Instance) -> None:
    def run() -> None:
        with _deploy(register, benin) as lease:
            register.request_cancel(lease.operation.id)
            lease.check()

    with pytest.raises(RefusedError) as caught:
        run()
    assert (caught.value.code, _only(register).outcome) == ("cancelled", "cancelled")


def test_an_operation_that_ended_cannot_be_cancelled(register: SqlRegister, benin: Instance) -> None:
    with _deploy(register, benin) as lease:
        pass
    with pytest.raises(FailedError) as caught:
        register.request_cancel(lease.operation.id)
    assert caught.value.code == "operation-ended"


def test_an_unknown_operation_cannot_be_cancelled(register: SqlRegister) -> None:
    with pytest.raises(FailedError) as caught:
        register.request_cancel("op-nowhere")
    assert caught.value.code == "no-operation"


def test_an_unknown_operation_is_not_found(register: SqlRegister) -> None:
    assert register.operation("op-nowhere") is None


def test_intent_and_evidence_are_journaled_under_the_operation(
    register: SqlRegister, benin: Instance
) -> None:
    with _deploy(register, benin) as lease:
        lease.intent("make a thing")
        lease.evidence("there is a thing")
    told = [
        (entry.kind, entry.text)
        for entry in register.journal(benin.opaque)
        if entry.operation == lease.operation.id and entry.kind != "operation"
    ]
    assert told == [("intent", "make a thing"), ("evidence", "there is a thing")]


def test_an_intent_that_cannot_be_written_is_an_error(
    database: Database, open_it: Open, benin: Instance
) -> None:
    register = open_it(database.url, busy_seconds=0.2)
    other = open_it(database.url)
    with _deploy(register, benin) as lease, pytest.raises(BusyError), other._store.writing():
        lease.intent("make a thing")


def test_a_living_holder_renews_its_heartbeat(database: Database, open_it: Open, benin: Instance) -> None:
    register = open_it(database.url, heartbeat_seconds=0.05)
    with _deploy(register, benin) as lease:
        deadline = time.monotonic() + 10
        while _only(register).heartbeat_at == lease.operation.heartbeat_at:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_operations_are_listed_newest_first_and_by_instance(register: SqlRegister, benin: Instance) -> None:
    togo = register.add(**arguments("togo"))
    ids = []
    for instance in (benin, togo, benin):
        with _deploy(register, instance) as lease:
            ids.append(lease.operation.id)
    assert [operation.id for operation in register.operations("benin")] == [ids[2], ids[0]]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_run_that_is_killed_at_any_point_is_finished_by_running_it_again(
    sqlite_template: Path, database: Database
) -> None:
    with child("kill-everywhere", str(sqlite_template), str(database.folder)) as process:
        told = line(process).split()
    assert (told[0], int(told[1]) >= 14) == ("passed", True), told
