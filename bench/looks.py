"""What a person would look at to believe that an instance is there, or gone: ours and the baseline's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Place", "Seen", "look", "traces"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to look."""

    uid: int
    database: str  # a connection string with verify-full, without the password
    password: str = field(repr=False)
    backup_settings: Path  # of pgBackRest
    snapshots: Path  # restic's repository
    snapshots_password: str = field(repr=False)
    health: Sequence[str]  # arguments of curl


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen. Two ways to the same instance end in the same value."""

    schema_version: str  # read over TLS as the application
    may_change_schema: bool
    accounts: int
    full_backups: int
    snapshots: int
    health: str


def look(place: Place) -> Seen:
    """Look at database, backups and workload."""
    secret = {"PGPASSWORD": place.password}
    create = "create table registrations.of_the_bench ()"
    backups = _ask(["pgbackrest", f"--config={place.backup_settings}", "--output=json", "info"])
    snapshots = _ask(
        ["restic", f"--repo={place.snapshots}", "--no-cache", "--no-lock", "snapshots", "--json"],
        env={"RESTIC_PASSWORD": place.snapshots_password},
    )
    return Seen(
        schema_version=_query(place, "select max(version) from registrations.schema_version", secret),
        may_change_schema=_may(["psql", "-Xqc", create, place.database], env=secret),
        accounts=int(_query(place, "select count(*) from registrations.account", secret)),
        full_backups=sum(one["type"] == "full" for one in json.loads(backups)[0]["backup"]),
        snapshots=len(json.loads(snapshots)),
        health=_ask(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *place.health]),
    )


def traces(uid: int, folders: Sequence[Path]) -> list[str]:
    """Return what is left of an instance: processes of its user, folders, mounts."""
    found = [
        f"process {one.name}" for one in Path("/proc").iterdir() if one.name.isdigit() and _is_of(one, uid)
    ]
    found += [f"folder {folder}" for folder in folders if folder.exists()]
    mounts = Path("/proc/self/mounts").read_text().split()
    return found + [
        f"mount {folder}" for folder in folders for mount in mounts if mount.startswith(str(folder))
    ]


def _is_of(process: Path, uid: int) -> bool:
    try:
        return process.stat().st_uid == uid
    except FileNotFoundError:
        return False


def _query(place: Place, query: str, secret: Mapping[str, str]) -> str:
    return _ask(["psql", "-XqAtc", query, place.database], env=secret)


def _may(argv: Sequence[str], *, env: Mapping[str, str]) -> bool:
    return _run(argv, env).returncode == 0


def _ask(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> str:
    ran = _run(argv, env)
    if ran.returncode != 0:
        raise RuntimeError(f"{argv[0]} answers {ran.returncode}: {ran.stderr[-500:]}")
    return ran.stdout.strip()


def _run(argv: Sequence[str], env: Mapping[str, str] | None) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **(env or {})}
    return subprocess.run(argv, env=whole, capture_output=True, text=True, check=False, timeout=120)
