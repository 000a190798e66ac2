"""The database over the private way in: roles, schemas, rights, proofs.

Passwords travel as SCRAM verifiers, so that no log of the server can hold one.
Three roles: ``app_owner`` owns the schemas and cannot log in; ``deploy_1`` acts
as it, for migrations; the workload's login may read and write rows, and change
the schema only where its profile says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tenantry.components.azure.props import ADMINISTRATOR, APP_ROLE
from tenantry.errors import FailedError
from tenantry.model.profile import Profile
from tenantry.providers.host.postgres import Session, identifier, literal, session_over_tls
from tenantry.providers.host.role import scram_verifier

__all__ = ["DEPLOY_ROLE", "Door", "prepare", "proof_holds"]

DEPLOY_ROLE = "deploy_1"
_OWNER = "app_owner"
_ROWS = "select, insert, update, delete"


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where the server is reached, and as whom."""

    host: str
    database: str
    ca_file: Path
    password: str = field(repr=False)  # of the administrator
    user: str = ADMINISTRATOR
    port: int = 5432

    @contextmanager
    def open(self, *, database: str = "", timeout: float = 30) -> Iterator[Session]:
        """Connect, TLS verified.

        Raises:
            UnavailableError: no connection.
            FailedError: the server refuses.
        """
        with session_over_tls(
            host=self.host,
            port=self.port,
            database=database or self.database,
            user=self.user,
            password=self.password,
            ca_file=self.ca_file,
            timeout=timeout,
        ) as opened:
            yield opened


def prepare(door: Door, profile: Profile, *, app_password: str, deploy_password: str) -> None:
    """Make roles, schemas and rights what they should be; repeatable."""
    with door.open() as opened:
        _group(opened)
        _login(opened, DEPLOY_ROLE, deploy_password)
        _login(opened, APP_ROLE, app_password)
        database = identifier(door.database)
        statements = [
            f"revoke all on database {database} from public",
            f"grant connect, temporary on database {database} to {APP_ROLE}, {DEPLOY_ROLE}",
            f"grant create on database {database} to {_OWNER}",
            f"grant {_OWNER} to {DEPLOY_ROLE}",
            f"alter role {DEPLOY_ROLE} set role = {literal(_OWNER)}",
            *(f"create extension if not exists {identifier(one)}" for one in profile.database.extensions),
        ]
        for schema in profile.database.schemas:
            statements += _of_schema(identifier(schema))
        if profile.database.changes_schema:
            statements += [
                f"grant {_OWNER} to {APP_ROLE}",
                f"alter role {APP_ROLE} set role = {literal(_OWNER)}",
            ]
        opened.change("prepare database", *statements)


def proof_holds(door: Door, proof: str) -> bool:
    """Ask a proof: one row with one true value, in a read-only transaction as the schemas' owner.

    Raises:
        FailedError: it has another answer than one value, or fails for another reason than that
            what it asks for is not there yet.
    """
    with door.open() as opened:
        opened.rows(f"set role {_OWNER}")
        opened.rows("begin read only")
        try:
            rows = opened.prepared(proof)
        except FailedError as error:
            if error.code == "sql-failed":
                return False
            raise
    if len(rows) != 1 or len(rows[0]) != 1:
        raise FailedError(
            f"the proof gave {len(rows)} rows; it must give one row with one value",
            hint="correct the proof in the workload profile",
            code="bad-proof",
        )
    return rows[0][0] is True


def _group(opened: Session) -> None:
    if not opened.rows("select 1 from pg_roles where rolname = :name", name=_OWNER):
        opened.change("create group", f"create role {_OWNER} nologin")
    # An administrator on Azure is no superuser: it acts as the group by being a member.
    opened.change("join group", f"grant {_OWNER} to {ADMINISTRATOR}")


def _login(opened: Session, name: str, password: str) -> None:
    there = opened.rows("select 1 from pg_roles where rolname = :name", name=name)
    verb = "alter" if there else "create"
    opened.change(
        f"{verb} role {name}", f"{verb} role {name} login password {literal(scram_verifier(password))}"
    )


def _of_schema(schema: str) -> Sequence[str]:
    made_later = f"alter default privileges for role {_OWNER} in schema {schema}"
    return (
        f"create schema if not exists {schema} authorization {_OWNER}",
        f"grant usage on schema {schema} to {APP_ROLE}",
        f"grant {_ROWS} on all tables in schema {schema} to {APP_ROLE}",
        f"grant usage, select on all sequences in schema {schema} to {APP_ROLE}",
        f"{made_later} grant {_ROWS} on tables to {APP_ROLE}",
        f"{made_later} grant usage, select on sequences to {APP_ROLE}",
    )
