"""The register is made, migrated and refused as it should be."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tenantry.adapters import migrations
from tenantry.adapters.register_tables import SCHEMA_VERSION, metadata
from tenantry.errors import BusyError, RefusedError, SpecError, UnavailableError
from tests.contracts.register.conftest import Fresh, Open
from tests.contracts.register.support import Database, arguments, child, line
from tests.support.namespaces import in_namespace

only_sqlite = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def test_a_new_database_becomes_a_register(fresh: Fresh, open_it: Open) -> None:
    assert open_it(fresh().url).instances() == []


def test_a_register_is_opened_again(database: Database, open_it: Open) -> None:
    open_it(database.url).add(**arguments("benin"))
    assert [instance.name for instance in open_it(database.url).instances()] == ["benin"]


def test_the_migrations_make_the_tables_that_the_code_knows(fresh: Fresh, open_it: Open) -> None:
    database = fresh()
    open_it(database.url)
    engine = sqlalchemy.create_engine(database.url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_newest_migration_is_the_version_that_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_VERSION


def test_a_register_of_a_newer_version_is_refused(database: Database, open_it: Open) -> None:
    database.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnavailableError, match="made by a newer tenantry") as caught:
        open_it(database.url)
    assert caught.value.code == "register-newer"


def test_a_database_of_something_else_is_refused(fresh: Fresh, open_it: Open) -> None:
    database = fresh()
    if database.kind == "sqlite":
        os.close(os.open(database.folder / "register.db", os.O_CREAT, 0o600))
    database.run("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(UnavailableError) as caught:
        open_it(database.url)
    assert caught.value.code == "register-foreign"


def test_four_processes_may_make_a_new_register_at_once(fresh: Fresh) -> None:
    url = fresh().url
    with child("look", url) as a, child("look", url) as b, child("look", url) as c, child("look", url) as d:
        assert [line(process) for process in (a, b, c, d)] == ["0"] * 4


def test_a_register_that_stays_locked_is_busy(database: Database, open_it: Open) -> None:
    register = open_it(database.url, busy_seconds=0.2)
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with open_it(database.url)._store.writing():
            held.set()
            go.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    try:
        with pytest.raises(BusyError) as caught:
            register.add(**arguments("benin"))
    finally:
        go.set()
        holder.join()
    assert caught.value.code == "register-locked"


def test_opening_a_current_register_does_not_load_the_migrations(database: Database) -> None:
    with child("modules", database.url) as process:
        assert "alembic" not in line(process)


@only_sqlite
def test_the_file_is_private_and_writes_ahead(fresh: Fresh, open_it: Open) -> None:
    database = fresh()
    open_it(database.url)
    files = {path.name: path.stat().st_mode & 0o777 for path in database.folder.iterdir()}
    assert files == {"register.db": 0o600, "register.db-wal": 0o600, "register.db-shm": 0o600}


@only_sqlite
def test_an_empty_file_that_a_kill_left_becomes_a_register(fresh: Fresh, open_it: Open) -> None:
    database = fresh()
    os.close(os.open(database.folder / "register.db", os.O_CREAT, 0o600))
    assert open_it(database.url).instances() == []


@only_sqlite
def test_every_write_is_on_disk_and_what_is_deleted_is_overwritten(database: Database, open_it: Open) -> None:
    with open_it(database.url)._store.reading() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        ]
    assert found == ["wal", 2, 1, 1]


@only_sqlite
def test_a_missing_folder_is_named(fresh: Fresh, open_it: Open) -> None:
    folder = fresh().folder / "nowhere"
    with pytest.raises(UnavailableError, match=str(folder)) as caught:
        open_it(f"sqlite:///{folder}/register.db")
    assert caught.value.code == "register-absent"


@only_sqlite
@pytest.mark.parametrize(("name", "mode"), [("", 0o755), ("register.db", 0o640)])
def test_a_register_that_others_may_reach_is_refused(
    database: Database, open_it: Open, name: str, mode: int
) -> None:
    (database.folder / name).chmod(mode)
    with pytest.raises(RefusedError) as caught:
        open_it(database.url)
    assert caught.value.code == "register-open"


@only_sqlite
def test_a_file_that_is_no_database_is_damaged(database: Database, open_it: Open) -> None:
    (database.folder / "register.db").write_bytes(b"not a database, not at all" * 400)
    with pytest.raises(UnavailableError) as caught:
        open_it(database.url)
    assert caught.value.code == "register-corrupt"


@only_sqlite
def test_damage_within_the_file_is_told_when_it_is_met(database: Database, open_it: Open) -> None:
    file = database.folder / "register.db"
    register = open_it(database.url)
    for number in range(50):
        register.add(**arguments(f"client-{number}"))
    register.close()
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(UnavailableError) as caught:
        open_it(database.url).verify_journal()
    assert caught.value.code == "register-corrupt"


@only_sqlite
def test_a_read_only_disk_is_told(database: Database) -> None:
    folder = database.folder
    script = f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec "$@"'
    with child("look", database.url, wrapper=in_namespace(script)) as process:
        assert line(process).startswith("register-read-only: ")


@only_sqlite
def test_a_full_disk_is_told_and_the_journal_still_holds(database: Database, open_it: Open) -> None:
    register = open_it(database.url)
    register.add(**arguments("benin"))
    register.close()
    folder = database.folder
    script = (
        f"mkdir {folder}/small && mount -t tmpfs -o size=1m,mode=700 tmpfs {folder}/small && "
        f'cp -p {folder}/register.db {folder}/small/ && exec "$@"'
    )
    url = f"sqlite:///{folder}/small/register.db"
    with child("fill", url, "benin", wrapper=in_namespace(script)) as process:
        assert line(process) == "register-full"


@only_sqlite
def test_a_file_in_use_by_another_program_is_busy_at_opening(fresh: Fresh, open_it: Open) -> None:
    database = fresh()
    file = database.folder / "register.db"
    os.close(os.open(file, os.O_CREAT, 0o600))
    other = sqlite3.connect(file, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BusyError) as caught:
            open_it(database.url, busy_seconds=0.2)
    finally:
        other.close()
    assert caught.value.code == "register-locked"


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///relative.db", "mysql://host/name"])
def test_what_is_no_url_of_a_register_is_refused(open_it: Open, url: str) -> None:
    with pytest.raises(SpecError) as caught:
        open_it(url)
    assert caught.value.code == "register-url"


def test_a_server_that_does_not_answer_is_named_without_the_password(open_it: Open) -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1") as caught:
        open_it("postgresql://ada:open-sesame@127.0.0.1:1/register")
    assert "open-sesame" not in caught.value.message
