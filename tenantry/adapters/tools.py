"""Finds what others make: the Pulumi engine, runtimes, PostgreSQL, programs of the system.

Nothing is looked for before it is asked for, and nothing is installed: that is
the work of set-up (``make setup``). Only the standard library is imported, since
set-up itself reads ``PROGRAMS`` before there is an environment.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tenantry.errors import UnavailableError

__all__ = [
    "ENGINE_VERSION",
    "PROGRAMS",
    "Program",
    "cached_engine",
    "engine_version",
    "find_engine",
    "find_program",
    "find_runtime",
    "is_acceptable_engine",
    "newest_supported_postgres",
    "pgbackrest_version",
    "postgres_bin",
    "runtime_folders",
]

ENGINE_VERSION = "3.250.0"  # also pinned in pyproject.toml and tools/engine/go.mod; a test compares them

_SYSTEM_FOLDERS = (Path("/usr/local/sbin"), Path("/usr/local/bin"), Path("/usr/sbin"), Path("/usr/bin"))
_POSTGRES_FOLDERS = "usr/lib/postgresql/*/bin"
_OLDEST_POSTGRES = 15
# The first pgBackRest that supports a major version of PostgreSQL, by its release notes.
_PGBACKREST_FOR: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        15: (2, 41),
        16: (2, 48),
        17: (2, 53, 1),
        18: (2, 55),
        19: (2, 59),
    }
)
_ASK_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program of the system that a host needs."""

    package: str  # of Debian
    why: str


# There for amd64 alone; elsewhere the tests that need it are skipped.
_OTHER_KERNEL: Mapping[str, Program] = (
    {
        "linux.uml": Program(package="user-mode-linux", why="the tests of LUKS want a kernel that has it"),
        "modprobe": Program(package="kmod", why="loads the modules of that kernel"),
    }
    if platform.machine() == "x86_64"
    else {}
)
PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        "age": Program(package="age", why="opens a vault by hand, as docs/how-to/master-key.md shows"),
        "caddy": Program(package="caddy", why="the reverse proxy of a host, with HTTPS"),
        "cryptsetup": Program(package="cryptsetup-bin", why="LUKS, where the kernel allows it"),
        **_OTHER_KERNEL,
        "curl": Program(package="curl", why="the demonstration looks at what a person would see"),
        "losetup": Program(package="mount", why="encrypted volumes lie in an image"),
        "mkfs.ext4": Program(package="e2fsprogs", why="the file system of an encrypted volume"),
        "nft": Program(package="nftables", why="keeps other users away from an instance's ports"),
        "openssl": Program(package="openssl", why="looks at certificates from outside"),
        "pgbackrest": Program(package="pgbackrest", why="backups of the databases"),
        "psql": Program(package="postgresql-client", why="PostgreSQL's command line"),
        "redis-server": Program(package="redis-server", why="the caches of a rehearsal"),
        "restic": Program(package="restic", why="backups of the upload folders"),
        "runuser": Program(package="util-linux", why="tries what another user could do"),
        "s6-svscan": Program(package="s6", why="keeps the workloads running"),
        "setpriv": Program(package="util-linux", why="starts a program with few rights"),
        "ss": Program(package="iproute2", why="lists who listens where"),
        "systemd-analyze": Program(package="systemd", why="the units are tried under it"),
        "useradd": Program(package="passwd", why="a Unix user for each instance"),
    }
)


def cached_engine() -> Path:
    """Return where set-up keeps the engine, whether or not it is there."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "tenantry" / "engine" / f"v{ENGINE_VERSION}" / "pulumi"


def find_engine() -> Path:
    """Return an acceptable Pulumi engine: from PATH, else the one that set-up got.

    Raises:
        UnavailableError: there is none, or only one of another version.
    """
    on_path = shutil.which("pulumi")
    found = engine_version(Path(on_path)) if on_path else ""
    if on_path and is_acceptable_engine(found):
        return Path(on_path)
    cached = cached_engine()
    if os.access(cached, os.X_OK):
        return cached
    other = f" (the one on PATH is {found or 'unknown'})" if on_path else ""
    raise UnavailableError(
        f"the Pulumi engine {_series(ENGINE_VERSION)} is not installed{other}",
        hint="run: make setup",
        code="missing-engine",
    )


def engine_version(path: Path) -> str:
    """Ask an engine for its version, as in "3.250.0"; "" when it does not say."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    return _version(_ask([str(path), "version"], environment=environment))


def is_acceptable_engine(version: str) -> bool:
    """Say whether this version fits: the same minor version as the SDK, since they share a protocol."""
    return version.split(".")[:2] == ENGINE_VERSION.split(".")[:2]


