"""pgBackRest of one instance: its settings, its commands, what its repository holds.

All paths are the instance's own (repository, lock, log, spool): with the
default ones two instances block each other. The settings hold the passphrase
and lie on tmpfs, 0400. A pgbackrest that outlives the run that started it is
found by the path of its settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tenantry.errors import FailedError
from tenantry.model.status import BackupRecord
from tenantry.providers.host import children
from tenantry.providers.host.executor import Executor, Ran
from tenantry.providers.host.postgres import BACKUP_ROLE, MAINTENANCE, Server

__all__ = ["PROGRAM", "Repository", "back_up", "list_backups", "settings_text"]

PROGRAM = "pgbackrest"
_WAIT_SECONDS = 900  # for the backup of a run that was killed: it is worth having
_LIMIT_SECONDS = 6 * 3600
_READABLE = {0, 2}  # status codes of "info": ok, no valid backups
_KINDS = {"full": "full", "incr": "incremental", "diff": "differential"}


@dataclass(frozen=True, kw_only=True)
class Repository:
    """Where an instance's backups are, and as whom to reach them."""

    config_file: Path
    stanza: str
    uid: int
    server: Server

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Repository:
        """Take it from the inputs of a Stanza."""
        return cls(
            config_file=Path(inputs["configFile"]),
            stanza=str(inputs["stanza"]),
            uid=int(inputs["uid"]),
            server=Server.of(inputs),
        )

    @property
    def archive_command(self) -> str:
        """What PostgreSQL runs for each WAL segment."""
        return f"{PROGRAM} --config={self.config_file} --stanza={self.stanza} archive-push %p"

    def run(
        self,
        executor: Executor,
        command: str,
        *options: str,
        effect: bool = True,
        timeout: float = 300,
        hide: str = "",
    ) -> Ran:
        """Run a command of pgBackRest as the instance's user.

        Raises:
            FailedError: it failed; its message, without the passphrase.
            UnavailableError: the program is missing, or the time limit passed.
        """
        base = [PROGRAM, f"--config={self.config_file}", f"--stanza={self.stanza}"]
        return executor.run(
            [*base, *options, command],
            uid=self.uid,
            effect=effect,
            timeout=timeout,
            hide=[hide],
        )

    def end_leftovers(self) -> int:
        """End every pgbackrest of this instance; return how many there were."""
        return children.end(str(self.config_file), program=PROGRAM, uid=self.uid)

    def wait_for_leftovers(self) -> None:
        """Wait for a pgbackrest that a killed run left. Raises BusyError after 15 minutes."""
        children.wait_for(str(self.config_file), program=PROGRAM, uid=self.uid, seconds=_WAIT_SECONDS)


def settings_text(inputs: Mapping[str, Any]) -> str:
    """Return the settings of pgBackRest for the inputs of a Stanza; holds the passphrase."""
    lines = {
        "repo1-path": inputs["repoPath"],
        "repo1-cipher-type": "aes-256-cbc",
        "repo1-cipher-pass": inputs["cipherPass"],
        "repo1-retention-full": int(inputs["retentionFull"]),
        "repo1-bundle": "y",  # most of a cluster's files are tiny: a third less time, and fewer files
        "lock-path": inputs["lockPath"],
        "log-path": inputs["logPath"],
        "spool-path": inputs["spoolPath"],
        "log-level-file": "off",  # nobody would rotate it; messages go to our errors and the server's log
        "log-level-console": "off",
        "log-level-stderr": "warn",
        "log-timestamp": "n",
        "compress-type": "zst",
        "start-fast": "y",
        "archive-timeout": int(inputs["archiveTimeout"]),
    }
    cluster = {
        "pg1-path": inputs["pgPath"],
        "pg1-socket-path": inputs["socketFolder"],
        "pg1-port": int(inputs["port"]),
        "pg1-user": BACKUP_ROLE,
        "pg1-database": MAINTENANCE,
    }
    return f"[global]\n{_lines(lines)}\n[{inputs['stanza']}]\n{_lines(cluster)}"


def back_up(executor: Executor, repository: Repository, *, kind: str = "full") -> BackupRecord:
    """Take a backup now and return it, as the repository lists it.

    A backup that a killed run left running is waited for first, since two
    cannot run at once.

    Args:
        executor: changes the machine.
        repository: of the instance.
        kind: "full", or "incr" (which is a full one where there is none yet).

    Raises:
        BusyError: an earlier one does not end.
        FailedError: it failed, or is not listed afterwards.
    """
    repository.wait_for_leftovers()
    began = datetime.now(tz=UTC).replace(microsecond=0)  # as the repository dates them
    repository.run(executor, "backup", f"--type={kind}", timeout=_LIMIT_SECONDS)
    for record in list_backups(executor, repository):
        if record.started >= began:
            return record
    raise FailedError("pgbackrest ended well, but lists no new backup", code="no-backup")


def list_backups(
    executor: Executor, repository: Repository, *, restorable_to: datetime | None = None
) -> list[BackupRecord]:
    """Return the backups that the repository lists, newest first.

    Args:
        executor: runs pgbackrest.
        repository: of the instance.
        restorable_to: the end of the archive, from ``archive.look``; without
            it each backup is said to be restorable to its own end only.

    Raises:
        FailedError: the repository cannot be read: gone, or another passphrase.
    """
    ran = repository.run(executor, "info", "--output=json", effect=False)
    records = []
    for stanza in json.loads(ran.out or "[]", strict=False):  # an error's text has bare line breaks
        status = stanza["status"]
        if status["code"] not in _READABLE:
            raise FailedError(
                f"the backup repository cannot be read: {status['message'].splitlines()[0]}",
                hint="is it there, and is the passphrase in its settings the one it was made with?",
                code="repository-unreadable",
            )
        records += [_record(one, restorable_to) for one in stanza["backup"]]
    return sorted(records, key=lambda record: record.finished, reverse=True)


def _record(backup: Mapping[str, Any], restorable_to: datetime | None) -> BackupRecord:
    finished = _time(backup["timestamp"]["stop"])
    whole = not backup.get("error")
    end = max(restorable_to, finished) if restorable_to else finished
    return BackupRecord(
        id=backup["label"],
        kind=_KINDS[backup["type"]],
        started=_time(backup["timestamp"]["start"]),
        finished=finished,
        size_bytes=int(backup["info"]["repository"]["delta"]),
        restorable_from=finished if whole else None,
        restorable_to=end if whole else None,
        verified=None if whole else False,
        detail={
            "database_bytes": str(backup["info"]["size"]),
            "wal_start": str(backup["archive"]["start"]),
            "wal_stop": str(backup["archive"]["stop"]),
        },
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _lines(values: Mapping[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
