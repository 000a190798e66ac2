"""The journal is append-only, one chain, and shows what was done to it."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy

from tenantry.adapters.register import SqlRegister
from tenantry.errors import BusyError, FailedError
from tenantry.model.journal import digest_of
from tenantry.ports import Instance
from tests.contracts.register.conftest import Open
from tests.contracts.register.support import Database, arguments, child, line

_MARKER = "the-text-that-must-go-7c1f"


@pytest.fixture
def told(register: SqlRegister, benin: Instance) -> SqlRegister:
    """A register with eleven lines, ten of them with a marker."""
    for number in range(10):
        register.record(instance="benin", kind="access", text=f"{_MARKER} {number}")
    return register


def test_a_line_carries_the_opaque_name_and_the_digest_of_its_text(
    register: SqlRegister, benin: Instance
) -> None:
    entry = register.record(instance="benin", kind="access", text="shown", operation="op-1")
    assert (entry.instance, entry.digest, entry.operation) == (benin.opaque, digest_of("shown"), "op-1")


def test_what_was_recorded_is_read_back(register: SqlRegister, benin: Instance) -> None:
    entry = register.record(instance=benin.opaque, kind="access", text="Größe ≤ 5\n\tend")
    assert register.journal()[-1] == entry


def test_a_line_may_be_about_no_instance(register: SqlRegister) -> None:
    assert register.record(instance="", kind="access", text="listed").instance == ""


def test_a_name_that_is_no_instance_does_not_get_into_the_chain(register: SqlRegister) -> None:
    with pytest.raises(FailedError):
        register.record(instance="ministry", kind="access", text="x")
    assert register.journal() == []


def test_the_journal_of_one_instance_holds_its_lines_alone(told: SqlRegister, benin: Instance) -> None:
    told.add(**arguments("togo"))
    assert {entry.instance for entry in told.journal("benin")} == {benin.opaque}


def test_lines_are_numbered_from_one_without_gaps(told: SqlRegister) -> None:
    assert [entry.seq for entry in told.journal()] == list(range(1, 12))


def test_an_untouched_journal_holds(told: SqlRegister) -> None:
    assert told.verify_journal() == []


def test_an_empty_journal_holds(register: SqlRegister) -> None:
    assert register.verify_journal() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET kind = 'state' WHERE seq = 5",
        "DELETE FROM journal WHERE seq = 5",
    ],
)
def test_the_database_itself_refuses_to_change_a_line(
    database: Database, told: SqlRegister, statement: str
) -> None:
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
        database.run("DELETE FROM journal_texts", statement)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE journal_texts SET text = 'other' WHERE seq = 5"], "the text of line 5 was changed"),
        (["DELETE FROM journal_texts WHERE seq = 5"], "the text of line 5 is missing"),
        (["UPDATE journal SET at = '2020-01-01T00:00:00.000000+00:00' WHERE seq = 5"], "line 5 does not"),
        (["UPDATE journal SET instance = 'x' WHERE seq = 5"], "line 5 does not"),
        (["UPDATE journal SET operation = 'x' WHERE seq = 5"], "line 5 does not"),
        (["UPDATE journal SET kind = 'x' WHERE seq = 5"], "line 5 does not"),
        (["UPDATE journal SET digest = 'x' WHERE seq = 5"], "line 5 does not"),
        (["UPDATE journal SET chain = 'x' WHERE seq = 5"], "line 5 does not"),
        (
            ["DELETE FROM journal_texts WHERE seq = 5", "DELETE FROM journal WHERE seq = 5"],
            "line 5 is missing",
        ),
        (["DELETE FROM journal_texts WHERE seq > 8", "DELETE FROM journal WHERE seq > 8"], "lines 9 to 11"),
        (["DELETE FROM journal_texts", "DELETE FROM journal"], "lines 1 to 11 are missing"),
        (["UPDATE journal_head SET seq = 10"], "the newest line is 11"),
        (
            [
                "DELETE FROM journal_texts",
                "UPDATE journal SET seq = 99 WHERE seq = 5",
                "UPDATE journal SET seq = 5 WHERE seq = 6",
                "UPDATE journal SET seq = 6 WHERE seq = 99",
            ],
            "line 5 does not follow",
        ),
    ],
)
def test_what_was_done_to_the_journal_is_found(
    database: Database, told: SqlRegister, statements: list[str], message: str
) -> None:
    database.tamper(*statements)
    assert any(wrong.startswith(message) for wrong in told.verify_journal())


def test_processes_that_append_at_once_make_one_chain(
    database: Database, register: SqlRegister, benin: Instance
) -> None:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(child("append", database.url, "benin", "25")) for _ in range(4)]
        assert [line(process) for process in processes] == ["appended"] * 4
    assert (len(register.journal()), register.verify_journal()) == (101, [])


def test_erased_texts_are_gone(told: SqlRegister) -> None:
    told.erase_texts("benin")
    assert {entry.text for entry in told.journal("benin")} == {None}


def test_the_chain_holds_after_an_erasure(told: SqlRegister) -> None:
    told.erase_texts("benin")
    assert told.verify_journal() == []


def test_the_texts_of_other_instances_stay(told: SqlRegister) -> None:
    told.add(**arguments("togo"))
    told.erase_texts("benin")
    assert [entry.text for entry in told.journal("togo")] == ["new: provisioning"]


def test_what_is_recorded_after_an_erasure_has_its_text(told: SqlRegister) -> None:
    told.erase_texts("benin")
    told.record(instance="benin", kind="evidence", text="absent")
    assert told.journal("benin")[-1].text == "absent"


def test_a_text_lost_after_an_erasure_is_found(database: Database, told: SqlRegister) -> None:
    told.erase_texts("benin")
    entry = told.record(instance="benin", kind="evidence", text="absent")
    database.tamper(f"DELETE FROM journal_texts WHERE seq = {entry.seq}")
    assert told.verify_journal() == [f"the text of line {entry.seq} is missing, and no erasure is recorded"]


def test_erasing_twice_is_like_erasing_once(told: SqlRegister) -> None:
    told.erase_texts("benin")
    once = told.journal()
    told.erase_texts("benin")
    assert (told.journal(), told.verify_journal()) == (once, [])


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_erased_texts_are_in_none_of_the_files(database: Database, told: SqlRegister) -> None:
    told.erase_texts("benin")
    assert _files_with(database, _MARKER) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_erasure_that_is_killed_halfway_is_finished_by_the_next(
    database: Database, told: SqlRegister
) -> None:
    with child("erase", database.url, "benin", env={"TENANTRY_FAULT_KILL": "2"}) as process:
        assert process.wait(60) == -9
    assert _files_with(database, _MARKER) != []  # deleted, but the old pages are in the log
    told.erase_texts("benin")
    assert _files_with(database, _MARKER) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_erasure_says_so_when_a_reader_keeps_the_old_pages(
    database: Database, open_it: Open, told: SqlRegister
) -> None:
    hasty = open_it(database.url, busy_seconds=0.2)
    with told._store.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM journal_texts").all()
        with pytest.raises(BusyError):
            hasty.erase_texts("benin")
    told.erase_texts("benin")
    assert _files_with(database, _MARKER) == []


def _files_with(database: Database, marker: str) -> list[str]:
    return [path.name for path in database.folder.iterdir() if marker.encode() in path.read_bytes()]
