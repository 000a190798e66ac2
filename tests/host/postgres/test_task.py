from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import FailedError, UnavailableError
from tenantry.providers.host.database import Database
from tenantry.providers.host.role import Role
from tenantry.providers.host.task import Task
from tests.host.postgres.support import PASSWORD, Rig, fork, wait_for

SECRET = "the-secret-of-a-task-9"
# The command of a migration: psql as the owner, over TLS, in an environment built from nothing.
RUN = 'psql -qv ON_ERROR_STOP=1 -c "$STATEMENT" && echo ran >> "$NOTE"'
MAKE = (
    "create table if not exists registrations.version (number int); insert into registrations.version values "
)
PROOF = "select exists (select from registrations.version where number = {})"


def handler(rig: Rig) -> Task:
    return Task(rig.executor, rig.layout)


def note(rig: Rig) -> Path:
    return rig.layout.home(rig.opaque) / "note"


def runs(rig: Rig) -> int:
    """How often the command came to its end."""
    return note(rig).read_text().count("ran") if note(rig).exists() else 0


def inputs(rig: Rig, **changes: Any) -> dict[str, Any]:
    number = changes.pop("number", 1)
    env = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(rig.port),
        "PGUSER": "migrator",
        "PGPASSWORD": PASSWORD,
        "PGDATABASE": rig.opaque,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(rig.layout.secrets(rig.opaque) / "ca.crt"),
        "STATEMENT": f"{MAKE} ({number})",
        "NOTE": str(note(rig)),
        "TOKEN": SECRET,
    }
    return {
        "kind": "migration",
        "argv": ["/bin/sh", "-c", RUN],
        "env": env,
        "uid": rig.uid,
        "cwd": str(rig.layout.home(rig.opaque)),
        "timeoutSeconds": 20,
        "proof": PROOF.format(number),
        "version": str(number),
        "socketFolder": str(rig.server.socket_folder),
        "port": rig.port,
        "database": rig.opaque,
        **changes,
    }


@pytest.fixture(scope="module")
def database(running: Rig) -> Rig:
    Database(running.executor, running.layout).create(running.database_inputs())
    migrator = running.role_inputs(name="migrator", memberOf=["owner"], actAs="owner")
    Role(running.executor, running.layout).create(migrator)
    return running


@pytest.fixture
def rigged(database: Rig) -> Iterator[Rig]:
    """A database without what the task makes."""
    yield database
    database.sql("drop table if exists registrations.version", database=database.opaque)
    note(database).unlink(missing_ok=True)


def test_a_task_is_run_once_and_adopted_the_second_time(rigged: Rig) -> None:
    assert handler(rigged).create(inputs(rigged)) == handler(rigged).create(inputs(rigged))
    assert runs(rigged) == 1


def test_a_task_whose_proof_does_not_hold_afterwards_has_failed(rigged: Rig) -> None:
    with pytest.raises(FailedError) as caught:
        handler(rigged).create(inputs(rigged, proof="select false"))
    assert caught.value.code == "not-proved"


def test_a_task_that_fails_says_why_without_a_secret(rigged: Rig) -> None:
    argv = ["/bin/sh", "-c", 'echo "no connection with $TOKEN" >&2; exit 3']
    with pytest.raises(FailedError, match=r"sh failed \(3\): no connection with \[secret\]"):
        handler(rigged).create(inputs(rigged, argv=argv))


def test_a_task_that_takes_too_long_is_ended(rigged: Rig) -> None:
    with pytest.raises(UnavailableError, match="did not end within 1 s"):
        handler(rigged).create(inputs(rigged, argv=["/bin/sleep", "60"], timeoutSeconds=1))


def test_a_proof_that_no_longer_holds_is_drift_and_update_runs_the_task(rigged: Rig) -> None:
    wanted = inputs(rigged)
    handler(rigged).create(wanted)
    rigged.sql("drop table registrations.version", database=rigged.opaque)
    observed = handler(rigged).read("", wanted)
    assert observed is not None
    assert observed.inputs == {**wanted, "version": ""}
    handler(rigged).update("", observed.inputs, wanted)
    assert handler(rigged).read("", wanted) is not None
    assert runs(rigged) == 2


def test_another_version_runs_the_migration(rigged: Rig) -> None:
    handler(rigged).create(inputs(rigged))
    assert handler(rigged).update("", inputs(rigged), inputs(rigged, number=2)) == {"version": "2"}
    assert runs(rigged) == 2


def test_another_version_does_not_run_a_bootstrap_again(rigged: Rig) -> None:
    first = inputs(rigged, kind="bootstrap")
    handler(rigged).create(first)
    handler(rigged).update("", first, {**first, "version": "2"})
    assert runs(rigged) == 1


def test_another_password_alone_runs_nothing(rigged: Rig) -> None:
    first = inputs(rigged)
    handler(rigged).create(first)
    handler(rigged).update("", first, {**first, "env": {**first["env"], "TOKEN": "another-token"}})
    assert runs(rigged) == 1


def test_the_command_sees_nothing_of_our_environment(rigged: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_KEY", "nobody-may-see-this")
    argv = ["/bin/sh", "-c", f'test -z "$MASTER_KEY" && test "$(id -u)" = {rigged.uid} && {RUN}']
    handler(rigged).create(inputs(rigged, argv=argv))
    assert runs(rigged) == 1


@pytest.mark.parametrize(
    ("proof", "told"),
    [
        ("select 1 as one, 2 as two", "one row with one value"),
        ("select true from generate_series(1, 2)", "one row with one value"),
    ],
)
def test_a_proof_with_another_answer_than_one_value_is_refused(rigged: Rig, proof: str, told: str) -> None:
    with pytest.raises(FailedError, match=told):
        handler(rigged).create(inputs(rigged, proof=proof))


@pytest.mark.parametrize(
    "proof",
    [
        "insert into registrations.version values (7) returning true",
        "select true; drop schema registrations cascade",
        "select pg_read_file('/etc/passwd') is not null",
    ],
)
def test_a_proof_changes_nothing_and_sees_only_what_the_owner_sees(rigged: Rig, proof: str) -> None:
    handler(rigged).create(inputs(rigged))
    observed = handler(rigged).read("", inputs(rigged, proof=proof))
    assert observed is not None
    assert observed.inputs["version"] == ""
    count = rigged.sql("select count(*) from registrations.version", database=rigged.opaque)
    assert count == 1


def test_a_command_that_outlives_a_killed_run_is_ended_before_it_is_run_again(rigged: Rig) -> None:
    begun = rigged.layout.home(rigged.opaque) / "begun"
    slow = ["/bin/sh", "-c", f'echo $$ > "{begun}"; exec /bin/sleep 61']
    pid = fork(lambda: handler(rigged).create(inputs(rigged, argv=slow)))
    wait_for(lambda: begun.exists() and begun.read_text() != "")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    left = Path("/proc") / begun.read_text().strip()
    assert left.exists()
    handler(rigged).create(inputs(rigged))
    wait_for(lambda: not left.exists() or "Z" in (left / "stat").read_text().split())
    assert runs(rigged) == 1
    begun.unlink()


def test_deleting_a_task_leaves_its_effect(rigged: Rig) -> None:
    handler(rigged).create(inputs(rigged))
    handler(rigged).delete("", inputs(rigged))
    assert rigged.sql("select count(*) from registrations.version", database=rigged.opaque) == 1
