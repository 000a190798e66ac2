"""Reads tenantry.yaml, the settings of a workspace."""

from __future__ import annotations

import os
import re
import socket
from functools import partial
from pathlib import Path
from typing import Any, Final

from tenantry.config.azure import AZURE_RECORD, azure_settings
from tenantry.config.blocks import Field, ListOf, Record, TableOf
from tenantry.config.countries import COUNTRIES
from tenantry.config.formats import (
    EMAIL_PATTERN,
    HOST_NAME_PATTERN,
    VARIABLE_PATTERN,
    country_fault,
    email_fault,
    pattern_rule,
    register_fault,
    variable_fault,
)
from tenantry.config.hosts import address_fault, url_fault
from tenantry.config.kinds import INVALID, FilePath, Integer, Text, Version
from tenantry.config.problems import Fault, Findings
from tenantry.config.reader import parse_document, read_bytes
from tenantry.errors import SpecError
from tenantry.model.spec import HostSettings, Workspace

__all__ = [
    "WORKSPACE_FILE",
    "WORKSPACE_RECORD",
    "default_master_key_file",
    "load_workspace",
    "on_tmpfs",
    "parse_workspace",
]

WORKSPACE_FILE: Final = "tenantry.yaml"

# A Unix socket's path has at most 107 bytes; "/<opaque>/pg/.s.PGSQL.65535" takes 32 of them.
_MOST_RUNTIME: Final = 70
_EPHEMERAL: Final = 60000  # ports up to here may be a base

_HOST = Record(
    fields=(
        Field(
            "name",
            Text(
                rule=pattern_rule(HOST_NAME_PATTERN, "must be of letters a-z, digits and inner hyphens"),
                pattern=HOST_NAME_PATTERN,
                most=63,
            ),
            "This machine's name in the register; the machine's own when left out. Do not change it later.",
        ),
        Field(
            "country",
            Text(rule=country_fault, choices=sorted(COUNTRIES)),
            "Country in which this machine stands, as ISO 3166-1 alpha-2; a spec's residency asks for it.",
        ),
        Field("root", FilePath(), "Folder of the instances; /var/lib/tenantry as root when left out."),
        Field(
            "runtime",
            FilePath(),
            "Folder on tmpfs for secrets and sockets; /run/tenantry as root when left out.",
        ),
        Field("bind", Text(rule=address_fault, most=45), "Address that the proxy listens on."),
        Field("https_port", Integer(least=1, most=65535), "Port of HTTPS."),
        Field(
            "http_port", Integer(least=1, most=65535), "Port of HTTP, which only redirects and answers ACME."
        ),
        Field(
            "uid_base", Integer(least=1000, most=2**31 - 70000), "First user id that is given to an instance."
        ),
        Field(
            "port_base",
            Integer(least=1024, most=_EPHEMERAL),
            "First port on loopback that is given to an instance.",
        ),
        Field("acme_directory", Text(rule=url_fault, most=500), "Directory URL of the ACME authority."),
        Field(
            "acme_email",
            Text(rule=email_fault, pattern=EMAIL_PATTERN),
            "Address that the ACME authority writes to.",
        ),
        Field(
            "acme_ca_file", FilePath(), "Certificate that the ACME authority's own HTTPS is verified with."
        ),
    ),
    model=HostSettings,
)

WORKSPACE_RECORD: Final = Record(
    title="Settings of a workspace",
    doc="tenantry.yaml in a workspace: what all its instances share.",
    fields=(
        Field("tenantry", Version(1), "Version of this file's format.", required=True),
        Field(
            "organisation",
            Record(
                fields=(
                    Field("name", Text(), "Name of the organisation that serves the clients.", required=True),
                    Field(
                        "contact",
                        Text(rule=email_fault, pattern=EMAIL_PATTERN),
                        "E-mail address of the people who operate the instances.",
                        required=True,
                    ),
                )
            ),
            "Who operates the instances.",
            required=True,
        ),
        Field("host", _HOST, "How this machine is used."),
        Field("azure", AZURE_RECORD, "Where instances with target: azure live, and who works on them."),
        Field(
            "register",
            Text(rule=register_fault, most=1000, private=True),
            "URL of the register; an SQLite file in the workspace when left out.",
        ),
        Field(
            "master_key_file",
            FilePath(),
            "The key that wraps the instances' keys; /etc/tenantry/master.key as root when left out.",
        ),
        Field(
            "settings",
            TableOf(
                key_rule=variable_fault,
                key_pattern=VARIABLE_PATTERN,
                kind=Text(least=0, most=10_000, lines=True, private=True),
            ),
            "Values of the variables of class organisation, for every instance. No secrets.",
        ),
        Field(
            "profiles",
            ListOf(kind=FilePath(), most=20, unique=True),
            "Further folders with workload profiles.",
        ),
    ),
)


