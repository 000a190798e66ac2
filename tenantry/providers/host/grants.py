"""What is granted in an instance's database, and what should be.

Both sides are sets of Grant, so that what is missing is granted, what is too
much is revoked, and the same sets say what was changed by hand. Privileges on
functions, types and large objects are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tenantry.providers.host.postgres import Session, identifier

__all__ = ["NO_ATTRIBUTES", "Grant", "Groups", "differences", "statements"]

NO_ATTRIBUTES = "nosuperuser nocreatedb nocreaterole noreplication nobypassrls"

_READ = ("SELECT",)
_WRITE = ("SELECT", "INSERT", "UPDATE", "DELETE")
_SEQUENCE = ("SELECT", "UPDATE", "USAGE")
_PUBLIC = "PUBLIC"


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The three group roles of a database."""

    owner: str
    application: str
    support: str

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Groups:
        """Take the names from the inputs of a Database."""
        return cls(owner=inputs["owner"], application=inputs["application"], support=inputs["support"])

    @property
    def names(self) -> tuple[str, str, str]:
        """All three, the owner first."""
        return (self.owner, self.application, self.support)


@dataclass(frozen=True, kw_only=True, order=True)
class Grant:
    """One privilege of one role on one thing. A star after the privilege: it may be passed on."""

    kind: str  # "DATABASE", "SCHEMA", "TABLE", "SEQUENCE", "COLUMN", "TABLES" and "SEQUENCES" (defaults)
    on: tuple[str, ...]  # its name and before it those of what it is in; of defaults the schema
    to: str
    privilege: str
    creator: str = ""  # of defaults: whose new objects

    def __str__(self) -> str:
        of = f" made by {self.creator}" if self.creator else ""
        return f"{self.privilege} on {self.kind.lower()} {'.'.join(self.on)}{of} to {self.to}"

    @property
    def grant(self) -> str:
        """SQL that grants it."""
        return f"{self._before}grant {self._what} to {self._to}"

    @property
    def revoke(self) -> str:
        """SQL that takes it away, from those it was passed on to as well."""
        return f"{self._before}revoke {self._what} from {self._to} cascade"

    @property
    def _before(self) -> str:
        if not self.creator:
            return ""
        return f"alter default privileges for role {identifier(self.creator)} in schema {_quoted(self.on)} "

    @property
    def _what(self) -> str:
        privilege = self.privilege.rstrip("*")
        if self.kind == "COLUMN":
            return f"{privilege} ({identifier(self.on[-1])}) on table {_quoted(self.on[:-1])}"
        return f"{privilege} on {self.kind}" + ("" if self.creator else f" {_quoted(self.on)}")

    @property
    def _to(self) -> str:
        return "public" if self.to == _PUBLIC else identifier(self.to)


def differences(opened: Session, inputs: Mapping[str, Any]) -> list[str]:
    """Return what differs in words: ``-`` is missing, ``+`` is too much."""
    wanted, found = _wanted(opened, inputs), _found(opened, inputs)
    return [
        *(f"- {one}" for one in sorted(wanted - found)),
        *(f"+ {one}" for one in sorted(found - wanted)),
        *(text for text, _sql in _others(opened, inputs)),
    ]


def statements(opened: Session, inputs: Mapping[str, Any]) -> list[str]:
    """Return the SQL that brings what is there to what is wanted; none when they are the same.

    Owners first: a new owner changes what is wanted, so ask again afterwards.
    """
    if owners := [sql for _text, sql in _others(opened, inputs)]:
        return owners
    wanted, found = _wanted(opened, inputs), _found(opened, inputs)
    revokes = [one.revoke for one in sorted(found - wanted)]
    return [*dict.fromkeys(revokes), *(one.grant for one in sorted(wanted - found))]


def _wanted(opened: Session, inputs: Mapping[str, Any]) -> set[Grant]:
    groups = Groups.of(inputs)
    database = (str(inputs["name"]),)
    wanted = {
        *_all("DATABASE", database, groups.owner, ("CREATE", "CONNECT", "TEMPORARY")),
        *_all("DATABASE", database, groups.application, ("CONNECT", "TEMPORARY")),
        *_all("DATABASE", database, groups.support, ("CONNECT",)),
    }
    for schema in _schemas(inputs):
        wanted |= _wanted_of_schema(schema, inputs, groups)
    for name, kind, owner in opened.rows(_RELATIONS, schemas=_schemas(inputs)):
        if owner != groups.application:
            privileges = _SEQUENCE if kind == "SEQUENCE" else _WRITE
            wanted |= _all(kind, tuple(name), groups.application, privileges)
        wanted |= _all(kind, tuple(name), groups.support, _READ)
    return wanted


def _wanted_of_schema(schema: str, inputs: Mapping[str, Any], groups: Groups) -> set[Grant]:
    on, changes = (schema,), bool(inputs.get("changesSchema"))
    own = schema in inputs["schemas"]
    wanted = {
        *_all("SCHEMA", on, groups.owner if own else "pg_database_owner", ("CREATE", "USAGE")),
        *_all("SCHEMA", on, groups.application, ("CREATE", "USAGE") if own and changes else ("USAGE",)),
        *_all("SCHEMA", on, groups.support, ("USAGE",)),
    }
    if not own:
        return wanted
    wanted |= _all("TABLES", on, groups.application, _WRITE, creator=groups.owner)
    wanted |= _all("SEQUENCES", on, groups.application, _SEQUENCE, creator=groups.owner)
    for creator in (groups.owner, groups.application) if changes else (groups.owner,):
        wanted |= _all("TABLES", on, groups.support, _READ, creator=creator)
        wanted |= _all("SEQUENCES", on, groups.support, _READ, creator=creator)
    return wanted