def find_program(name: str) -> Path:
    """Return the path of a program, on PATH or in the folders of the system.

    Raises:
        UnavailableError: it is not installed; the hint names its package.
    """
    folders = [*os.get_exec_path(), *map(str, _SYSTEM_FOLDERS)]
    if found := shutil.which(name, path=os.pathsep.join(folders)):
        return Path(found)
    known = PROGRAMS.get(name)
    hint = f"run: apt-get install {known.package}" if known else ""
    raise UnavailableError(f"{name} is not installed", hint=hint, code="missing-program")


def runtime_folders() -> tuple[Path, ...]:
    """Return where set-up puts runtimes: for the whole machine, then for this user."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return (Path("/opt/tenantry/runtimes"), Path(data) / "tenantry" / "runtimes")


def find_runtime(name: str, version: str, *, folders: Sequence[Path] | None = None) -> Path:
    """Return an interpreter that a workload asks for and that every user may execute.

    Args:
        name: of the program, "node" or "python3".
        version: its beginning: "24" accepts 24.19.0 but not 2.4 or 240.
        folders: where runtimes lie, each as ``<name>-<version>/bin/<name>``.

    Raises:
        UnavailableError: none fits. The message says which were looked at.
    """
    seen: list[str] = []
    for path in _interpreters(name, version, runtime_folders() if folders is None else folders):
        if not _everybody_may_execute(path):
            seen.append(f"{path} (not every user may execute it)")
        elif _begins(found := _version(_ask([str(path), "--version"])), version):
            return path
        else:
            seen.append(f"{path} ({found or 'of unknown version'})")
    raise UnavailableError(
        f"the runtime {name} {version} is not installed" + (f"; found {', '.join(seen)}" if seen else ""),
        hint="run: make setup",
        code="missing-runtime",
    )


def postgres_bin(*, root: Path = Path("/")) -> tuple[int, Path]:
    """Return the newest usable PostgreSQL: its major version and the folder of its programs.

    Usable is 15 or newer, complete, and supported by the installed pgBackRest.

    Args:
        root: where the file system begins; another one in tests.

    Raises:
        UnavailableError: there is none, or no pgBackRest.
    """
    majors = _installed_postgres(root)
    if not majors:
        raise UnavailableError(
            f"PostgreSQL {_OLDEST_POSTGRES} or newer is not installed",
            hint="run: apt-get install postgresql",
            code="missing-postgresql",
        )
    backup = pgbackrest_version(find_program("pgbackrest"))
    major = newest_supported_postgres(majors, pgbackrest=backup)
    if major is None:
        raise UnavailableError(
            f"pgBackRest {'.'.join(map(str, backup))} supports none of the PostgreSQL versions that are "
            f"installed ({', '.join(map(str, sorted(majors)))})",
            hint="install a newer pgbackrest from apt.postgresql.org, or an older PostgreSQL",
            code="missing-postgresql",
        )
    return major, majors[major]


def newest_supported_postgres(majors: Iterable[int], *, pgbackrest: tuple[int, ...]) -> int | None:
    """Return the newest of these major versions that this pgBackRest supports, if any."""
    supported = [m for m in majors if m in _PGBACKREST_FOR and pgbackrest >= _PGBACKREST_FOR[m]]
    return max(supported, default=None)


def pgbackrest_version(path: Path) -> tuple[int, ...]:
    """Ask pgBackRest for its version, as in (2, 45); () when it does not say."""
    text = _ask([str(path), "version"])
    return tuple(int(part) for part in _version(text).split(".") if part)


def _installed_postgres(root: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for folder in root.glob(_POSTGRES_FOLDERS):
        name = folder.parent.name
        complete = all((folder / program).exists() for program in ("initdb", "pg_ctl", "postgres"))
        if name.isdecimal() and int(name) >= _OLDEST_POSTGRES and complete:
            found[int(name)] = folder
    return found


def _interpreters(name: str, version: str, folders: Sequence[Path]) -> Iterable[Path]:
    """Yield what may be the runtime: what set-up brought first, then the system's own."""
    for folder in folders:
        yield from sorted(folder.glob(f"{name}-{version}/bin/{name}"))
    for folder in _SYSTEM_FOLDERS:
        if os.access(folder / name, os.X_OK):
            yield folder / name


def _everybody_may_execute(path: Path) -> bool:
    """Say whether a user of an instance gets to this program: an interpreter in a home is out of reach."""
    real = path.resolve()
    return all(part.stat().st_mode & 0o001 for part in (real, *real.parents))


def _begins(found: str, wanted: str) -> bool:
    return found == wanted or found.startswith(f"{wanted}.")


def _series(version: str) -> str:
    return ".".join([*version.split(".")[:2], "x"])


def _version(text: str) -> str:
    match = re.search(r"\d+(?:\.\d+)+", text)
    return match.group() if match else ""


def _ask(argv: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """Return what a program prints; "" when it cannot be run or fails."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_ASK_SECONDS,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