def load_workspace(folder: Path) -> Workspace:
    """Read the workspace in a folder.

    Raises:
        SpecError: there is none, or its file has problems; all of them are told.
    """
    path = folder / WORKSPACE_FILE
    if not path.exists():
        raise SpecError(
            f"{folder} is no workspace: it has no {WORKSPACE_FILE}",
            hint="run: tenantry init, or name the folder with --workspace",
            code="no-workspace",
        )
    return parse_workspace(read_bytes(path, shown=WORKSPACE_FILE), folder=folder)


def parse_workspace(data: bytes, *, folder: Path) -> Workspace:
    """Check a tenantry.yaml's text as load_workspace does, before it is written to folder."""
    root, findings = parse_document(data, shown=WORKSPACE_FILE, base=folder)
    values = WORKSPACE_RECORD.bind(root, "", findings)
    if values is INVALID:
        raise findings.error()
    workspace = _build(folder.absolute(), values, findings)
    findings.raise_any()
    return workspace


def _build(folder: Path, values: dict[str, Any], findings: Findings) -> Workspace:
    host = dict(values.get("host", {}))
    for index, path in enumerate(values.get("profiles", ())):
        if not path.is_dir():
            _add(findings, "no-folder", f"profiles[{index}]", f"names {path}, which is no folder")
    organisation = values["organisation"]
    return Workspace(
        folder=folder,
        organisation=organisation["name"],
        contact=organisation["contact"],
        host_name=host.pop("name", None) or _machine_name(),
        register_url=_register_url(folder, values.get("register", "")),
        master_key_file=values.get("master_key_file") or default_master_key_file(),
        host=_host_settings(host, findings),
        settings=values.get("settings", {}),
        profile_folders=values.get("profiles", ()),
        azure=azure_settings(values["azure"], findings) if "azure" in values else None,
    )


def _host_settings(values: dict[str, Any], findings: Findings) -> HostSettings:
    add = partial(_add, findings)
    root = values.pop("root", None) or _default_root()
    runtime = values.pop("runtime", None)
    if runtime is None:
        runtime = _default_runtime()
        if runtime is None:
            add("no-tmpfs", "host.runtime", "is not set, and neither /run nor /dev/shm is a tmpfs")
            runtime = Path("/run/tenantry")
    elif not on_tmpfs(runtime):
        add("not-tmpfs", "host.runtime", "is not on a tmpfs, so secrets in it would reach a disk")
    if len(os.fsencode(runtime)) > _MOST_RUNTIME:
        add(
            "out-of-range",
            "host.runtime",
            f"is longer than {_MOST_RUNTIME} bytes, too long for a Unix socket in it",
        )
    host = HostSettings(root=root, runtime=runtime, **values)
    if host.https_port == host.http_port:
        add("out-of-range", "host.http_port", f"is the same as host.https_port, {host.https_port}")
    if runtime.is_relative_to(root) or root.is_relative_to(runtime):
        add("out-of-range", "host.runtime", "and host.root must not lie inside each other")
    return host


def _add(findings: Findings, code: str, key: str, message: str) -> None:
    hint = "name a folder such as /run/tenantry or /dev/shm/tenantry" if key == "host.runtime" else ""
    findings.add_fault(Fault(code=code, message=message, hint=hint), key)


def _machine_name() -> str:
    name = socket.gethostname().split(".")[0].lower()
    fault = pattern_rule(HOST_NAME_PATTERN, "")(name)
    return "host" if fault else name


def _register_url(folder: Path, url: str) -> str:
    """Return the URL with an SQLite path made absolute: it is relative to the workspace."""
    prefix = "sqlite:///"
    if not url:
        return f"{prefix}{folder / '.tenantry' / 'register.db'}"
    if url.startswith(prefix):
        return prefix + str(folder / url.removeprefix(prefix))
    return url


def default_master_key_file() -> Path:
    """Return where the master key lies unless the workspace says otherwise."""
    if os.geteuid() == 0:
        return Path("/etc/tenantry/master.key")
    return _xdg("XDG_CONFIG_HOME", ".config") / "tenantry" / "master.key"


def _default_root() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/tenantry")
    return _xdg("XDG_DATA_HOME", ".local/share") / "tenantry"


def _xdg(variable: str, otherwise: str) -> Path:
    value = Path(os.environ.get(variable, ""))
    return value if value.is_absolute() else Path.home() / otherwise


def _default_runtime() -> Path | None:
    """Return a folder on tmpfs that is this user's own, or None."""
    user = os.geteuid()
    mine = Path(os.environ.get("XDG_RUNTIME_DIR", "")) / "tenantry"
    choices = [Path("/run/tenantry")] if user == 0 else [mine] if mine.is_absolute() else []
    choices.append(Path(f"/dev/shm/tenantry-{user}"))  # noqa: S108 - 0700 when made
    return next((choice for choice in choices if on_tmpfs(choice)), None)


def on_tmpfs(path: Path) -> bool:
    """Say whether a path lies, or would lie, on a file system in memory."""
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in (
        Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    ):
        left, _, right = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), left.split(" ")[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # a later mount on the same point hides the earlier
            best, kind = point, right.split(" ", 1)[0]
    return kind in {"tmpfs", "ramfs"}
