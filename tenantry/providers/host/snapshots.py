"""The backup repository of an instance's folders: restic, under a password of its own.

restic keeps snapshots, so there is no point in time between them. The
password is handed over in the environment of a process that is built from
nothing. A repository that is gone is reported (``data-lost``) and never made
anew. The keys of the repository are observed: one that was added by hand would
open it with another password, and shows as a further key ``keys``.
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError
from tenantry.model.status import BackupRecord
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import children, marks, owned
from tenantry.providers.host.executor import Executor, Ran
from tenantry.providers.host.layout import HostLayout

__all__ = ["SnapshotRepository", "Snapshots"]

_PROGRAM = "restic"
_REQUIRED = ("repoPath", "password", "uid", "folders", "keep")
_HOST = "tenantry"  # not the machine's name: a snapshot says nothing about where it came from
_LIMIT_SECONDS = 6 * 3600
_WAIT_SECONDS = 900  # for the backup of a run that was killed: it is worth having


@dataclass(frozen=True, kw_only=True)
class SnapshotRepository:
    """A restic repository, and as whom to reach it."""

    executor: Executor
    path: Path
    password: str
    uid: int
    folders: tuple[Path, ...]
    keep: int  # snapshots

    @classmethod
    def of(cls, executor: Executor, inputs: Mapping[str, Any]) -> SnapshotRepository:
        """Take it from the inputs of a Snapshots."""
        return cls(
            executor=executor,
            path=Path(inputs["repoPath"]),
            password=str(inputs["password"]),
            uid=int(inputs["uid"]),
            folders=tuple(Path(folder) for folder in inputs["folders"]),
            keep=int(inputs["keep"]),
        )

    def back_up(self) -> BackupRecord:
        """Take a snapshot of the folders now, keep the newest ``keep``, and return it.

        Raises:
            FailedError: it failed, or a file could not be read.
            BusyError: one that a killed run left does not end.
        """
        self.wait_for_leftovers()
        if _files(self.path / "locks"):
            self.run("unlock")  # removes locks of dead processes only; restic looks itself
        began = datetime.now(tz=UTC)
        size = sum(_size(folder) for folder in self.folders)
        ran = self.run(
            *("backup", "--json", f"--host={_HOST}", f"--tag=bytes-{size}"),
            *(str(folder) for folder in self.folders),
            timeout=_LIMIT_SECONDS,
        )
        short_id = _snapshot_id(ran.out)[:8]
        self.prune()
        finished = self._finished(short_id)
        if finished is None:
            raise FailedError("restic ended well, but there is no new snapshot", code="no-backup")
        return _made(short_id, began, finished, size)

    def prune(self) -> None:
        """Remove all but the newest ``keep`` snapshots, and what only they held."""
        if len(_files(self.path / "snapshots")) > self.keep:
            keep = f"--keep-last={self.keep}"
            self.run("forget", "--prune", "--group-by=host", keep, timeout=_LIMIT_SECONDS)

    def has_any(self) -> bool:
        """Say whether there is a snapshot; restic writes a snapshot's file last of all."""
        return bool(_files(self.path / "snapshots"))

    def list_backups(self) -> list[BackupRecord]:
        """Return the snapshots that the repository lists, newest first.

        Raises:
            FailedError: the repository cannot be read: gone, or another password.
        """
        ran = self.run("snapshots", "--json", "--no-lock", effect=False)
        records = [self._record(one) for one in json.loads(ran.out or "[]") or []]
        return sorted(records, key=lambda record: record.started, reverse=True)

    def wait_for_leftovers(self) -> None:
        """Wait for a restic that a killed run left. Raises BusyError after 15 minutes."""
        children.wait_for(str(self.path), program=_PROGRAM, uid=self.uid, seconds=_WAIT_SECONDS)

    def end_leftovers(self) -> int:
        """End every restic that works on this repository; return how many there were."""
        return children.end(str(self.path), program=_PROGRAM, uid=self.uid)

    def run(self, *arguments: str, effect: bool = True, timeout: float = 300) -> Ran:
        """Run restic as the instance's user, without a cache on disk.

        What it packs it keeps in a temporary file, which lies in the repository:
        what a kill leaves of it would outlive the instance anywhere else.
        """
        return self.executor.run(
            [_PROGRAM, f"--repo={self.path}", "--no-cache", *arguments],
            uid=self.uid,
            env={"RESTIC_PASSWORD": self.password, "TMPDIR": str(self.path)},
            effect=effect,
            timeout=timeout,
        )

    def _record(self, snapshot: Mapping[str, Any]) -> BackupRecord:
        started = datetime.fromisoformat(_microseconds(snapshot["time"])).astimezone(UTC)
        sizes = [tag[6:] for tag in snapshot.get("tags") or [] if tag.startswith("bytes-")]
        finished = self._finished(snapshot["short_id"]) or started
        return _made(snapshot["short_id"], started, finished, int(sizes[0]) if sizes else 0)

    def _finished(self, short_id: str) -> datetime | None:
        """Return when a snapshot was complete: its own file is written last of all."""
        for file in (self.path / "snapshots").glob(f"{short_id}*"):
            return datetime.fromtimestamp(file.stat().st_mtime, tz=UTC)
        return None