def _found(opened: Session, inputs: Mapping[str, Any]) -> set[Grant]:
    schemas = _schemas(inputs)
    found = set()
    for kind, on, to, privilege, creator in opened.rows(_FOUND, schemas=schemas):
        found.add(Grant(kind=kind, on=tuple(on), to=to, privilege=privilege, creator=creator))
    return found


def _others(opened: Session, inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Owners, attributes and memberships that differ: what, and the SQL that mends it."""
    groups = Groups.of(inputs)
    owner = identifier(groups.owner)
    found = []
    for schema, name in opened.rows(_SCHEMA_OWNERS, schemas=list(inputs["schemas"])):
        if name != groups.owner:
            sql = f"alter schema {identifier(schema)} owner to {owner}"
            found.append((f"+ schema {schema} owned by {name}", sql))
    for name, kind, holder in opened.rows(_RELATIONS, schemas=list(inputs["schemas"])):
        if holder not in (groups.owner, groups.application):
            sql = f"alter {kind} {_quoted(name)} owner to {owner}"
            found.append((f"+ {'.'.join(name)} owned by {holder}", sql))
    for (role,) in opened.rows(_ATTRIBUTES, roles=list(groups.names)):
        sql = f"alter role {identifier(role)} nologin {NO_ATTRIBUTES}"
        found.append((f"+ attributes of {role}", sql))
    return found + _memberships(opened, groups, changes=bool(inputs.get("changesSchema")))


def _memberships(opened: Session, groups: Groups, *, changes: bool) -> list[tuple[str, str]]:
    """The owner is a member of the application where that makes tables: migrations must reach them."""
    wanted = {(groups.owner, groups.application)} if changes else set()
    found = {(member, role) for member, role in opened.rows(_MEMBERS, roles=list(groups.names))}
    return [
        *(
            (f"- {member} in {role}", f"grant {identifier(role)} to {identifier(member)}")
            for member, role in sorted(wanted - found)
        ),
        *(
            (f"+ {member} in {role}", f"revoke {identifier(role)} from {identifier(member)}")
            for member, role in sorted(found - wanted)
        ),
    ]


def _all(
    kind: str, on: tuple[str, ...], to: str, privileges: Iterable[str], *, creator: str = ""
) -> set[Grant]:
    return {Grant(kind=kind, on=on, to=to, privilege=one, creator=creator) for one in privileges}


def _quoted(name: Iterable[str]) -> str:
    return ".".join(identifier(part) for part in name)


def _schemas(inputs: Mapping[str, Any]) -> list[str]:
    return sorted({*inputs["schemas"], "public"})


# Relations of the schemas that no extension owns. A sequence of a column (serial,
# identity) follows its table's owner, so it is none of its own where owners are concerned.
_RELATIONS = """
select array[nspname, relname]::text[], case relkind when 'S' then 'SEQUENCE' else 'TABLE' end,
       pg_get_userbyid(relowner)
from pg_class c join pg_namespace n on n.oid = relnamespace
where nspname = any(:schemas) and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid
                  and deptype = 'e')
order by relkind = 'S', 1
"""

_SCHEMA_OWNERS = """
select nspname, pg_get_userbyid(nspowner) from pg_namespace where nspname = any(:schemas)
"""

_ATTRIBUTES = """
select rolname from pg_roles where rolname = any(:roles) and (rolcanlogin or rolsuper or rolcreatedb
    or rolcreaterole or rolreplication or rolbypassrls) order by 1
"""

_MEMBERS = """
select pg_get_userbyid(member), pg_get_userbyid(roleid) from pg_auth_members
where pg_get_userbyid(member)::text = any(:roles)
"""

_FOUND = """
with granted (kind, item, holder, acl, creator) as (
    select 'DATABASE', array[datname]::text[], 0::oid, coalesce(datacl, acldefault('d', datdba)), ''
    from pg_database where datname = current_database()
    union all
    select 'SCHEMA', array[nspname]::text[], 0, coalesce(nspacl, acldefault('n', nspowner)), ''
    from pg_namespace where nspname = any(:schemas)
    union all
    select case relkind when 'S' then 'SEQUENCE' else 'TABLE' end,
           array[nspname, relname]::text[], relowner, relacl, ''
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname = any(:schemas) and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid
                      and deptype = 'e')
    union all
    select 'COLUMN', array[nspname, relname, attname]::text[], relowner, attacl, ''
    from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
    where nspname = any(:schemas) and attacl is not null
    union all
    select case defaclobjtype when 'S' then 'SEQUENCES' when 'r' then 'TABLES' when 'f' then 'FUNCTIONS'
                              when 'T' then 'TYPES' else 'SCHEMAS' end,
           array[nspname]::text[], 0, defaclacl, pg_get_userbyid(defaclrole)
    from pg_default_acl join pg_namespace n on n.oid = defaclnamespace
    where nspname = any(:schemas)
)
select kind, item, case grantee when 0 then 'PUBLIC' else pg_get_userbyid(grantee)::text end,
       privilege_type || case when is_grantable then '*' else '' end, creator::text
from granted, aclexplode(acl)
where grantee <> holder or holder = 0
"""
