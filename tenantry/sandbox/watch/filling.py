"""A disk that fills: what ``sandbox faults disk SERVER PERCENT`` does to a server's data folder.

The file lies where a query puts what does not fit into memory. It is as long as
it says and has no blocks, so that filling 32 GiB takes none; backups leave it
out, and PostgreSQL removes it when it starts, as it removes those of queries.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tenantry.sandbox.faults import held
from tenantry.sandbox.kinds import Cloud, Resource

__all__ = ["fill", "size_of", "used_bytes"]

_SMALLEST_GB = 32  # of a server whose size was not said
_GIB = 1024**3
_FILE = Path("base", "pgsql_tmp", "pgsql_tmp.rehearsal")


def size_of(server: Resource) -> float:
    """Return how many bytes the disk of a server has."""
    return float((server.properties.get("storage") or {}).get("storageSizeGB") or _SMALLEST_GB) * _GIB


def used_bytes(folder: Path) -> int:
    """Return how long all files below a folder are together, as ``pg_database_size`` counts them."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # dropped in between
                found += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - there are many
    return found


def fill(cloud: Cloud, server: Resource, data: Path) -> None:
    """Make a server's disk as full as a fault wants it; without such a fault take away what filled it."""
    file = data / _FILE
    wanted = [one for one in held(cloud, "disk") if one.type.lower() == server.name.lower()]
    if not wanted:
        file.unlink(missing_ok=True)
        return
    others = used_bytes(data) - (file.stat().st_size if file.exists() else 0)
    length = round(size_of(server) * float(wanted[-1].value) / 100) - others
    if not file.parent.exists():
        file.parent.mkdir(mode=0o700)
    with file.open("ab") as opened:
        opened.truncate(max(length, 0))
    owner = data.stat()
    for path in (file.parent, file):
        os.chown(path, owner.st_uid, owner.st_gid)
