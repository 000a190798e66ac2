"""Instances, their states, and the numbers that are given out once."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantry.adapters.register import SqlRegister
from tenantry.errors import DefectError, FailedError, RefusedError, UnavailableError
from tenantry.model.lifecycle import State
from tenantry.model.status import Condition, Truth
from tenantry.ports import Instance
from tests.contracts.register.conftest import Open
from tests.contracts.register.support import PORT_BASE, UID_BASE, Database, arguments, child, line

_NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def _condition(message: str = "ünwell") -> Condition:
    return Condition(type="ProcessUp", status=Truth.FALSE, reason="NotRunning", message=message, at=_NOON)


def _erase(register: SqlRegister, name: str) -> Instance:
    register.update(name, state=State.ERASING)
    return register.update(name, state=State.ERASED)


def test_a_new_instance_is_provisioning_and_holds_what_the_spec_says(register: SqlRegister) -> None:
    given = arguments("benin")
    made = register.add(**given)
    assert dataclasses.replace(made, uid=None, ports={}, created_at=_NOON) == Instance(
        name="benin",
        opaque=str(given["opaque"]),
        client="Ministère de la Santé",
        target="host",
        host="one",
        state=State.PROVISIONING,
        profile="registrations",
        version="1.2.0",
        url="https://benin.example.org",
        uid=None,
        ports={},
        generation=1,
        conditions=(),
        observed_at=None,
        created_at=_NOON,
        erased_at=None,
        last_backup=None,
    )


def test_adding_a_name_again_returns_what_is_there(register: SqlRegister, benin: Instance) -> None:
    assert register.add(**arguments("benin")) == benin


def test_adding_again_leaves_one_instance(register: SqlRegister, benin: Instance) -> None:
    register.add(**arguments("benin"))
    assert register.instances() == [benin]


def test_an_instance_is_found_by_name(register: SqlRegister, benin: Instance) -> None:
    assert register.find("benin") == benin


def test_an_instance_is_found_by_its_opaque_name(register: SqlRegister, benin: Instance) -> None:
    assert register.find(benin.opaque) == benin


def test_an_unknown_name_is_not_found(register: SqlRegister) -> None:
    assert register.find("nowhere") is None


def test_instances_are_listed_by_name(register: SqlRegister) -> None:
    for name in ("togo", "benin", "mali"):
        register.add(**arguments(name))
    assert [instance.name for instance in register.instances()] == ["benin", "mali", "togo"]


def test_an_erased_instance_is_not_listed(register: SqlRegister, benin: Instance) -> None:
    _erase(register, "benin")
    assert register.instances() == []


def test_an_erased_instance_is_found_while_no_other_has_its_name(
    register: SqlRegister, benin: Instance
) -> None:
    erased = _erase(register, "benin")
    assert register.find("benin") == erased


def test_the_name_of_an_erased_instance_may_be_given_again(register: SqlRegister, benin: Instance) -> None:
    _erase(register, "benin")
    second = register.add(**arguments("benin"))
    assert register.find("benin") == second != benin


def test_uid_and_ports_of_an_erased_instance_are_not_given_again(
    register: SqlRegister, benin: Instance
) -> None:
    _erase(register, "benin")
    second = register.add(**arguments("benin"))
    assert second.uid != benin.uid
    assert not set(second.ports.values()) & set(benin.ports.values())


def test_a_uid_is_given_only_where_it_is_asked_for(register: SqlRegister) -> None:
    assert register.add(**{**arguments("benin"), "with_uid": False}).uid is None


def test_uids_begin_at_the_base(benin: Instance) -> None:
    assert benin.uid == UID_BASE


def test_a_uid_that_an_account_has_is_left_out(database: Database, open_it: Open) -> None:
    made = open_it(database.url, uid_base=0).add(**arguments("benin"))  # 0 is root on every machine
    assert made.uid is not None
    assert made.uid > 0


def test_each_label_gets_a_port_from_the_base_on(benin: Instance) -> None:
    assert sorted(benin.ports) == ["database", "web"]
    assert all(port >= PORT_BASE for port in benin.ports.values())


def test_a_port_on_which_something_listens_is_left_out(register: SqlRegister) -> None:
    with contextlib.closing(socket.socket()) as server:
        for port in range(PORT_BASE, PORT_BASE + 100):
            with contextlib.suppress(OSError):
                server.bind(("0.0.0.0", port))
                break
        server.listen()
        taken = server.getsockname()[1]
        made = register.add(**arguments("benin", ports=[f"p{n}" for n in range(taken - PORT_BASE + 1)]))
    assert taken not in made.ports.values()


def test_no_port_left_is_told_and_nothing_is_added(database: Database, open_it: Open) -> None:
    register = open_it(database.url, port_base=65536)
    with pytest.raises(UnavailableError) as caught:
        register.add(**arguments("benin"))
    assert (caught.value.code, register.find("benin")) == ("no-port", None)


def test_processes_that_add_at_once_give_each_number_once(database: Database, open_it: Open) -> None:
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(child("add", database.url, prefix, "5"))
            for prefix in ("a1", "b1", "c1", "d1")
        ]
        assert [line(process) for process in processes] == ["added"] * 4
    made = open_it(database.url).instances()
    numbers = [(one.uid, *one.ports.values()) for one in made]
    assert len({number for group in numbers for number in group}) == 20 * 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client", "Croix-Rouge"),
        ("version", "2.0.0"),
        ("profile", "other"),
        ("url", "https://elsewhere.example.org"),
        ("generation", 2),
        ("spec_digest", "ab" * 32),
        ("facts", {"encryption": "fscrypt", "isolation": "user"}),
        ("last_backup", _NOON),
        ("observed_at", _NOON),
        ("conditions", (_condition(),)),
    ],
)
def test_a_field_that_was_changed_stays_so(
    register: SqlRegister, benin: Instance, field: str, value: Any
) -> None:
    register.update("benin", **{field: value})
    assert register.find("benin") == dataclasses.replace(benin, **{field: value})


@pytest.mark.parametrize("field", ["opaque", "uid", "ports", "host", "created_at", "nonsense"])
def test_a_field_that_never_changes_is_a_defect(register: SqlRegister, benin: Instance, field: str) -> None:
    with pytest.raises(DefectError, match=field):
        register.update("benin", **{field: "x"})


def test_changing_an_unknown_instance_is_refused(register: SqlRegister) -> None:
    with pytest.raises(FailedError) as caught:
        register.update("nowhere", version="2")
    assert caught.value.code == "no-instance"


def test_a_state_that_cannot_be_reached_is_refused(register: SqlRegister, benin: Instance) -> None:
    with pytest.raises(RefusedError) as caught:
        register.update("benin", state=State.SUSPENDED)
    assert caught.value.code == "illegal-transition"


def test_a_refused_change_of_state_changes_nothing_else(register: SqlRegister, benin: Instance) -> None:
    with pytest.raises(RefusedError):
        register.update("benin", version="2.0.0", state=State.SUSPENDED)
    assert register.find("benin") == benin


def test_a_change_of_state_is_journaled(register: SqlRegister, benin: Instance) -> None:
    register.update("benin", state=State.ACTIVE)
    newest = register.journal("benin")[-1]
    assert (newest.kind, newest.text) == ("state", "provisioning → active")


def test_a_change_of_state_within_an_operation_names_it(register: SqlRegister, benin: Instance) -> None:
    with register.lease(benin, kind="deploy", person="Ada", reason="") as lease:
        register.update("benin", state=State.ACTIVE)
        assert register.journal("benin")[-1].operation == lease.operation.id


def test_staying_in_a_state_is_not_journaled(register: SqlRegister, benin: Instance) -> None:
    before = register.journal()
    register.update("benin", state=State.PROVISIONING)
    assert register.journal() == before


def test_becoming_erased_is_dated(register: SqlRegister, benin: Instance) -> None:
    assert _erase(register, "benin").erased_at is not None


def test_becoming_erased_a_second_time_changes_nothing(register: SqlRegister, benin: Instance) -> None:
    erased = _erase(register, "benin")
    assert register.update("benin", state=State.ERASED) == erased
    assert register.update("benin", state=State.ERASED, erased_at=_NOON) == erased


def test_the_time_of_an_erasure_is_the_one_that_is_given_and_changes_with_the_state_alone(
    register: SqlRegister, benin: Instance
) -> None:
    with pytest.raises(DefectError):
        register.update("benin", erased_at=_NOON)
    register.update("benin", state=State.ERASING)
    assert register.update("benin", state=State.ERASED, erased_at=_NOON).erased_at == _NOON


def test_the_newest_observation_is_kept(register: SqlRegister, benin: Instance) -> None:
    register.observe("benin", [_condition("newer")], at=_NOON)
    register.observe("benin", [_condition("older")], at=_NOON - timedelta(minutes=1))
    found = register.find("benin")
    assert found is not None
    assert (found.conditions, found.observed_at) == ((_condition("newer"),), _NOON)


def test_two_hundred_instances_are_listed_at_once(
    database: Database, register: SqlRegister, benin: Instance
) -> None:
    same = (
        "client, target, host, state, profile, version, url, generation, spec_digest, facts, "
        "conditions, created_at"
    )
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 199)"
    database.run(
        f"{numbers} INSERT INTO instances (name, opaque, {same}) "
        f"SELECT 'client-' || i, 'opaque-' || i, {same} FROM instances, n",
        f"{numbers} INSERT INTO ports (host, port, opaque, label) "
        "SELECT 'one', i, 'opaque-' || i, 'web' FROM n",
    )
    assert len(register.instances()) == 200
    assert min(_seconds(register.instances) for _ in range(5)) < 0.1


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun
