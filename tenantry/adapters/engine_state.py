"""The engine's state folder, read and cleaned without the engine.

    <state>/Pulumi.yaml                                the project
    <state>/Pulumi.<stack>.yaml                        the salt of the stack's passphrase
    <state>/.pulumi/stacks/<project>/<stack>.json      the checkpoint (+ .bak, .attrs, .tmp)
    <state>/.pulumi/history/<project>/<stack>/         one entry and one checkpoint per update
    <state>/.pulumi/backups/<project>/<stack>/
    <state>/.pulumi/locks/organization/<project>/<stack>/<id>.json

Stacks are removed by removing their files: unlike ``pulumi stack rm`` that
needs no passphrase and can be repeated after a kill at any point. The engine's
own logs would hold the stack's name too; ``prepare`` keeps it from writing any.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tenantry import faults
from tenantry.errors import FailedError, RefusedError, UnavailableError

__all__ = ["FindMade", "LockHolder", "Resource", "StateFolder", "process_is_dead"]

FindMade = Callable[[str, Mapping[str, Any]], str]  # type token and inputs → id, "" for none

UNFINISHED = "unfinished"  # as in tenantry.providers.base


@dataclass(frozen=True, kw_only=True)
class LockHolder:
    """Who holds the lock of a stack, as the lock file says."""

    pid: int
    host: str
    user: str
    since: datetime  # UTC
    path: Path

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as the checkpoint has it. Secrets in it are encrypted."""

    urn: str
    type: str  # "tenantry-host:index:Cluster"
    name: str
    id: str
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)


