"""The engine's state, read and cleaned without the engine.

    <folder>/Pulumi.yaml                               the project
    <folder>/Pulumi.<stack>.yaml                       salt or wrapped key of the stack's secrets
    <store>/.pulumi/stacks/<project>/<stack>.json      the checkpoint (+ .bak, .attrs, .tmp)
    <store>/.pulumi/history/<project>/<stack>/         one entry and one checkpoint per update
    <store>/.pulumi/backups/<project>/<stack>/
    <store>/.pulumi/locks/organization/<project>/<stack>/<id>.json

The store is the folder itself, or an azblob:// (``tenantry.adapters.engine_store``).
Stacks are removed by removing their objects: unlike ``pulumi stack rm`` that
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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tenantry import faults
from tenantry.adapters import engine_secrets, processes
from tenantry.adapters.engine_store import FolderStore, Store, named, write_whole
from tenantry.errors import FailedError, RefusedError, UnavailableError

__all__ = ["EngineState", "FindMade", "LockHolder", "Resource", "process_is_dead"]

FindMade = Callable[[str, Mapping[str, Any]], str]  # type token and inputs → id, "" for none

UNFINISHED = "unfinished"  # as in tenantry.providers.base


@dataclass(frozen=True, kw_only=True)
class LockHolder:
    """Who holds the lock of a stack, as the lock says."""

    pid: int
    host: str
    user: str
    since: datetime  # UTC
    lock: str  # its name in the store

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
    parent: str = ""  # urn of what it belongs to
    dependencies: tuple[str, ...] = ()  # urns of what had to be there before; it also waited for its parent


class EngineState:
    """What one project has in a store, and its settings in a folder of this machine."""

    def __init__(self, folder: Path, *, home: Path, project: str, store: Store | None = None) -> None:
        self.folder = folder
        self.home = home
        self.project = project
        self.store: Store = store or FolderStore(folder)

    def prepare(self) -> None:
        """Make what the engine needs to run here; repeatable."""
        for path in (self.folder, self.home):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = self.folder / "Pulumi.yaml"
        if not settings.exists():
            write_whole(
                settings, f"name: {self.project}\nruntime: python\ndescription: instances of tenantry\n"
            )
        # The engine logs every run into this folder, under the stack's name. A file in
        # its place makes it go without (pkg/logging: "automatic logging unavailable").
        logs = self.home / "logs"
        if logs.is_dir() and not logs.is_symlink():
            shutil.rmtree(logs)
        logs.touch(mode=0o600)

    def checkpoint(self, stack: str) -> str:
        """The name of the stack's checkpoint."""
        return f".pulumi/stacks/{self.project}/{stack}.json"

    def settings_path(self, stack: str) -> Path:
        """The file of the stack's settings: the salt of its passphrase, or its wrapped key."""
        return self.folder / f"Pulumi.{stack}.yaml"

    def exists(self, stack: str) -> bool:
        """Say whether the stack is there, made to its end."""
        return engine_secrets.is_made(self._latest(stack))

    def unmake(self, stack: str) -> None:
        """Remove what a making that was cut off left of a stack that is not there by ``exists``."""
        self.settings_path(stack).unlink(missing_ok=True)
        self.store.remove(self.checkpoint(stack))

    def restore_settings(self, stack: str) -> bool:
        """Write the stack's settings anew from its checkpoint if they are lost or others, or were never here.

        Returns:
            Whether the stack is there, made to its end; nothing is written for one that is not.

        Raises:
            RefusedError: its secrets are under something else than the store says.
        """
        latest = self._latest(stack)
        if not engine_secrets.is_made(latest):
            return False
        self.prepare()
        told = engine_secrets.settings(stack, latest, provider=self.store.secrets_provider)
        path = self.settings_path(stack)
        found = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if not set(told.splitlines()) <= set(found.splitlines()):
            write_whole(path, told)
        return True

    def half_made(self, stack: str) -> list[str]:
        """Return the urns of what is there although its making failed, to be finished."""
        return [raw["urn"] for raw in self._latest(stack).get("resources") or [] if raw.get("initErrors")]

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
                    parent=raw.get("parent") or "",
                    dependencies=tuple(raw.get("dependencies") or ()),
                )
            )
        return found

    def locks(self, stack: str) -> list[LockHolder]:
        """Return who holds the stack's lock, oldest first."""
        holders = []
        for name in self.store.names(f".pulumi/locks/organization/{self.project}/{stack}"):
            text = self.store.read(name) if name.endswith(".json") else None
            if text is None:
                continue  # given back meanwhile
            raw: dict[str, Any] = {}  # killed while it wrote; nobody can have begun under it
            with contextlib.suppress(ValueError):
                raw = json.loads(text)
            holders.append(
                LockHolder(
                    pid=int(raw.get("pid", 0)),
                    host=str(raw.get("hostname", socket.gethostname())),
                    user=str(raw.get("username", "?")),
                    since=_time(str(raw.get("timestamp", ""))),
                    lock=name,
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
        self.store.tidy(_word(stack))
        document = self._document(stack)
        if document is None:
            return 0
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
            self.store.write(self.checkpoint(stack), json.dumps(document, indent=4))
        return len(creating)

    def take_in(self, stack: str, find_made: FindMade) -> int:
        """Enter into the state what interrupted creates have made; return how many there were.

        It has no outputs: nobody has looked at it yet. The run that follows does.
        """
        document = self._document(stack)
        if document is None:
            return 0
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
            self.store.write(self.checkpoint(stack), json.dumps(document, indent=4))
        return len(found)

    def retain(self, stack: str, names: Collection[str]) -> None:
        """Note of resources that the engine lets go of them undeleted, when the program has them no more."""
        document = self._document(stack) if names else None
        if document is None:
            return
        for raw in (document["checkpoint"].get("latest") or {}).get("resources") or []:
            if raw["urn"].rpartition("::")[2] in names:
                raw["retainOnDelete"] = True
        self.store.write(self.checkpoint(stack), json.dumps(document, indent=4))

    def enter(self, stack: str, asked: Sequence[tuple[str, Mapping[str, Any]]], find_made: FindMade) -> int:
        """Enter into the state what exists and whose create failed all the same; return how many that were.

        Whether it is whole is not known, so it is entered as half made: the next run writes it anew.

        Args:
            stack: the stack.
            asked: the ids of what exists, with the resources that were asked for (Collector.already_there).
            find_made: says which id is the stack's own; "": it is somebody else's, and is left out.
        """
        document = self._document(stack)
        if document is None:
            return 0
        resources = document["checkpoint"].setdefault("latest", {}).setdefault("resources", [])
        known = {raw["urn"] for raw in resources}
        found = [
            {key: raw[key] for key in ("urn", "type", "inputs", "parent", "provider") if raw.get(key)}
            | {"custom": True, "id": there, "outputs": {}, "initErrors": ["its create failed"]}
            for there, raw in asked
            if raw["urn"] not in known
            and find_made(raw["type"], raw.get("inputs") or {}).lower() == there.lower()
        ]
        if found:
            resources.extend(found)
            self.store.write(self.checkpoint(stack), json.dumps(document, indent=4))
        return len(found)

    def _before(self, stack: str) -> dict[str, Any]:
        """Return what the checkpoint before the present one had; nothing where that is not whole."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = self.store.read(f"{self.checkpoint(stack)}.bak")
            return dict(json.loads(text or "{}")["checkpoint"]["latest"])
        return {}

    def remove(self, stack: str, *, although_full: bool = False) -> None:
        """Remove all that is of the stack, the checkpoint last, and look that none is left.

        Raises:
            RefusedError: resources are still in the state.
            FailedError: something of the stack's name is still there.
        """
        resources = [] if although_full else self.resources(stack)
        if resources:
            raise RefusedError(
                f"stack {stack} still has {len(resources)} resources",
                hint="destroy it first",
                code="stack-not-empty",
            )
        checkpoint = self.checkpoint(stack)
        stored = self.store.having(_word(stack))
        elsewhere = set(self._local(stack)) - set(map(self.store.where, stored))
        for path in sorted(elsewhere):
            faults.point("before remove from state")
            FolderStore(Path(path).parent).remove(Path(path).name)
        for name in sorted(stored, key=lambda name: name == checkpoint):
            faults.point("before remove from state")
            self.store.remove(name)
        left = self.leftovers(stack)
        if left:
            raise FailedError(
                f"of stack {stack} these are left: {', '.join(left)}",
                hint="see what writes or keeps them, such as soft delete or versions of a storage account; "
                "then run the same command again",
                code="stack-left",
            )

    def leftovers(self, stack: str) -> list[str]:
        """Return where anything is whose name has the stack's name as a word, kept after a deletion too."""
        stored = map(self.store.where, self.store.having(_word(stack)))
        return list(dict.fromkeys([*stored, *self._local(stack)]))

    def _local(self, stack: str) -> list[str]:
        word = _word(stack)
        return [str(path) for top in (self.folder, self.home) for path in named(top, word)]

    def _document(self, stack: str) -> dict[str, Any] | None:
        """Return the checkpoint, None without one."""
        name = self.checkpoint(stack)
        try:
            text = self.store.read(name)
            document: dict[str, Any] | None = None if text is None else json.loads(text)
        except ValueError as error:
            what = f"{self.store.where(name)}: {type(error).__name__}"
            raise UnavailableError(
                f"the state of stack {stack} cannot be read: {what}",
                hint=self.store.remedy,
                code="state-unreadable",
            ) from error
        return document

    def _latest(self, stack: str) -> dict[str, Any]:
        return ((self._document(stack) or {}).get("checkpoint") or {}).get("latest") or {}


def process_is_dead(pid: int, since: datetime) -> bool:
    """Say whether the engine that had this pid at that time has ended. True is a proof.

    It has ended if no process has the pid now, if that one is a zombie, or if it
    started later. A later start that is a mere step of the clock is told by the
    program: what still is an engine counts as living.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = processes.booted_at().timestamp()
    except (FileNotFoundError, ProcessLookupError):
        return True
    before, _, after = stat.rpartition(")")
    fields = after.split()
    started = boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    later = started > since.timestamp() + 1  # boot time is told in whole seconds
    return fields[0] in {"Z", "X"} or (later and "(pulumi" not in before)


def _creating(operations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [operation["resource"] for operation in operations if operation["type"] == "creating"]


def _word(stack: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9-]){re.escape(stack)}(?![a-z0-9-])")


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)  # the lock was cut short while it was written
