"""The keys of a workload profile's file."""

from __future__ import annotations

import re
import signal
from typing import Any, Final

from tenantry.config.blocks import Field, ListOf, Record
from tenantry.config.formats import VARIABLE_PATTERN, pattern_rule, variable_fault
from tenantry.config.kinds import Choice, FilePath, Flag, Integer, Kind, Number, Text, Version
from tenantry.config.problems import Fault
from tenantry.model.profile import (
    Administrator,
    DatabaseNeeds,
    DatabaseTransport,
    Folder,
    FolderKind,
    Health,
    OneOff,
    Package,
    Periodic,
    Process,
    Profile,
    Runtime,
    Service,
    ValueForm,
    Variable,
    VariableClass,
)

__all__ = ["DERIVED_SOURCES", "PROFILE_RECORD", "SENSITIVE_SOURCES"]

DERIVED_SOURCES: Final[dict[str, str]] = {
    "database.host": "host of the database",
    "database.port": "port of the database",
    "database.name": "name of the database",
    "database.user": "the application's role",
    "database.password": "the role's password",
    "database.ca_file": "file with the authority that the database's certificate is verified with",
    "database.url": "all of these as one postgresql:// URL",
    "instance.name": "name of the instance",
    "instance.hostname": "its host name",
    "instance.url": "its https:// URL, without a slash at the end",
    "port": "the port that the process listens on",
    "profile.version": "version of the workload",
    "cache.host": "host of the cache",
    "cache.port": "port of the cache",
    "cache.password": "password of the cache",
    "cache.prefix": "prefix of this instance's keys in the cache",
    "blobs.connection_string": "connection string of the blob storage",
    "blobs.url": "https:// URL of the blob storage, without a slash at the end",
    "blobs.container": "the first of the profile's containers",
    "email.identity": "identity that e-mail is sent with",
    "portal.url": "URL of the static portal",
    "monitoring.connection_string": "where the workload reports to",
}
SENSITIVE_SOURCES: Final = frozenset(
    {
        "database.password",
        "database.url",
        "cache.password",
        "blobs.connection_string",
        "monitoring.connection_string",
    }
)

_LABEL = r"^[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){0,39}$"
_LABEL_RULE = pattern_rule(_LABEL, "must be of letters a-z, digits and single hyphens", hint="such as: web")
_CONTAINER = r"^[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}$"
_CONTAINER_RULE = pattern_rule(
    _CONTAINER, "must be of 3 to 63 letters a-z, digits and single hyphens", hint="such as: attachments"
)
_SQL_NAME = r"^[a-z0-9_][a-z0-9_-]{0,62}$"
_PATH = r"^/[!-~]{0,499}$"
_PATH_RULE = pattern_rule(_PATH, "must be a path that begins with /", hint="such as: /health")
_CONDITION = r"^[A-Z_][A-Z0-9_]{0,126}!?=[!-~]{0,200}$"
_SOURCE = (
    r"^(?:"
    + "|".join(re.escape(source) for source in DERIVED_SOURCES)
    + r"|folder\.[a-z0-9][a-z0-9-]{0,39})$"
)
_NEVER_STOPS = frozenset({"SIGKILL", "SIGSTOP"})
_SIGNALS = sorted(s.name for s in signal.Signals if s.name not in _NEVER_STOPS)


def _query_fault(text: str) -> Fault | None:
    if re.match(r"\s*(?:select|with)\b", text, re.IGNORECASE) and ";" not in text:
        return None
    return Fault(
        code="wrong-format",
        message="must be one query that only reads, without a semicolon",
        hint="such as: select exists (select 1 from accounts)",
    )


def _signal_fault(text: str) -> Fault | None:
    if text in _SIGNALS:
        return None
    hint = (
        "a process cannot end cleanly on it; use SIGTERM"
        if text in _NEVER_STOPS
        else "such as: SIGTERM or SIGINT"
    )
    return Fault(
        code="unknown-value", message="must be the name of a signal that a process can answer", hint=hint
    )


def _variable_name_fault(text: str) -> Fault | None:
    if text in {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "IFS"} or text.startswith("LD_"):
        return Fault(code="name-reserved", message=f"is {text}, which tenantry sets or the system interprets")
    return variable_fault(text)


def _name(doc: str) -> Field:
    return Field("name", Text(rule=_LABEL_RULE, pattern=_LABEL, most=40), doc, required=True)


def _variable(key: str, doc: str) -> Field:
    return Field(key, Text(rule=variable_fault, pattern=VARIABLE_PATTERN, most=127), doc, required=True)


