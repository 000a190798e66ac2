"""The database of one instance, its three group roles, and who may do what in it.

- *owner* owns the database and its schemas; migrations act as it.
- *application* reads and writes data; it changes the schema only where the
  profile says that the workload does so at run time.
- *support* reads.

None of them can log in: login roles (Role) are members. PUBLIC gets nothing.
A database that is gone is reported (``data-lost``) and never made anew. What
was changed by hand shows in the inputs of the same name, grants as a further
key ``grants`` that lists those missing (``-``) and those too many (``+``).
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tenantry.errors import FailedError, RefusedError, TenantryError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import marks
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.grants import Groups, differences, statements
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.postgres import (
    Server,
    Session,
    exclusively,
    identifier,
    is_out_of_reach,
    literal,
    query,
    session,
)

__all__ = ["Database", "exists", "size_bytes"]

_REQUIRED = ("socketFolder", "port", "name", "owner", "application", "support", "schemas", "extensions")
_MADE = "holds the database of the instance"


def exists(server: Server, name: str) -> bool:
    """Say whether there is a database of that name."""
    return bool(query(server, "select 1 from pg_database where datname = :name", name=name))


def size_bytes(server: Server, name: str) -> int:
    """Return what the database takes on disk."""
    return int(query(server, "select pg_database_size(:name)", name=name)[0][0])


class Database:
    """Handler of the database.

    Inputs, beside what the names say:

    schemas: names; the first is where the application's tables are made.
    extensions: names; they go to the schema ``public``.
    changesSchema: may the application change the schema at run time?
    connectionLimit: connections to this database at once; -1 is no limit.
    """

    type: ClassVar[str] = "Database"
    holds_data: ClassVar[bool] = True
    replace_on: ClassVar[frozenset[str]] = frozenset({"name"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the inputs."""
        failures = check_known(inputs, _REQUIRED)
        names = [inputs[key] for key in ("owner", "application", "support") if key in inputs]
        if len(set(names)) != len(names):
            failures.append(("owner", "owner, application and support must be three roles"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make roles and database, or adopt them.

        Raises:
            RefusedError: the database was there and is gone (code data-lost).
        """
        server, name = Server.of(inputs), str(inputs["name"])
        with exclusively(server):
            with session(server) as opened:
                _make_groups(opened, Groups.of(inputs))
                if not _row(opened, name):
                    if _was_made(opened, inputs):
                        raise RefusedError(
                            f"the database {name} once was there and is gone",
                            hint="restore it from the latest backup; an empty one is not made in its place",
                            code="data-lost",
                        )
                    opened.change("create database", _create(inputs))
            outputs = self._settle(server, inputs)
            with session(server) as opened:
                if not _was_made(opened, inputs):
                    comment = f"comment on role {identifier(inputs['owner'])} is {literal(_MADE)}"
                    opened.change("mark database", comment)
        return name, outputs

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at the database and all that was granted in it.

        Raises:
            FailedError: the database is gone (code data-lost).
        """
        server, name = Server.of(inputs), str(inputs["name"])
        try:
            with session(server) as opened:
                row = _row(opened, name)
            if row is None:
                raise marks.lost("the database", name)
            return self._look(server, inputs, row)
        except TenantryError as error:
            if not is_out_of_reach(error):
                raise
            return Observed(inputs=dict(inputs), outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Bring owner, limits, schemas, extensions and grants to what is wanted.

        Raises:
            FailedError: the database is gone (code data-lost).
        """
        server = Server.of(new)
        with exclusively(server):
            with session(server) as opened:
                _make_groups(opened, Groups.of(new))
                if _row(opened, str(new["name"])) is None:
                    raise marks.lost("the database", new["name"])
            return self._settle(server, new)

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Drop the database and its group roles.

        Where no server lets us in, they lie in the data folder, which the
        Cluster's deletion removes.
        """
        server = Server.of(inputs)
        try:
            with exclusively(server), session(server) as opened:
                name = identifier(inputs["name"])
                opened.change("drop database", f"drop database if exists {name} with (force)")
                for group in Groups.of(inputs).names:
                    if _role_exists(opened, group):
                        opened.change(
                            "drop role",
                            f"drop owned by {identifier(group)}",
                            f"drop role {identifier(group)}",
                        )
        except TenantryError as error:
            if not is_out_of_reach(error):
                raise

    def _settle(self, server: Server, inputs: Inputs) -> dict[str, Any]:
        name = str(inputs["name"])
        with session(server, database=name) as opened:
            opened.change("settle database", *_database_statements(inputs), *_content_statements(inputs))
            for _round in range(3):  # owners, then grants, then nothing
                if not (changes := statements(opened, inputs)):
                    break
                opened.change("settle grants", *changes)
            else:
                differing = "; ".join(differences(opened, inputs)[:5])
                raise FailedError(
                    f"the grants in database {name} do not settle: {differing}",
                    hint="somebody else may be changing them at the same time: deploy again",
                    code="grants",
                )
        return {"name": name, "sizeBytes": size_bytes(server, name)}

    def _look(self, server: Server, inputs: Inputs, row: Sequence[Any]) -> Observed:
        owner, limit, settings = row
        seen = {**inputs, "owner": owner}
        if int(limit) != int(inputs.get("connectionLimit", -1)):
            seen["connectionLimit"] = limit
        with session(server, database=str(inputs["name"])) as opened:
            if list(settings or []) != [_search_path(opened, inputs)]:
                seen["settings"] = sorted(settings or [])
            schemas, extensions = _present(opened)
            seen["schemas"] = [one for one in inputs["schemas"] if one in schemas]
            seen["extensions"] = [one for one in inputs["extensions"] if one in extensions]
            if differing := differences(opened, inputs):
                seen["grants"] = differing
        return Observed(inputs=seen, outputs={"name": inputs["name"]})


def _make_groups(opened: Session, groups: Groups) -> None:
    for group in groups.names:
        if not _role_exists(opened, group):
            opened.change("create group role", f"create role {identifier(group)} nologin")


def _create(inputs: Inputs) -> str:
    return (
        f"create database {identifier(inputs['name'])} owner {identifier(inputs['owner'])}"
        " template template0 encoding 'UTF8' locale 'C.UTF-8'"
    )


def _database_statements(inputs: Inputs) -> list[str]:
    database = identifier(inputs["name"])
    path = ", ".join(identifier(one) for one in _path(inputs))
    return [
        f"alter database {database} owner to {identifier(inputs['owner'])}",
        f"alter database {database} connection limit {int(inputs.get('connectionLimit', -1))}",
        f"alter database {database} reset all",
        f"alter database {database} set search_path = {path}",
    ]


def _content_statements(inputs: Inputs) -> list[str]:
    return [
        *(f"create schema if not exists {identifier(one)}" for one in inputs["schemas"]),
        "create schema if not exists public",
        *(f"create extension if not exists {identifier(one)} schema public" for one in inputs["extensions"]),
    ]


def _search_path(opened: Session, inputs: Inputs) -> str:
    """Return the setting as the catalogue keeps it."""
    quoted = opened.rows(
        "select quote_ident(name) from unnest(cast(:names as text[])) with ordinality as t (name, place)"
        " order by place",
        names=_path(inputs),
    )
    return "search_path=" + ", ".join(name for (name,) in quoted)


def _path(inputs: Inputs) -> list[str]:
    return list(dict.fromkeys([*inputs["schemas"], "public"]))


def _row(opened: Session, name: str) -> list[Any] | None:
    rows = opened.rows(
        "select pg_get_userbyid(datdba), datconnlimit,"
        " (select setconfig from pg_db_role_setting where setdatabase = d.oid and setrole = 0)"
        " from pg_database d where datname = :name",
        name=name,
    )
    return rows[0] if rows else None


def _present(opened: Session) -> tuple[set[str], set[str]]:
    schemas = {row[0] for row in opened.rows("select nspname from pg_namespace")}
    return schemas, {row[0] for row in opened.rows("select extname from pg_extension")}


def _role_exists(opened: Session, name: str) -> bool:
    return bool(opened.rows("select 1 from pg_roles where rolname = :name", name=name))


def _was_made(opened: Session, inputs: Inputs) -> bool:
    note = opened.one(
        "select shobj_description(oid, 'pg_authid') from pg_roles where rolname = :name",
        name=str(inputs["owner"]),
    )
    return bool(note == _MADE)
