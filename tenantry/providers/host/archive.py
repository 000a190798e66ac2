"""How far a cluster's WAL archive reaches, and so how much would be lost now.

PostgreSQL archives whole segments. A started one is switched after
``archive_timeout`` if it holds anything that matters. So with every whole
segment archived, no more than that time is at risk; with one waiting, all
since the end of the last archived segment is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from tenantry.errors import UnavailableError
from tenantry.providers.host.postgres import Server, query, session

__all__ = ["Archive", "barrier", "look"]

_IDLE_BYTES = 1024  # of a fresh segment: headers, and what an idle server notes about itself


@dataclass(frozen=True, kw_only=True)
class Archive:
    """The state of the archive at one moment."""

    lag_seconds: float  # the most that would be lost if the data folder were lost now (RPO)
    reaches: datetime | None  # what was committed until then is archived; None: nothing is yet
    waiting: int  # whole segments that are not archived
    failing: bool  # the last try to archive one failed
    enabled: bool  # archive_mode is on and there is a command


def look(server: Server) -> Archive:
    """Look at the archive.

    Raises:
        UnavailableError: the database does not answer.
    """
    row = query(server, _LOOK, timeout=10)[0]
    now, enabled, timeout, last, failed, reaches, waiting, in_segment, started = row
    enabled, failing = bool(enabled), bool(failed and (last is None or failed > last))
    since = (now - (reaches or started)).total_seconds()
    if not enabled or waiting or failing:
        lag = since
    elif in_segment <= _IDLE_BYTES:
        lag = 0.0
    else:
        lag = min(since, float(timeout)) if timeout else since
    return Archive(
        lag_seconds=max(0.0, lag),
        reaches=reaches.astimezone(UTC) if reaches else None,
        waiting=int(waiting),
        failing=failing,
        enabled=enabled,
    )


def barrier(server: Server, *, seconds: float = 60) -> datetime:
    """Have everything committed so far archived, and return a moment that can be restored.

    A transaction of its own is committed after that moment, so that a recovery
    to it finds a commit behind its target and does not end early.

    Raises:
        UnavailableError: the archive does not get there in time.
    """
    with session(server) as opened:
        moment = opened.one("select clock_timestamp()")
        opened.change("commit a mark", "select txid_current()")
        wanted = str(opened.change("switch wal", "select pg_walfile_name(pg_switch_wal())"))
        deadline = time.monotonic() + seconds
        while not opened.one(_IS_ARCHIVED, done=f"{wanted}.done"):
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the WAL archive did not get to the present within {seconds:.0f} s",
                    hint="look at the database's log: tenantry instance logs NAME --process database",
                    code="archive-stuck",
                )
            time.sleep(0.05)
    return datetime.fromtimestamp(moment.timestamp(), tz=UTC)


_IS_ARCHIVED = "select exists (select from pg_ls_archive_statusdir() where name = :done)"

# The end of the last archived segment is dated by its last write, not by its archiving:
# what was committed between the two is in the next one. wal_keep_size keeps the file.
_LOOK = """
select clock_timestamp(),
       current_setting('archive_mode') <> 'off' and current_setting('archive_command') <> '',
       (select setting::int from pg_settings where name = 'archive_timeout'),
       last_archived_time, last_failed_time,
       (select max(w.modification) from pg_ls_waldir() w
        join pg_ls_archive_statusdir() s on s.name = w.name || '.done' where w.name ~ '^[0-9A-F]{24}$'),
       (select count(*) from pg_ls_archive_statusdir() where name ~ '^[0-9A-F]{24}\\.ready$'),
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
           % (select setting::bigint from pg_settings where name = 'wal_segment_size'),
       greatest(pg_postmaster_start_time(), stats_reset)
from pg_stat_archiver
"""
