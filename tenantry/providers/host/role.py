"""A role of the instance's database that can log in, or pgBackRest's.

The password never reaches the server: it is given the SCRAM verifier that is
computed here, so neither its log nor its statistics can hold the password. A
look recomputes the verifier with the stored salt, so that a password changed
by hand shows. What was changed by hand shows as further keys beside the
inputs: ``attributes``, ``settings``, ``grants`` (of the backup role).
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

from tenantry.errors import FailedError, TenantryError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.grants import NO_ATTRIBUTES
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.postgres import (
    MAINTENANCE,
    Server,
    Session,
    exclusively,
    identifier,
    is_out_of_reach,
    literal,
    session,
)

__all__ = ["BACKUP_GRANTS", "Role", "is_password_of", "scram_verifier"]

BACKUP_GRANTS = (  # all that pgBackRest 2.45 needs on PostgreSQL 15 and later, found by trying
    "pg_catalog.pg_backup_start(text, boolean)",
    "pg_catalog.pg_backup_stop(boolean)",
    "pg_catalog.pg_create_restore_point(text)",
    "pg_catalog.pg_switch_wal()",
)
_BACKUP_GROUP = "pg_read_all_settings"
_ITERATIONS = 4096  # what PostgreSQL 15 takes; passwords are generated, so more would buy nothing
_REQUIRED = ("socketFolder", "port", "name", "memberOf", "login")


def scram_verifier(password: str, *, salt: bytes = b"") -> str:
    """Return what PostgreSQL stores for a password (RFC 5803), with a fresh salt unless one is given."""
    from scramp import ScramMechanism  # type: ignore[import-untyped]

    mechanism = ScramMechanism("SCRAM-SHA-256")
    salt = salt or secrets.token_bytes(16)
    _salt, stored, server, _iterations = mechanism.make_auth_info(
        password, iteration_count=_ITERATIONS, salt=salt
    )
    texts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{texts[0]}${texts[1]}:{texts[2]}"


def is_password_of(verifier: str | None, password: str) -> bool:
    """Say whether a stored verifier is of this password and of our strength."""
    try:
        salt = base64.b64decode((verifier or "").split("$")[1].split(":")[1])
    except (IndexError, ValueError):
        return False
    return hmac.compare_digest(verifier or "", scram_verifier(password, salt=salt)) if salt else False


class Role:
    """Handler of a role.

    Inputs, beside what the names say:

    memberOf: group roles; exactly these.
    login: may it log in?
    password: secret; empty or absent for a role that comes by peer.
    actAs: group role that it acts as from its first statement on, so that what
        it makes belongs to the group.
    connectionLimit: connections at once; -1 is no limit.
    database: the database whose objects it may have come to own.
    backup: grants what pgBackRest needs.
    """

    type: ClassVar[str] = "Role"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"name"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"password"})

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the inputs."""
        failures = check_known(inputs, _REQUIRED)
        password = inputs.get("password")
        if isinstance(password, str) and password and len(password) < 16:  # noqa: PLR2004
            failures.append(("password", "must have 16 characters or more"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make the role, or adopt the one of that name."""
        name = str(inputs["name"])
        with exclusively(Server.of(inputs)), session(Server.of(inputs)) as opened:
            if _row(opened, name) is None:
                opened.change("create role", f"create role {identifier(name)} nologin")
            self._settle(opened, inputs)
        return name, {"name": name}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at attributes, memberships, settings and the stored verifier."""
        try:
            with session(Server.of(inputs)) as opened:
                row = _row(opened, str(inputs["name"]))
                if row is None:
                    return None
                return Observed(inputs=_seen(opened, inputs, row), outputs={"name": inputs["name"]})
        except TenantryError as error:
            if not is_out_of_reach(error):
                raise
            return Observed(inputs=dict(inputs), outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Bring attributes, memberships, settings and password to what is wanted.

        A new password ends the sessions that were opened with the old one.
        """
        name = str(new["name"])
        with exclusively(Server.of(new)), session(Server.of(new)) as opened:
            if _row(opened, name) is None:
                opened.change("create role", f"create role {identifier(name)} nologin")
            self._settle(opened, new)
            if old.get("password", "") != new.get("password", ""):
                opened.change("end sessions", _end_sessions(name))
        return {"name": name}

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """End its sessions and drop it; what it owns goes to the database's owner.

        Where no server lets us in, it lies in the data folder, which the
        Cluster's deletion removes.
        """
        server, name = Server.of(inputs), str(inputs["name"])
        try:
            with exclusively(server), session(server) as opened:
                if _row(opened, name) is None:
                    return
                opened.change("bar role", f"alter role {identifier(name)} nologin")
                opened.change("end sessions", _end_sessions(name))
                _give_away(server, opened, inputs)
                opened.change(
                    "drop role", f"drop owned by {identifier(name)}", f"drop role {identifier(name)}"
                )
        except TenantryError as error:
            if not is_out_of_reach(error):
                raise

    def _settle(self, opened: Session, inputs: Inputs) -> None:
        row = _row(opened, str(inputs["name"]))
        if row is None:
            raise FailedError(f"the role {inputs['name']} was dropped while it was being made")
        changes = [*_attribute_statements(inputs, row), *_membership_statements(opened, inputs)]
        if inputs.get("backup"):
            changes += _backup_statements(str(inputs["name"]))
        opened.change("settle role", *changes)


_ROW = """
select rolcanlogin, rolconnlimit, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
       rolinherit, rolvaliduntil is not null and rolvaliduntil < 'infinity', rolpassword,
       (select array_agg(setting order by setting) from pg_db_role_setting, unnest(setconfig) setting
        where setrole = a.oid)
from pg_authid a where rolname = :name
"""
_ATTRIBUTES = ("superuser", "createdb", "createrole", "replication", "bypassrls")


def _row(opened: Session, name: str) -> list[Any] | None:
    rows = opened.rows(_ROW, name=name)
    return rows[0] if rows else None


def _seen(opened: Session, inputs: Inputs, row: Sequence[Any]) -> dict[str, Any]:
    seen = {**inputs, "login": row[0]}
    if row[1] != int(inputs.get("connectionLimit", -1)):
        seen["connectionLimit"] = row[1]
    attributes = [name for name, there in zip(_ATTRIBUTES, row[2:7], strict=True) if there]
    attributes += ["noinherit"] if not row[7] else []
    attributes += ["valid until"] if row[8] else []
    if attributes:
        seen["attributes"] = attributes
    if not _has_password(inputs, row[9]):
        seen["password"] = ""  # not told: what is stored is not ours
    if list(row[10] or []) != _settings(inputs):
        seen["settings"] = list(row[10] or [])
    if (groups := _groups(opened, str(inputs["name"]))) != _wanted_groups(inputs):
        seen["memberOf"] = sorted(groups)
    if inputs.get("backup") and (missing := _missing_grants(opened, str(inputs["name"]))):
        seen["grants"] = missing
    return seen


def _has_password(inputs: Inputs, verifier: str | None) -> bool:
    password = inputs.get("password", "")
    return is_password_of(verifier, password) if password else verifier is None


def _settings(inputs: Inputs) -> list[str]:
    return [f"role={inputs['actAs']}"] if inputs.get("actAs") else []


def _wanted_groups(inputs: Inputs) -> set[str]:
    return {*inputs["memberOf"], *([_BACKUP_GROUP] if inputs.get("backup") else [])}


def _groups(opened: Session, name: str) -> set[str]:
    rows = opened.rows(
        "select pg_get_userbyid(roleid) from pg_auth_members where pg_get_userbyid(member)::text = :name",
        name=name,
    )
    return {group for (group,) in rows}


def _attribute_statements(inputs: Inputs, row: Sequence[Any]) -> list[str]:
    name = identifier(inputs["name"])
    login = "login" if inputs["login"] else "nologin"
    limit = int(inputs.get("connectionLimit", -1))
    statements = [
        f"alter role {name} {login} inherit {NO_ATTRIBUTES} connection limit {limit} valid until 'infinity'"
    ]
    if not _has_password(inputs, row[9]):
        password = inputs.get("password", "")
        stored = literal(scram_verifier(password)) if password else "null"
        statements.append(f"alter role {name} password {stored}")
    if list(row[10] or []) != _settings(inputs):
        statements.append(f"alter role {name} reset all")
        if inputs.get("database"):
            statements.append(f"alter role {name} in database {identifier(inputs['database'])} reset all")
        if inputs.get("actAs"):
            statements.append(f"alter role {name} set role = {identifier(inputs['actAs'])}")
    return statements


def _membership_statements(opened: Session, inputs: Inputs) -> list[str]:
    name, wanted = identifier(inputs["name"]), _wanted_groups(inputs)
    found = _groups(opened, str(inputs["name"]))
    return [
        *(f"grant {identifier(one)} to {name}" for one in sorted(wanted - found)),
        *(f"revoke {identifier(one)} from {name}" for one in sorted(found - wanted)),
    ]


def _backup_statements(name: str) -> list[str]:
    role = identifier(name)
    return [
        f"grant connect on database {MAINTENANCE} to {role}",
        *(f"grant execute on function {function} to {role}" for function in BACKUP_GRANTS),
    ]


def _missing_grants(opened: Session, name: str) -> list[str]:
    rows = opened.rows(
        "select 'execute on ' || f from unnest(cast(:functions as text[])) f"
        " where not has_function_privilege(:name, f, 'execute')"
        " union all select 'connect' where not has_database_privilege(:name, :database, 'connect')",
        functions=list(BACKUP_GRANTS),
        name=name,
        database=MAINTENANCE,
    )
    return [f"- {grant}" for (grant,) in rows]


def _end_sessions(name: str) -> str:
    return f"select pg_terminate_backend(pid) from pg_stat_activity where usename = {literal(name)}"  # noqa: S608


def _give_away(server: Server, opened: Session, inputs: Inputs) -> None:
    """Give what the role owns in the instance's database to that database's owner."""
    owner = opened.one(
        "select pg_get_userbyid(datdba) from pg_database where datname = :name",
        name=str(inputs.get("database", "")),
    )
    if owner is None:
        return
    role = identifier(inputs["name"])
    with session(server, database=str(inputs["database"])) as inside:
        inside.change(
            "give objects away", f"reassign owned by {role} to {identifier(owner)}", f"drop owned by {role}"
        )
