"""The example's migration and bootstrap: run again, killed, side by side, they end in one state."""

from __future__ import annotations

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.example.support import (
    ADMIN,
    EMAIL,
    EXAMPLE,
    PASSWORD,
    Database,
    Postgres,
    Web,
    environment,
    node,
    run_task,
)

SHAPE = (
    "select table_name, column_name from information_schema.columns"
    " where table_schema = 'registrations' order by 1, 2"
)
HASH = "select password_hash from registrations.account"


@pytest.fixture
def database(postgres: Postgres) -> Database:
    return postgres.new_database()


@pytest.fixture
def task(database: Database) -> dict[str, str]:
    return environment(database, role="task")


def test_the_profile_proves_and_asks_what_is_there(ready_database: Database) -> None:
    profile = yaml.safe_load((EXAMPLE / "profile.yaml").read_text())
    for work in ("migration", "bootstrap"):
        assert ready_database.query(profile[work]["proof"], role="readonly") == "t"
    assert ready_database.query(profile["queries"]["accounts"], role="readonly").startswith(EMAIL)
    ready_database.query(profile["queries"]["last_update"], role="readonly")


def test_a_proof_fails_before_its_work_is_done(app: Path, database: Database, task: dict[str, str]) -> None:
    profile = yaml.safe_load((EXAMPLE / "profile.yaml").read_text())
    assert run_task(app, "migrate.js", task).code == 0
    assert database.query(profile["bootstrap"]["proof"]) == "f"


def test_a_migration_run_again_changes_nothing(app: Path, database: Database, task: dict[str, str]) -> None:
    first = run_task(app, "migrate.js", task)
    versions = database.query("select * from registrations.schema_version order by 1")
    second = run_task(app, "migrate.js", task)
    assert (first.code, second.code, second.output) == (0, 0, "")
    assert database.query("select * from registrations.schema_version order by 1") == versions


def test_what_the_migration_makes_belongs_to_the_owner(
    app: Path, database: Database, task: dict[str, str]
) -> None:
    run_task(app, "migrate.js", task)
    owners = database.query("select distinct tableowner from pg_tables where schemaname = 'registrations'")
    assert owners == f"{database.name}_owner"


def test_the_application_may_not_change_the_schema(ready_database: Database) -> None:
    for sql in ("create table registrations.t ()", "drop table registrations.attachment"):
        with pytest.raises(RuntimeError, match=r"permission denied|must be owner"):
            ready_database.query(sql, role="app")


def test_migrations_side_by_side_end_as_one_does(app: Path, database: Database, task: dict[str, str]) -> None:
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: run_task(app, "migrate.js", task), range(3)))
    assert [outcome.code for outcome in done] == [0, 0, 0]
    assert database.query("select count(*) from registrations.schema_version") == "2"


def test_a_migration_that_was_killed_is_finished_by_the_next(
    app: Path, database: Database, task: dict[str, str], ready_database: Database
) -> None:
    for milliseconds in (60, 90, 120, 150):
        with subprocess.Popen([node(), "migrate.js"], cwd=app, env=task, stdout=subprocess.DEVNULL) as child:
            time.sleep(milliseconds / 1000)
            child.kill()
    assert run_task(app, "migrate.js", task).code == 0
    assert database.query(SHAPE) == ready_database.query(SHAPE)


def test_a_migration_that_fails_leaves_the_version_before_it(
    app: Path, tmp_path: Path, database: Database, task: dict[str, str]
) -> None:
    copy = shutil.copytree(app, tmp_path / "app")
    (copy / "migrations" / "003_broken.sql").write_text("create table registrations.half (); select 1/0;")
    outcome = run_task(copy, "migrate.js", task)
    assert outcome.code == 1
    assert outcome.output.strip().endswith("failed: error 22012")
    assert database.query("select max(version) from registrations.schema_version") == "2"
    assert "half" not in database.query(SHAPE)


def test_a_migration_that_was_changed_afterwards_is_refused(
    app: Path, tmp_path: Path, task: dict[str, str]
) -> None:
    run_task(app, "migrate.js", task)
    copy = shutil.copytree(app, tmp_path / "app")
    with (copy / "migrations" / "002_attachments.sql").open("a") as file:
        file.write("-- changed\n")
    outcome = run_task(copy, "migrate.js", task)
    assert outcome.code == 1
    assert "002_attachments.sql was changed" in outcome.output


def test_a_database_of_a_newer_version_is_refused(
    app: Path, database: Database, task: dict[str, str]
) -> None:
    run_task(app, "migrate.js", task)
    database.query("insert into registrations.schema_version (version, digest) values (99, 'x')")
    outcome = run_task(app, "migrate.js", task)
    assert outcome.code == 1
    assert "newer than this program" in outcome.output


def test_a_bootstrap_run_again_keeps_the_account(app: Path, database: Database, task: dict[str, str]) -> None:
    run_task(app, "migrate.js", task)
    first = run_task(app, "bootstrap.js", task)
    kept = database.query(HASH)
    second = run_task(app, "bootstrap.js", task)
    assert (first.code, second.code, database.query(HASH)) == (0, 0, kept)
    assert kept.startswith("scrypt$")
    assert PASSWORD not in first.output + second.output


def test_a_new_password_replaces_the_old_one_and_ends_its_sessions(
    app: Path, database: Database, task: dict[str, str], web: Web
) -> None:
    run_task(app, "migrate.js", task)
    run_task(app, "bootstrap.js", task)
    web.start(environment(database, role="app"))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    login = web.call("POST", "/login", body=f"email={EMAIL}&password={PASSWORD}", headers=form)
    session = {"Cookie": login.headers["set-cookie"].split(";")[0]}
    assert web.call("GET", "/registrations", headers=session).status == 200
    assert (
        run_task(app, "bootstrap.js", {**task, "ADMIN_PASSWORD": "another-password-of-some-length"}).code == 0
    )
    assert web.call("GET", "/registrations", headers=session).status == 401
    assert web.call("GET", "/registrations", headers=ADMIN).status == 401


@pytest.mark.parametrize(
    ("name", "value"),
    [("ADMIN_PASSWORD", "admin"), ("ADMIN_EMAIL", "nobody"), ("ADMIN_EMAIL", ""), ("DATABASE_PORT", "x")],
)
def test_a_wrong_setting_is_named_and_not_shown(
    app: Path, task: dict[str, str], name: str, value: str
) -> None:
    outcome = run_task(app, "bootstrap.js", {**task, name: value})
    assert outcome.code == 78
    assert name in outcome.output
    assert not value or f" {value}" not in outcome.output


def test_a_password_that_the_database_refuses_is_not_shown(app: Path, task: dict[str, str]) -> None:
    outcome = run_task(app, "migrate.js", {**task, "DATABASE_PASSWORD": "a-wrong-password"})
    assert (outcome.code, outcome.output) == (1, "failed: error 28P01\n")