class Snapshots:
    """Handler of the repository. Inputs: repoPath, password, uid, folders, keep (snapshots)."""

    type: ClassVar[str] = "Snapshots"
    holds_data: ClassVar[bool] = True
    replace_on: ClassVar[frozenset[str]] = frozenset({"repoPath", "password", "uid"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"password"})

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the inputs."""
        failures = check_known(inputs, _REQUIRED)
        if isinstance(inputs.get("keep"), int | float) and inputs["keep"] < 1:
            failures.append(("keep", "must be 1 or more"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make the repository, or adopt it. A half made one, which holds nothing, is made again.

        Raises:
            RefusedError: a repository was here and is gone (code data-lost).
        """
        repository = SnapshotRepository.of(self._executor, inputs)
        repository.end_leftovers()
        if not _is_whole(repository.path):
            marks.refuse_anew("the repository of snapshots", repository.path)
            self._initialise(repository)
        if not marks.was_made(repository.path):
            marks.mark_made(self._executor, repository.path, uid=repository.uid, note=_keys(repository.path))
        return str(repository.path), {}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at the repository and its keys.

        Raises:
            FailedError: the repository is gone, or our key to it (code data-lost).
        """
        path = Path(inputs["repoPath"])
        if not _is_whole(path) or not _our_keys(path) <= set(_keys(path).split()):
            raise marks.lost("the repository of snapshots", path)
        seen = dict(inputs)
        if further := _further_keys(path):
            seen["keys"] = further
        return Observed(inputs=seen, outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Remove keys that were added by hand; folders and keep count from the next snapshot on.

        Raises:
            FailedError: the repository is gone (code data-lost).
        """
        repository = SnapshotRepository.of(self._executor, new)
        if not _is_whole(repository.path):
            raise marks.lost("the repository of snapshots", repository.path)
        for key in _further_keys(repository.path):
            owned.remove(self._executor, repository.path / "keys" / key, uid=repository.uid)
        return {}

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """End what still runs and remove the repository."""
        repository = SnapshotRepository.of(self._executor, inputs)
        repository.end_leftovers()
        owned.remove(self._executor, repository.path, uid=repository.uid)
        marks.unmark(self._executor, repository.path, uid=repository.uid)

    def _initialise(self, repository: SnapshotRepository) -> None:
        if repository.path.exists():
            if _files(repository.path / "snapshots") or _files(repository.path / "index"):
                raise FailedError(
                    f"the repository of snapshots {repository.path} lacks its own settings",
                    hint="restore the file config from a copy of the repository",
                    code="data-lost",
                )
            owned.remove(self._executor, repository.path, uid=repository.uid)
        marks.make_home(self._executor, repository.path.parent, uid=repository.uid)
        repository.run("init")


def _made(short_id: str, started: datetime, finished: datetime, size_bytes: int) -> BackupRecord:
    return BackupRecord(
        id=short_id,
        kind="files",
        started=started,
        finished=finished,
        size_bytes=size_bytes,
        restorable_from=started,
        restorable_to=started,
    )


def _is_whole(path: Path) -> bool:
    return (path / "config").exists()


def _keys(path: Path) -> str:
    return " ".join(_files(path / "keys"))


def _our_keys(path: Path) -> set[str]:
    return set((marks.read_mark(path) or "").split())


def _further_keys(path: Path) -> list[str]:
    ours = _our_keys(path)
    return [key for key in _keys(path).split() if key not in ours] if ours else []


def _files(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []


def _size(folder: Path) -> int:
    return sum(one.lstat().st_size for one in folder.rglob("*") if one.is_file() and not one.is_symlink())


def _snapshot_id(output: str) -> str:
    for line in reversed(output.splitlines()):
        message = json.loads(line)
        if message.get("message_type") == "summary":
            return str(message["snapshot_id"])
    raise FailedError("restic ended well, but tells of no snapshot", code="no-backup")


def _microseconds(text: str) -> str:
    """Cut nanoseconds, which Python does not read, from an RFC 3339 time."""
    whole, _, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{whole}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}" if rest else text
