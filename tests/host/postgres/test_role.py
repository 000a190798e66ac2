from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from typing import Any

import pytest

from tenantry.errors import FailedError
from tenantry.providers.host.database import Database
from tenantry.providers.host.postgres import query_over_tls
from tenantry.providers.host.role import Role, is_password_of, scram_verifier
from tests.host.postgres.support import PASSWORD, Rig, run_and_kill_everywhere

OTHER = "another-password-altogether-2"


def handler(rig: Rig) -> Role:
    return Role(rig.executor, rig.layout)


def seen(rig: Rig, **changes: Any) -> dict[str, Any]:
    inputs = rig.role_inputs(**changes)
    observed = handler(rig).read("", inputs)
    assert observed is not None
    return {key: value for key, value in observed.inputs.items() if inputs.get(key, "-") != value}


def update(rig: Rig, **changes: Any) -> None:
    handler(rig).update("", rig.role_inputs(), rig.role_inputs(**changes))


def log_in(rig: Rig, *, user: str = "app", password: str = PASSWORD, sql: str = "select 1") -> Any:
    return query_over_tls(
        sql,
        host="127.0.0.1",
        port=rig.port,
        database=rig.opaque,
        user=user,
        password=password,
        ca_file=rig.layout.secrets(rig.opaque) / "ca.crt",
    )[0][0]


@pytest.fixture(scope="module")
def database(running: Rig) -> Rig:
    Database(running.executor, running.layout).create(running.database_inputs())
    return running


@pytest.fixture
def made(database: Rig) -> Iterator[Rig]:
    handler(database).create(database.role_inputs())
    try:
        yield database
    finally:
        handler(database).delete("", database.role_inputs())


def test_a_new_role_logs_in_and_creating_it_again_keeps_its_verifier(made: Rig) -> None:
    assert log_in(made) == 1
    verifier = made.sql("select rolpassword from pg_authid where rolname = 'app'")
    handler(made).create(made.role_inputs())
    assert made.sql("select rolpassword from pg_authid where rolname = 'app'") == verifier
    assert seen(made) == {}


def test_the_server_is_given_a_verifier_of_the_password_alone(made: Rig) -> None:
    verifier = made.sql("select rolpassword from pg_authid where rolname = 'app'")
    assert verifier.startswith("SCRAM-SHA-256$4096:")
    assert PASSWORD not in (made.layout.logs(made.opaque, "database") / "current").read_text()


@pytest.mark.parametrize(
    ("statement", "key"),
    [
        (f"alter role app password '{OTHER}'", "password"),
        ("alter role app password null", "password"),
        ("alter role app nologin", "login"),
        ("alter role app connection limit 50", "connectionLimit"),
        ("alter role app superuser", "attributes"),
        ("alter role app createrole", "attributes"),
        ("alter role app noinherit", "attributes"),
        ("alter role app valid until '2001-01-01'", "attributes"),
        ("alter role app set statement_timeout = 0", "settings"),
        ("grant owner to app", "memberOf"),
        ("revoke application from app", "memberOf"),
        ("grant pg_read_all_data to app", "memberOf"),
    ],
)
def test_a_change_by_hand_is_drift_and_is_undone(made: Rig, statement: str, key: str) -> None:
    made.sql(statement)
    assert list(seen(made)) == [key]
    update(made)
    assert seen(made) == {}
    assert log_in(made) == 1


def test_a_setting_for_one_database_is_drift_and_is_undone(made: Rig) -> None:
    made.sql(f"alter role app in database {made.opaque} set search_path = pg_catalog")
    assert list(seen(made)) == ["settings"]
    update(made)
    assert seen(made) == {}


def test_a_look_does_not_tell_a_password_that_was_set_by_hand(made: Rig) -> None:
    made.sql(f"alter role app password '{OTHER}'")
    assert seen(made)["password"] == ""


def test_a_dropped_role_is_not_there_and_comes_back(made: Rig) -> None:
    made.sql("drop role app")
    assert handler(made).read("", made.role_inputs()) is None
    update(made)
    assert log_in(made) == 1


def test_a_new_password_ends_sessions_and_the_old_one_is_refused(made: Rig) -> None:
    update(made, password=OTHER)
    assert log_in(made, password=OTHER) == 1
    with pytest.raises(FailedError) as caught:
        log_in(made)
    assert caught.value.code == "wrong-password"


def test_a_role_that_acts_as_the_owner_makes_what_belongs_to_the_owner(database: Rig) -> None:
    inputs = database.role_inputs(name="migrator", memberOf=["owner"], actAs="owner")
    handler(database).create(inputs)
    try:
        log_in(database, user="migrator", sql="create table made (id int); select 1")
        owner = database.sql(
            "select pg_get_userbyid(relowner) from pg_class where relname = 'made'", database=database.opaque
        )
        assert owner == "owner"
    finally:
        handler(database).delete("", inputs)


def test_the_backup_role_has_what_it_needs_and_a_revoked_grant_is_drift(running: Rig) -> None:
    inputs: dict[str, Any] = {
        "name": "tenantry_backup",
        "memberOf": [],
        "password": "",
        "connectionLimit": -1,
        "database": "",
        "backup": True,
    }
    handler(running).create(running.role_inputs(**inputs))
    assert seen(running, **inputs) == {}
    running.sql("revoke execute on function pg_switch_wal() from tenantry_backup")
    assert seen(running, **inputs) == {"grants": ["- execute on pg_catalog.pg_switch_wal()"]}
    update(running, **inputs)
    assert seen(running, **inputs) == {}


def test_many_roles_made_at_once_do_not_disturb_each_other(database: Rig) -> None:
    every = [database.role_inputs(name=f"app{number}") for number in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(handler(database).create, every))
        assert [seen(database, name=one["name"]) for one in every] == [{}] * 6
        list(pool.map(lambda one: handler(database).delete("", one), every))


def test_a_create_that_is_killed_at_every_point_is_finished_by_the_next_one(database: Rig) -> None:
    inputs = database.role_inputs()

    def finish_and_begin_anew() -> None:
        handler(database).create(inputs)
        assert seen(database) == {}
        handler(database).delete("", inputs)

    try:
        create = lambda: handler(database).create(inputs)  # noqa: E731
        assert run_and_kill_everywhere(create, between=finish_and_begin_anew) >= 4
    finally:
        handler(database).delete("", inputs)


def test_deleting_gives_what_the_role_owns_to_the_owner_and_may_be_repeated(made: Rig) -> None:
    made.sql(
        "create table registrations.his (id int)",
        "alter table registrations.his owner to app",
        database=made.opaque,
    )
    for _ in range(2):
        handler(made).delete("", made.role_inputs())
    assert made.sql("select count(*) from pg_roles where rolname = 'app'") == 0
    owner = made.sql(
        "select pg_get_userbyid(relowner) from pg_class where relname = 'his'", database=made.opaque
    )
    assert owner == "owner"


def test_a_verifier_is_of_one_password_and_has_a_salt_of_its_own() -> None:
    verifier = scram_verifier(PASSWORD)
    assert is_password_of(verifier, PASSWORD)
    assert not is_password_of(verifier, OTHER)
    assert not is_password_of(None, PASSWORD)
    assert not is_password_of("md5abcdef", PASSWORD)
    assert verifier != scram_verifier(PASSWORD)