def _seconds(doc: str) -> Field:
    return Field("timeout_seconds", Integer(least=1, most=24 * 3600, unit="seconds"), doc)


_QUERY: Kind = Text(rule=_query_fault, most=4000, lines=True)
_WORDS: Kind = ListOf(kind=Text(most=4000, lines=True), least=1, example="node, server.js")
_COMMAND = Field("command", _WORDS, "Program and arguments; no shell reads them.", required=True)


def _one_off(**values: Any) -> OneOff:
    return OneOff(**{"command": (), **values})


_ONE_OFF = Record(
    fields=(
        Field(
            "command",
            _WORDS,
            "Program and arguments; left out, the processes do it themselves when they start.",
        ),
        _seconds("Time limit in seconds."),
        Field(
            "proof", _QUERY, "Query with one row and one value, true once the effect is there.", required=True
        ),
        Field(
            "after_start",
            Flag(),
            "Whether it needs the processes running; otherwise it runs before they start.",
        ),
    ),
    build=_one_off,
    model=OneOff,
)
_PROCESS = Record(
    fields=(
        _name("Name of the process, in logs and health."),
        _COMMAND,
        Field("stop_signal", Text(rule=_signal_fault, choices=_SIGNALS), "Signal that asks it to stop."),
        Field("grace_seconds", Integer(least=0, most=3600, unit="seconds"), "How long it may take to stop."),
        Field(
            "clean_exit_codes",
            ListOf(kind=Integer(least=0, most=255), least=1, unique=True, example="0"),
            "Exit codes that are no failure.",
        ),
        Field("listens", Flag(), "Whether it is the one behind the proxy; its port is in PORT."),
    ),
    build=Process,
    model=Process,
)
_PERIODIC = Record(
    fields=(
        _name("Name of the command, in logs and health."),
        _COMMAND,
        Field(
            "every_minutes",
            Integer(least=1, most=60 * 24 * 31, unit="minutes"),
            "How often it runs, in minutes.",
            required=True,
        ),
        _seconds("Time limit in seconds."),
    ),
    build=Periodic,
    model=Periodic,
)
_HEALTH = Record(
    fields=(
        Field(
            "path",
            Text(rule=_PATH_RULE, pattern=_PATH, most=500),
            "Path that says that the workload is well.",
        ),
        Field("expected_status", Integer(least=100, most=599), "HTTP status of the good answer."),
        Field(
            "liveness_path",
            Text(rule=_PATH_RULE, pattern=_PATH, most=500),
            "Path that only says that the process lives. It is read and kept; nothing asks it yet.",
        ),
        Field(
            "timeout_seconds",
            Number(least=0.1, most=60, unit="seconds"),
            "How long the answer may take, in seconds.",
        ),
    ),
    build=Health,
    model=Health,
)
_DATABASE = Record(
    fields=(
        Field("transport", Choice(DatabaseTransport), "How the workload reaches its database."),
        Field(
            "schemas",
            ListOf(
                kind=Text(
                    rule=pattern_rule(_SQL_NAME, "must be of letters a-z, digits, _ and -"),
                    pattern=_SQL_NAME,
                    most=63,
                ),
                unique=True,
            ),
            "Schemas that must be there before the workload starts.",
        ),
        Field(
            "extensions",
            ListOf(
                kind=Text(
                    rule=pattern_rule(_SQL_NAME, "must be of letters a-z, digits, _ and -"),
                    pattern=_SQL_NAME,
                    most=63,
                ),
                unique=True,
            ),
            "PostgreSQL extensions that it needs.",
        ),
        Field("changes_schema", Flag(), "Whether the application changes the schema at run time."),
    ),
    build=DatabaseNeeds,
    model=DatabaseNeeds,
)
_VARIABLE = Record(
    fields=(
        Field(
            "name",
            Text(rule=_variable_name_fault, pattern=VARIABLE_PATTERN, most=127),
            "Name of the environment variable.",
            required=True,
        ),
        Field("class", Choice(VariableClass), "Where the value comes from.", required=True, attribute="cls"),
        Field(
            "source",
            Text(rule=pattern_rule(_SOURCE, "must be a known source"), pattern=_SOURCE, most=60),
            "Of class derived: what the value is taken from, such as database.host or folder.uploads.",
        ),
        Field(
            "value",
            Text(least=0, most=10_000, lines=True),
            "Of class fixed: the value. Of client, organisation: the default. Empty: it is not set.",
        ),
        Field(
            "length", Integer(least=16, most=256), "Of a generated value in text form: how many characters."
        ),
        Field("form", Choice(ValueForm), "Of a generated value: what it looks like."),
        Field("required", Flag(), "Whether the workload cannot start without it."),
        Field(
            "when",
            Text(
                rule=pattern_rule(
                    _CONDITION, "must be VARIABLE=value or VARIABLE!=value", hint="such as: MODE=EXTERNAL"
                ),
                pattern=_CONDITION,
                most=330,
            ),
            "It is required only while another variable has, or has not, this value.",
        ),
        Field("sensitive", Flag(), "Whether the value must not be shown although its class is not secret."),
    ),
    build=Variable,
    model=Variable,
)


