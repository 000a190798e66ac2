"""A workload profile: what runs in an instance, and what it needs.

Frozen values only; ``tenantry.config.profile`` reads them from YAML.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = [
    "Administrator",
    "DatabaseNeeds",
    "DatabaseTransport",
    "Folder",
    "FolderKind",
    "Health",
    "OneOff",
    "Package",
    "Periodic",
    "Process",
    "Profile",
    "Runtime",
    "Service",
    "ValueForm",
    "Variable",
    "VariableClass",
]


class Service(StrEnum):
    """A service that a workload may need; a target that lacks one refuses the spec."""

    DATABASE = "database"
    FOLDERS = "folders"
    CACHE = "cache"
    BLOBS = "blobs"
    PORTAL = "portal"
    EMAIL = "email"


class VariableClass(StrEnum):
    """Where the value of a variable comes from."""

    GENERATED = "generated"  # a secret that we make, may be rotated
    GENERATED_ONCE = "generated-once"  # made once, never rotated
    DERIVED = "derived"  # from what was created: ``source`` names it
    FIXED = "fixed"  # the profile gives the value
    SECRET = "secret"  # noqa: S105 - a class, not a secret; set with `credentials set`
    CLIENT = "client"  # in the spec's ``settings``
    ORGANISATION = "organisation"  # in the workspace's ``settings``


class ValueForm(StrEnum):
    """What a generated value looks like."""

    TEXT = "text"  # letters and digits, ``length`` of them
    UUID = "uuid"  # a random UUID (version 4)


class FolderKind(StrEnum):
    """What a folder holds, which decides backup, access and what may be thrown away."""

    UPLOADS = "uploads"  # client data: backed up, private
    PRIVATE = "private"  # client data: backed up, private
    PUBLIC = "public"  # backed up, served by the proxy
    CACHE = "cache"  # may be lost
    TEMPORARY = "temporary"  # may be lost at any time


class DatabaseTransport(StrEnum):
    """How the workload reaches its database."""

    TLS = "verify-full"
    SOCKET = "socket"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The interpreter that the processes need."""

    name: str  # "node" or "python" or "none"
    version: str = ""  # "24": the newest of that major that set-up brings


@dataclass(frozen=True, kw_only=True)
class Package:
    """The workload's files: a folder, copied once per content for all instances."""

    folder: Path
    shared: bool = True  # read-only between instances; False: a copy of the instance's own


@dataclass(frozen=True, kw_only=True)
class DatabaseNeeds:
    """What the workload's database must hold before it starts."""

    transport: DatabaseTransport = DatabaseTransport.TLS
    schemas: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    changes_schema: bool = False  # may the application change the schema at run time?


@dataclass(frozen=True, kw_only=True)
class Process:
    """One long-running process under the supervisor."""

    name: str
    command: tuple[str, ...]
    stop_signal: str = "SIGTERM"
    grace_seconds: int = 20
    clean_exit_codes: tuple[int, ...] = (0,)
    listens: bool = False  # gets a port of its own in PORT, behind the proxy


@dataclass(frozen=True, kw_only=True)
class OneOff:
    """A command with a time limit and a query that proves its effect.

    ``proof`` returns one row with one true value when the effect is there. The
    exit code alone proves nothing.
    """

    command: tuple[str, ...]  # empty: the processes do it at their start; only the proof is waited for
    timeout_seconds: int = 300
    proof: str = ""
    after_start: bool = False  # it needs the running processes; otherwise it runs before they start


@dataclass(frozen=True, kw_only=True)
class Periodic:
    """A command that is run again and again."""

    name: str
    command: tuple[str, ...]
    every_minutes: int
    timeout_seconds: int = 300


@dataclass(frozen=True, kw_only=True)
class Health:
    """How the workload says that it is well."""

    path: str = "/"
    expected_status: int = 200
    liveness_path: str = ""
    timeout_seconds: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of the instance that the workload may write to."""

    name: str
    kind: FolderKind


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One environment variable and the class of its value."""

    name: str
    cls: VariableClass
    source: str = ""  # of DERIVED: "database.host"
    value: str = ""  # of FIXED; of CLIENT and ORGANISATION the default
    length: int = 48  # characters, of GENERATED and GENERATED_ONCE
    form: ValueForm = ValueForm.TEXT  # of GENERATED and GENERATED_ONCE
    required: bool = True
    when: str = ""  # "FSP_MODE=EXTERNAL": required only then
    sensitive: bool = False  # DERIVED, CLIENT or ORGANISATION value that must not be shown


@dataclass(frozen=True, kw_only=True)
class Administrator:
    """The first account, made by the bootstrap; its password is generated."""

    email_variable: str
    password_variable: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Everything that tenantry knows about a workload."""

    name: str
    version: str
    description: str
    runtime: Runtime
    package: Package | None
    services: frozenset[Service]
    processes: tuple[Process, ...]
    health: Health
    database: DatabaseNeeds = field(default_factory=DatabaseNeeds)
    bootstrap: OneOff | None = None
    migration: OneOff | None = None
    periodic: tuple[Periodic, ...] = ()
    folders: tuple[Folder, ...] = ()
    containers: tuple[str, ...] = ()  # of the blob storage
    variables: tuple[Variable, ...] = ()
    administrator: Administrator | None = None
    queries: tuple[tuple[str, str], ...] = ()  # ("last_update", "select …"), ("accounts", …)
    export: tuple[str, ...] = ()  # folders beside the database that an export must hold
