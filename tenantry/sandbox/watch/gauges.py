"""What a server is at, asked of its real processes, files and sessions; once per minute of the cloud."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tenantry.errors import TenantryError
from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.parts.cluster import Cluster
from tenantry.sandbox.quotas import family_and_cores
from tenantry.sandbox.watch.filling import size_of, used_bytes
from tenantry.sandbox.watch.samples import minute_of

__all__ = ["ServerGauges"]

_TICKS = os.sysconf("SC_CLK_TCK")
_SESSIONS = (
    "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
)


@dataclass(frozen=True)
class _Work:
    """How long the processes of a cluster have computed, and when that was looked at."""

    seconds: float
    at: float  # monotonic


class ServerGauges:
    """Measures servers; remembers what it needs for the next time."""

    def __init__(self) -> None:
        self._minutes: dict[str, int] = {}
        self._work: dict[str, _Work] = {}

    def measure(self, cloud: Cloud, server: Resource, cluster: Cluster) -> None:
        """Measure a server that should run, if this minute has not seen it yet."""
        minute = minute_of(cloud.now())
        if self._minutes.get(server.id) == minute:
            return
        self._minutes[server.id] = minute
        sessions = _sessions(cluster)
        cloud.sample(server.id, "is_db_alive", 0.0 if sessions is None else 1.0)
        if sessions is not None:
            cloud.sample(server.id, "active_connections", sessions)
        size, used = size_of(server), used_bytes(cluster.data)
        cloud.sample(server.id, "storage_used", used)
        cloud.sample(server.id, "storage_percent", min(used / size * 100, 100.0))
        if (percent := self._cpu(server, cluster)) is not None:
            cloud.sample(server.id, "cpu_percent", percent)

    def _cpu(self, server: Resource, cluster: Cluster) -> float | None:
        """Return the share of the server's cores since the last time; None at the first."""
        pid = cluster.pid
        if pid is None:
            self._work.pop(server.id, None)
            return None
        now = _Work(sum(_computed(pid)), time.monotonic())
        before = self._work.get(server.id)
        self._work[server.id] = now
        if before is None or now.seconds < before.seconds or now.at - before.at < 1:
            return None
        cores = family_and_cores(str((server.body.get("sku") or {}).get("name", "")))[1] or 1
        return min((now.seconds - before.seconds) / (now.at - before.at) / cores * 100, 100.0)


def _sessions(cluster: Cluster) -> float | None:
    try:
        with cluster.administer(timeout=2) as opened:
            return float(opened.one(_SESSIONS))
    except (TenantryError, OSError):
        return None


def _computed(postmaster: int) -> Iterator[float]:
    """Return the seconds that a postmaster, its children and those that have ended have computed."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            fields = Path(entry.path, "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        parts = fields.rpartition(")")[2].split()
        its, parent = int(entry.name), int(parts[1])
        if its == postmaster:
            yield sum(int(one) for one in parts[11:15]) / _TICKS
        elif parent == postmaster:
            yield sum(int(one) for one in parts[11:13]) / _TICKS