def _build_profile(**values: Any) -> Profile:
    del values["tenantry_profile"]
    values["services"] = frozenset(values["services"])
    values["queries"] = tuple(values.get("queries", {}).items())
    values.setdefault("package", None)
    values.setdefault("description", "")
    values.setdefault("health", Health())
    return Profile(**values)


PROFILE_RECORD: Final = Record(
    title="Workload profile",
    doc="profiles/<name>.yaml in a workspace, or profile.yaml in a folder <name>: what runs in an instance.",
    build=_build_profile,
    fields=(
        Field("tenantry_profile", Version(1), "Version of this file's format.", required=True),
        _name("Name of the profile, which the file or its folder bears too."),
        Field("version", Text(most=64), "Version of the workload.", required=True),
        Field("description", Text(most=500, lines=True), "One sentence for people."),
        Field(
            "runtime",
            Record(
                fields=(
                    Field(
                        "name",
                        Text(
                            rule=pattern_rule(
                                r"^(?:node|python|none)$", "must be one of: node, python, none"
                            ),
                            choices=("node", "python", "none"),
                        ),
                        "The interpreter.",
                        required=True,
                    ),
                    Field(
                        "version",
                        Text(
                            rule=pattern_rule(r"^[0-9]+(?:\.[0-9]+)*$", "must be a version number"),
                            pattern=r"^[0-9]+(?:\.[0-9]+)*$",
                            most=20,
                            examples=("24",),
                        ),
                        "Its version; of a major alone, the newest is taken.",
                    ),
                ),
                build=Runtime,
                model=Runtime,
            ),
            "The interpreter that the processes need.",
            required=True,
        ),
        Field(
            "package",
            Record(
                fields=(
                    Field("folder", FilePath(), "Folder with the workload's files.", required=True),
                    Field("shared", Flag(), "Whether instances share one read-only copy."),
                ),
                build=Package,
                model=Package,
            ),
            "The workload's files.",
        ),
        Field(
            "services",
            ListOf(kind=Choice(Service), unique=True, example="database, folders"),
            "What the workload needs; a target that lacks one of them refuses it.",
            required=True,
        ),
        Field("database", _DATABASE, "What the database must hold."),
        Field(
            "processes",
            ListOf(kind=_PROCESS, least=1, most=20),
            "What runs all the time; exactly one of them listens.",
            required=True,
        ),
        Field("migration", _ONE_OFF, "Runs at every new version."),
        Field("bootstrap", _ONE_OFF, "Runs once in the life of an instance, after the migration."),
        Field("periodic", ListOf(kind=_PERIODIC, most=50), "What runs again and again."),
        Field("health", _HEALTH, "How the workload says that it is well."),
        Field(
            "folders",
            ListOf(
                kind=Record(
                    fields=(
                        _name("Name of the folder."),
                        Field("kind", Choice(FolderKind), "What it holds.", required=True),
                    ),
                    build=Folder,
                ),
                most=50,
            ),
            "Folders that the workload writes to.",
        ),
        Field(
            "containers",
            ListOf(kind=Text(rule=_CONTAINER_RULE, pattern=_CONTAINER, most=63), most=50, unique=True),
            "Containers of the blob storage that the workload writes to.",
        ),
        Field("variables", ListOf(kind=_VARIABLE, most=1000), "Its environment variables."),
        Field(
            "administrator",
            Record(
                fields=(
                    _variable("email_variable", "Variable with the address of the first account."),
                    _variable("password_variable", "Variable with its password, of class generated."),
                ),
                build=Administrator,
            ),
            "The first account, which the bootstrap makes.",
        ),
        Field(
            "queries",
            Record(
                fields=(
                    Field("last_update", _QUERY, "Time of the last use by a person."),
                    Field("accounts", _QUERY, "The accounts that people sign in with."),
                )
            ),
            "What can be asked of the database. It is read and kept; nothing asks it yet.",
        ),
        Field(
            "export",
            ListOf(kind=Text(rule=_LABEL_RULE, pattern=_LABEL, most=40), unique=True),
            "Folders that an export holds beside the database.",
        ),
    ),
    model=Profile,
)
