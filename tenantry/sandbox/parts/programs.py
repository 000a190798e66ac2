"""Finds the programs that real parts are made of: PostgreSQL, Redis, Azurite and the runtimes of sites."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["MissingProgram", "find_azurite", "find_postgres", "find_redis", "find_runtime", "runtimes"]

_OLDEST_POSTGRES = 15
_RUNTIMES = Path("/opt/tenantry/runtimes")
_SYSTEM = (Path("/usr/local/bin"), Path("/usr/bin"))
_AZURITE = "azurite-3.35.0/node_modules/azurite/dist/src/blob"
_PROGRAMS = {"NODE": "node", "PYTHON": "python3"}


class MissingProgram(Exception):  # noqa: N818 - it says what is wrong
    """A program is not installed; the text names it."""


def find_postgres(root: Path = Path("/usr/lib/postgresql")) -> Path:
    """Return the folder of the newest complete PostgreSQL, 15 or newer.

    Raises:
        MissingProgram: there is none.
    """
    found = {
        int(folder.parent.name): folder
        for folder in root.glob("*/bin")
        if folder.parent.name.isdecimal()
        and all((folder / name).exists() for name in ("initdb", "postgres", "pg_basebackup"))
    }
    newest = max(found, default=0)
    if newest < _OLDEST_POSTGRES:
        raise MissingProgram(f"PostgreSQL {_OLDEST_POSTGRES} or newer (apt-get install postgresql)")
    return found[newest]


def find_redis() -> Path:
    """Return the server of Redis.

    Raises:
        MissingProgram: it is not installed.
    """
    for folder in _SYSTEM:
        if os.access(folder / "redis-server", os.X_OK):
            return folder / "redis-server"
    raise MissingProgram("Redis (apt-get install redis-server)")


def find_azurite() -> Path:
    """Return the folder of Azurite's blob service, for Node to load.

    Raises:
        MissingProgram: set-up did not bring it.
    """
    for folder in _folders():
        if (folder / _AZURITE).is_dir():
            return folder / _AZURITE
    raise MissingProgram("Azurite 3.35 (make setup)")


def find_runtime(linux_fx_version: str) -> Path:
    """Return the interpreter for what a site calls ``linuxFxVersion``: ``NODE|24-lts``, ``PYTHON|3.11``.

    One of that version where set-up brought it, else the system's own.

    Raises:
        MissingProgram: there is none, or the stack is another one.
    """
    stack, _, version = linux_fx_version.upper().partition("|")
    name = _PROGRAMS.get(stack)
    if name is None:
        raise MissingProgram(f"a runtime for {linux_fx_version!r}: the sandbox runs NODE and PYTHON")
    for path in _candidates(name, version.split("-", maxsplit=1)[0]):
        if os.access(path, os.X_OK):
            return path
    raise MissingProgram(f"{name} {version} (make setup)")


def runtimes() -> list[tuple[str, str]]:
    """Return the stacks that are here, with their versions: ``("NODE", "24")``, ``("PYTHON", "3.11")``."""
    found = set()
    for stack, program in _PROGRAMS.items():
        for folder in _folders():
            brought = folder.glob(f"{program}-*/bin/{program}")
            found |= {(stack, one.parents[1].name.removeprefix(f"{program}-")) for one in brought}
    for folder in _SYSTEM:  # the system's Python says its version in a name, its Node does not
        versions = [one.name.removeprefix("python") for one in folder.glob("python3.*")]
        found |= {("PYTHON", one) for one in versions if one.replace(".", "").isdecimal()}
    return sorted(found)


def _candidates(name: str, version: str) -> Iterable[Path]:
    for folder in _folders():
        yield folder / f"{name}-{version}" / "bin" / name
    for folder in _SYSTEM:
        yield folder / name


def _folders() -> tuple[Path, Path]:
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return _RUNTIMES, Path(data) / "tenantry" / "runtimes"
