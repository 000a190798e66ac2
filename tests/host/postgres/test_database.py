from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tenantry.errors import FailedError, RefusedError
from tenantry.providers.host.database import Database, exists
from tenantry.providers.host.role import Role
from tests.host.postgres.support import Rig, run_and_kill_everywhere

TABLE = "registrations.person"
REVOKE_DEFAULT = (
    "alter default privileges for role owner in schema registrations revoke select on tables from support"
)


def handler(rig: Rig) -> Database:
    return Database(rig.executor, rig.layout)


def seen(rig: Rig, **changes: Any) -> dict[str, Any]:
    inputs = rig.database_inputs(**changes)
    observed = handler(rig).read("", inputs)
    assert observed is not None
    return {key: value for key, value in observed.inputs.items() if inputs.get(key, "-") != value}


def update(rig: Rig, **changes: Any) -> None:
    handler(rig).update("", rig.database_inputs(), rig.database_inputs(**changes))


def tidy_away(rig: Rig) -> None:
    for name in ("app", "migrator"):
        Role(rig.executor, rig.layout).delete(name, rig.role_inputs(name=name))
    handler(rig).delete("", rig.database_inputs())


@pytest.fixture
def made(running: Rig) -> Iterator[Rig]:
    """A database with one table that the owner made."""
    handler(running).create(running.database_inputs())
    running.sql("set role owner", f"create table {TABLE} (id serial, name text)", database=running.opaque)
    try:
        yield running
    finally:
        tidy_away(running)


def test_a_new_database_is_as_asked_for_and_creating_it_again_changes_nothing(made: Rig) -> None:
    assert seen(made) == {}
    handler(made).create(made.database_inputs())
    assert seen(made) == {}


def test_everybody_else_is_kept_out(made: Rig) -> None:
    assert made.sql(f"select has_database_privilege('public', '{made.opaque}', 'connect')") is False


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("grant connect on database {name} to public", "+ CONNECT on database {name} to PUBLIC"),
        ("grant usage on schema registrations to public", "+ USAGE on schema registrations to PUBLIC"),
        (f"grant select on {TABLE} to public", f"+ SELECT on table {TABLE} to PUBLIC"),
        (f"grant select (name) on {TABLE} to public", f"+ SELECT on column {TABLE}.name to PUBLIC"),
        (f"revoke insert on {TABLE} from application", f"- INSERT on table {TABLE} to application"),
        ("revoke usage on schema registrations from support", "- USAGE on schema registrations to support"),
        (
            REVOKE_DEFAULT,
            "- SELECT on tables registrations made by owner to support",
        ),
        (f"grant select on {TABLE} to support with grant option", f"+ SELECT* on table {TABLE} to support"),
        ("alter schema registrations owner to postgres", "+ schema registrations owned by postgres"),
        (f"alter table {TABLE} owner to postgres", f"+ {TABLE} owned by postgres"),
        ("alter role application login", "+ attributes of application"),
        ("alter role support superuser", "+ attributes of support"),
        ("grant owner to application", "+ application in owner"),
    ],
)
def test_a_grant_changed_by_hand_is_drift_and_is_undone(made: Rig, statement: str, told: str) -> None:
    made.sql(statement.format(name=made.opaque), database=made.opaque)
    assert told.format(name=made.opaque) in seen(made)["grants"]
    update(made)
    assert seen(made) == {}


def test_a_limit_changed_by_hand_is_drift_and_is_restored(made: Rig) -> None:
    made.sql(f"alter database {made.opaque} connection limit 99")
    assert seen(made) == {"connectionLimit": 99}
    update(made)
    assert seen(made) == {}


def test_an_owner_changed_by_hand_is_drift_and_is_restored(made: Rig) -> None:
    made.sql(f"alter database {made.opaque} owner to postgres")
    assert seen(made)["owner"] == "postgres"
    update(made)
    assert seen(made) == {}


def test_a_search_path_changed_by_hand_is_drift_and_is_restored(made: Rig) -> None:
    made.sql(f"alter database {made.opaque} set search_path = pg_catalog")
    assert seen(made) == {"settings": ["search_path=pg_catalog"]}
    update(made)
    assert seen(made) == {}


def test_a_schema_dropped_by_hand_is_drift_and_is_made_again(made: Rig) -> None:
    made.sql("drop schema registrations cascade", database=made.opaque)
    assert seen(made)["schemas"] == []
    update(made)
    assert seen(made) == {}


def test_an_extension_is_made_and_its_loss_is_drift(made: Rig) -> None:
    update(made, extensions=["pgcrypto"])
    assert seen(made, extensions=["pgcrypto"]) == {}
    made.sql("drop extension pgcrypto", database=made.opaque)
    assert seen(made, extensions=["pgcrypto"]) == {"extensions": []}


def test_a_dropped_database_is_reported_and_never_made_anew(made: Rig) -> None:
    made.sql(f"drop database {made.opaque}")
    with pytest.raises(FailedError) as lost:
        seen(made)
    with pytest.raises(FailedError) as not_updated:
        update(made)
    with pytest.raises(RefusedError) as not_created:
        handler(made).create(made.database_inputs())
    assert {one.value.code for one in (lost, not_updated, not_created)} == {"data-lost"}
    assert not exists(made.server, made.opaque)


def test_the_application_reads_and_writes_but_does_not_change_the_schema(made: Rig) -> None:
    made.sql("set role application", f"insert into {TABLE} (name) values ('x')", database=made.opaque)
    with pytest.raises(FailedError, match="permission denied"):
        made.sql("set role application", "create table more (id int)", database=made.opaque)
    with pytest.raises(FailedError, match="must be owner"):
        made.sql("set role application", f"drop table {TABLE}", database=made.opaque)


def test_support_reads_and_does_not_write(made: Rig) -> None:
    assert made.sql("set role support", f"select count(*) from {TABLE}", database=made.opaque) == 0
    with pytest.raises(FailedError, match="permission denied"):
        made.sql("set role support", f"delete from {TABLE}", database=made.opaque)


def test_an_application_that_changes_the_schema_leaves_tables_that_owner_and_support_reach(made: Rig) -> None:
    update(made, changesSchema=True)
    made.sql("set role application", "create table more (id serial)", database=made.opaque)
    assert made.sql("set role support", "select count(*) from more", database=made.opaque) == 0
    made.sql("set role owner", "alter table more add column note text", database=made.opaque)
    assert seen(made, changesSchema=True) == {}


def test_a_schema_with_a_hyphen_is_on_the_search_path(made: Rig) -> None:
    update(made, schemas=["registrations", "121-service"])
    assert seen(made, schemas=["registrations", "121-service"]) == {}
    made.sql('drop schema "121-service"', database=made.opaque)


def test_a_create_that_is_killed_at_every_point_is_finished_by_the_next_one(running: Rig) -> None:
    inputs = running.database_inputs()

    def finish_and_begin_anew() -> None:
        handler(running).create(inputs)
        assert seen(running) == {}
        handler(running).delete("", inputs)

    try:
        create = lambda: handler(running).create(inputs)  # noqa: E731
        assert run_and_kill_everywhere(create, between=finish_and_begin_anew) >= 12
    finally:
        tidy_away(running)


def test_deleting_leaves_no_database_and_no_role_and_may_be_repeated(made: Rig) -> None:
    for _ in range(2):
        handler(made).delete("", made.database_inputs())
    assert not exists(made.server, made.opaque)
    assert made.sql("select count(*) from pg_roles where rolname in ('owner', 'application', 'support')") == 0