class StateFolder:
    """The files of one project in a file backend."""

    def __init__(self, folder: Path, *, home: Path, project: str) -> None:
        self.folder = folder
        self.home = home
        self.project = project
        self._pulumi = folder / ".pulumi"

    def prepare(self) -> None:
        """Make what the engine needs to run here; repeatable."""
        for path in (self.folder, self.home):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = self.folder / "Pulumi.yaml"
        if not settings.exists():
            _write(settings, f"name: {self.project}\nruntime: python\ndescription: instances of tenantry\n")
        # The engine logs every run into this folder, under the stack's name. A file in
        # its place makes it go without (pkg/logging: "automatic logging unavailable").
        logs = self.home / "logs"
        if logs.is_dir() and not logs.is_symlink():
            shutil.rmtree(logs)
        logs.touch(mode=0o600)

    def checkpoint_path(self, stack: str) -> Path:
        """The file of the stack's checkpoint."""
        return self._pulumi / "stacks" / self.project / f"{stack}.json"

    def settings_path(self, stack: str) -> Path:
        """The file of the stack's settings: the salt of its passphrase."""
        return self.folder / f"Pulumi.{stack}.yaml"

    def exists(self, stack: str) -> bool:
        """Say whether the stack is there."""
        return self.checkpoint_path(stack).exists()

    def restore_settings(self, stack: str) -> None:
        """Write the stack's settings anew from its checkpoint if they are lost."""
        path = self.settings_path(stack)
        if path.exists():
            return
        salt = (self._latest(stack).get("secrets_providers") or {}).get("state", {}).get("salt")
        if salt:
            _write(path, f"encryptionsalt: {salt}\n")

    def resources(self, stack: str) -> list[Resource]:
        """Return the stack's resources, without the stack itself and the engine's providers."""
        found = []
        for raw in self._latest(stack).get("resources") or []:
            if raw["type"].startswith(("pulumi:pulumi:Stack", "pulumi:providers:")):
                continue
            found.append(
                Resource(
                    urn=raw["urn"],
                    type=raw["type"],
                    name=raw["urn"].rpartition("::")[2],
                    id=raw.get("id", ""),
                    inputs=raw.get("inputs") or {},
                    outputs=raw.get("outputs") or {},
                )
            )
        return found

    def locks(self, stack: str) -> list[LockHolder]:
        """Return who holds the stack's lock, oldest first."""
        folder = self._pulumi / "locks" / "organization" / self.project / stack
        holders = []
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            try:
                raw = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue  # given back meanwhile
            except ValueError:
                raw = {}  # killed while it wrote; nobody can have begun under it
            holders.append(
                LockHolder(
                    pid=int(raw.get("pid", 0)),
                    host=str(raw.get("hostname", socket.gethostname())),
                    user=str(raw.get("username", "?")),
                    since=_time(str(raw.get("timestamp", "")), path),
                    path=path,
                )
            )
        return sorted(holders, key=lambda holder: holder.since)

    def settle(self, stack: str, *, adopt: bool) -> int:
        """Resolve creates that were interrupted, which the engine itself would only ask about.

        An engine that outlives us by a moment may find its provider gone, take a create for
        failed, and strike it from the checkpoint although what it made is there. So for a
        destroy the checkpoint before that, which the engine keeps, is read, too.

        Args:
            stack: the stack; it may be missing.
            adopt: True enters each as a resource with the id UNFINISHED, so that a destroy
                removes what was made. False forgets them: the next create adopts what is there.

        Returns:
            How many there were.
        """
        if not self.exists(stack):
            return 0
        document = self._document(stack)
        latest = document["checkpoint"].get("latest") or {}
        pending = latest.pop("pending_operations", None) or []
        creating = _creating(pending)
        begun: dict[str, dict[str, Any]] = {}
        if adopt:
            creating += _creating(self._before(stack).get("pending_operations") or [])
            known = {raw["urn"] for raw in latest.get("resources") or []}
            begun = {raw["urn"]: raw for raw in creating if raw["urn"] not in known and raw.get("custom")}
            latest.setdefault("resources", []).extend(
                {**raw, "id": UNFINISHED, "outputs": raw.get("inputs") or {}} for raw in begun.values()
            )
        if pending or begun:
            _write(self.checkpoint_path(stack), json.dumps(document, indent=4))
        return len(creating)

    def take_in(self, stack: str, find_made: FindMade) -> int:
        """Enter into the state what interrupted creates have made; return how many there were.

        It has no outputs: nobody has looked at it yet. The run that follows does.
        """
        if not self.exists(stack):
            return 0
        document = self._document(stack)
        latest = document["checkpoint"].get("latest") or {}
        pending = (latest.get("pending_operations") or []) + (
            self._before(stack).get("pending_operations") or []
        )
        known = {raw["urn"] for raw in latest.get("resources") or []}
        found: dict[str, dict[str, Any]] = {}
        for raw in _creating(pending):
            if raw["urn"] in known or not raw.get("custom"):
                continue
            with contextlib.suppress(KeyError):  # an input of its path is not known: it was not sent yet
                if made := find_made(raw["type"], raw.get("inputs") or {}):
                    found[raw["urn"]] = {**raw, "id": made, "outputs": {}}
        if found:
            latest.setdefault("resources", []).extend(found.values())
            _write(self.checkpoint_path(stack), json.dumps(document, indent=4))
        return len(found)

    def _before(self, stack: str) -> dict[str, Any]:
        """Return what the checkpoint before the present one had; nothing where that cannot be read."""
        path = self.checkpoint_path(stack)
        with contextlib.suppress(OSError, ValueError, KeyError):
            return dict(json.loads(path.with_name(f"{path.name}.bak").read_text())["checkpoint"]["latest"])
        return {}

    def remove(self, stack: str, *, although_full: bool = False) -> None:
        """Remove all files of the stack, the checkpoint last, and look that none is left.

        Raises:
            RefusedError: resources are still in the state.
            FailedError: something of the stack's name is still there.
        """
        if not although_full and self.exists(stack) and self.resources(stack):
            raise RefusedError(
                f"stack {stack} still has {len(self.resources(stack))} resources",
                hint="destroy it first",
                code="stack-not-empty",
            )
        checkpoint = self.checkpoint_path(stack)
        for path in sorted(self.leftovers(stack), key=lambda path: path == checkpoint):
            faults.point("before remove from state")
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        left = self.leftovers(stack)
        if left:
            names = ", ".join(map(str, left))
            raise FailedError(f"of stack {stack} these are left: {names}", code="stack-left")

    def leftovers(self, stack: str) -> list[Path]:
        """Return every file and folder below state and home whose name has the stack's name as a word."""
        word = re.compile(rf"(?<![a-z0-9-]){re.escape(stack)}(?![a-z0-9-])")
        return list(_named(self.folder, word)) + list(_named(self.home, word))

    def _document(self, stack: str) -> dict[str, Any]:
        path = self.checkpoint_path(stack)
        try:
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"the state of stack {stack} cannot be read: {path}: {type(error).__name__}",
                hint="restore the file from a backup of the workspace",
                code="state-unreadable",
            ) from error
        return document

    def _latest(self, stack: str) -> dict[str, Any]:
        if not self.exists(stack):
            return {}
        return self._document(stack)["checkpoint"].get("latest") or {}


def process_is_dead(pid: int, since: datetime) -> bool:
    """Say whether the engine that had this pid at that time has ended. True is a proof.

    It has ended if no process has the pid now, if that one is a zombie, or if it
    started later. A later start that is a mere step of the clock is told by the
    program: what still is an engine counts as living.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = _boot_time()
    except (FileNotFoundError, ProcessLookupError):
        return True
    before, _, after = stat.rpartition(")")
    fields = after.split()
    started = boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    later = started > since.timestamp() + 1  # boot time is told in whole seconds
    return fields[0] in {"Z", "X"} or (later and "(pulumi" not in before)


def _creating(operations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [operation["resource"] for operation in operations if operation["type"] == "creating"]


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise FileNotFoundError


def _named(top: Path, word: re.Pattern[str]) -> Iterator[Path]:
    """Yield what has the word in its name; of a folder that has, not what is in it."""
    for folder, folders, files in os.walk(top):
        for name in [*folders, *files]:
            if word.search(name):
                yield Path(folder) / name
        folders[:] = [name for name in folders if not word.search(name)]


def _time(text: str, path: Path) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _write(path: Path, text: str) -> None:
    """Replace a file whole, durably."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
