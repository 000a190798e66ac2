"""A target without a machine: its world is one file, so that it outlives a kill of the process.

It works as a real one does, in small: things that exist, an engine's state that
knows of them (and is written before and after each of them), repositories of
backups. Between an effect and its record lies a point to be killed at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tenantry import faults
from tenantry.errors import DefectError, FailedError, Problem, SpecError
from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile, Service
from tenantry.model.spec import InstanceSpec
from tenantry.model.status import (
    Asset,
    BackupRecord,
    Change,
    ChangeKind,
    Condition,
    EraseMethod,
    Evidence,
    Residue,
    Truth,
)
from tenantry.ports import Blobs, Event, Hold, Instance, Lease, OnEvent, Request, SecretStore
from tenantry.targets import terminal

__all__ = ["MemoryTarget", "World"]

_OFFERED = frozenset({Service.DATABASE, Service.FOLDERS})
_KINDS = ("user", "folder", "cluster", "role", "repository", "site", "process")  # in the order of making
_LOSES_DATA = frozenset({"folder", "cluster", "repository"})
_PASSPHRASE = "stack.passphrase"
_PASSWORD = "database.app.password"
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """What there is: values by ``kind:opaque``, in a file that is replaced whole at each change."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> dict[str, Any]:
        """Return everything that there is."""
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        assert isinstance(found, dict)
        return found

    def get(self, name: str) -> Any:
        """Return one thing, or None."""
        return self.all().get(name)

    def put(self, name: str, value: Any) -> None:
        """Make or change a thing."""
        with self._effect(f"make {name.split(':', maxsplit=1)[0]}") as things:
            things[name] = value

    def remove(self, name: str) -> None:
        """Take a thing away; what is gone is fine."""
        with self._effect(f"remove {name.split(':', maxsplit=1)[0]}") as things:
            things.pop(name, None)

    @contextmanager
    def _effect(self, name: str) -> Any:
        faults.point(f"before {name}")
        things = self.all()
        yield things
        temporary = self._file.with_suffix(".new")
        temporary.write_text(json.dumps(things), encoding="utf-8")
        temporary.replace(self._file)
        faults.point(f"after {name}")


class MemoryTarget:
    """Implements ``tenantry.ports.Target`` on a World."""

    def __init__(self, world: World, *, vault: Callable[[str], SecretStore]) -> None:
        self.world = world
        self._vault = vault

    def check(self, spec: InstanceSpec, profile: Profile) -> None:
        """Raise SpecError for a service that is not offered."""
        lacking = sorted(profile.services - _OFFERED)
        if lacking:
            raise SpecError(
                f"profile {profile.name} needs {lacking[0]}, which is not offered here",
                where=spec.where,
                code="service-not-offered",
            )

    def shares(self, spec: InstanceSpec) -> Mapping[str, int]:
        """Return the one world, in which two are made at once."""
        return {"in the world": 2}

    def overfull(self, wanted: Sequence[tuple[InstanceSpec, Profile]]) -> Mapping[str, Sequence[Problem]]:
        """Return nothing: a world has room for all."""
        return {}

    def preview(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """Compare what is asked for with what there is."""
        wanted = self._wanted(request, password="")
        return [_change(_kind_of(self.world.get(name), value), name) for name, value in wanted.items()]

    def apply(self, request: Request, lease: Lease, on_event: OnEvent) -> Mapping[str, str]:
        """Make what is missing, one thing after the other."""
        opaque = request.instance.opaque
        lease.check()
        password = self._vault(opaque).ensure({_PASSWORD: lambda: "p" * 20})[_PASSWORD]
        self._vault(f"{opaque}-stack").ensure({_PASSPHRASE: lambda: "s" * 20})
        lease.intent("make what is missing")
        if self._state(opaque) is None:
            self.world.put(f"state:{opaque}", [])
        for name, value in self._wanted(request, password=password).items():
            if self.world.get(name) != value:
                self._record(opaque, name)  # as pending: after a kill, erasure finds it
                on_event(Event(text=f"making {name}"))
                self.world.put(name, value)
            self._record(opaque, name)
        lease.evidence("all is there")
        return {"isolation": "none", "encryption": "none"}

    def drift(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """Say what is gone or different although the state knows it."""
        wanted = self._wanted(request, password="")
        return [
            _change(ChangeKind.DELETE if self.world.get(name) is None else ChangeKind.UPDATE, name)
            for name in self._state(request.instance.opaque) or []
            if not _is_like(self.world.get(name), wanted[name])
        ]

    def probe(self, request: Request) -> Sequence[Condition]:
        """Look at what there is."""
        opaque = request.instance.opaque
        running = self.world.get(f"process:{opaque}") == "running"
        suspended = request.instance.state is State.SUSPENDED
        backups = bool(self.backups(request))
        return [
            _condition(
                "ProcessUp", running is not suspended, "Suspended" if suspended else "Running", "NotRunning"
            ),
            _condition(
                "DatabaseReachable", bool(self.world.get(f"cluster:{opaque}")), "Reachable", "NotReachable"
            ),
            _condition("BackupRecent", backups, "Recent", "NoBackup"),
            _condition("NoDrift", not self.drift(request, lambda _: None), "InSync", "Drifted"),
        ]

    def suspend(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """Stop the process."""
        self.world.put(f"process:{request.instance.opaque}", "stopped")

    def resume(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """Start the process."""
        self.world.put(f"process:{request.instance.opaque}", "running")

    def back_up(self, request: Request, lease: Lease, on_event: OnEvent) -> Sequence[BackupRecord]:
        """Take a backup."""
        opaque = request.instance.opaque
        if not self.world.get(f"repository:{opaque}"):
            raise FailedError("there is no repository")
        lease.check()
        taken = self.world.get(f"backup:{opaque}") or 0
        self.world.put(f"backup:{opaque}", taken + 1)
        return [_backup(taken + 1)]

    def lacks_backup(self, request: Request) -> bool:
        """Say whether there is none."""
        return not self.backups(request)

    def backups(self, request: Request) -> Sequence[BackupRecord]:
        """Return the backups, newest first."""
        taken = self.world.get(f"backup:{request.instance.opaque}") or 0
        return [_backup(number) for number in range(taken, 0, -1)]

    def logs(self, request: Request, *, process: str, lines: int) -> Sequence[str]:
        """Return made-up lines."""
        return [f"line {number}" for number in range(100)][-lines:]

    def execute(self, request: Request, command: Sequence[str], hold: Hold, on_event: OnEvent) -> int:
        """Run a command while the instance is held."""
        terminal.check_program(command[0], Path("/"))
        with hold() as lease:
            return terminal.run(command, environment={}, folder=Path("/"), watch=lease.check)

    def blobs(
        self, request: Request, lease: Lease, on_event: OnEvent, *, change: bool
    ) -> AbstractContextManager[Blobs]:
        """It offers none."""
        raise DefectError("this target takes no profile with blobs")

    def inventory(self, instance: Instance) -> frozenset[Asset]:
        """Return everything that carries the opaque name, whoever made it."""
        return frozenset(
            Asset(id=name, type=name.split(":")[0]) for name in self.world.all() if instance.opaque in name
        )

    def obstacles(self, instance: Instance) -> Mapping[str, Problem]:
        """Return what somebody put among the instance's things: it is named after whom it is of."""
        return {
            name: Problem(code="foreign-resource", message=f"{name} is not the instance's", hint="move it")
            for name in self.world.all()
            if name.startswith("theirs:") and instance.opaque in name
        }

    def erase_steps(self, instance: Instance) -> Sequence[tuple[str, EraseMethod, Callable[[OnEvent], None]]]:
        """Return the steps in the order of a real target: keys late, the state's passphrase last."""
        opaque = instance.opaque
        return (
            ("destroy what was made", EraseMethod.PURGE, lambda _: self._destroy(opaque)),
            ("destroy the keys", EraseMethod.PURGE, lambda _: self._vault(opaque).destroy()),
            ("remove the state", EraseMethod.PURGE, lambda _: self.world.remove(f"state:{opaque}")),
            ("destroy the passphrase", EraseMethod.PURGE, lambda _: self._vault(f"{opaque}-stack").destroy()),
        )

    def prove_absent(
        self, instance: Instance, known: frozenset[Asset], on_event: OnEvent
    ) -> Sequence[Evidence]:
        """Look again for what was known and for strays."""
        left = self.inventory(instance)
        looked = sorted(known | left, key=lambda asset: asset.id) or [Asset(id="*", type="*")]
        now = datetime.now(UTC)
        return [
            Evidence(
                asset=asset, method=EraseMethod.PURGE, absent=asset not in left, evidence="looked", at=now
            )
            for asset in looked
        ]

    def now(self, instance: Instance) -> datetime:
        """The time of this world."""
        return _BEGINNING

    def residues(self, instance: Instance) -> Sequence[Residue]:
        """Nothing stays."""
        return []

    def _wanted(self, request: Request, *, password: str) -> dict[str, Any]:
        opaque = request.instance.opaque
        values: dict[str, Any] = dict.fromkeys(_KINDS, request.spec.hostname)
        values["role"] = len(password) or "any"
        values["process"] = "stopped" if request.instance.state is State.SUSPENDED else "running"
        return {f"{kind}:{opaque}": values[kind] for kind in _KINDS}

    def _state(self, opaque: str) -> list[str] | None:
        found = self.world.get(f"state:{opaque}")
        assert found is None or isinstance(found, list)
        return found

    def _record(self, opaque: str, name: str) -> None:
        known = self._state(opaque) or []
        if name not in known:
            self.world.put(f"state:{opaque}", [*known, name])

    def _destroy(self, opaque: str) -> None:
        known = self._state(opaque)
        if known is None:
            return
        if _PASSPHRASE not in self._vault(f"{opaque}-stack").names():
            raise DefectError("the state cannot be read any more: its passphrase went too early")
        for name in reversed(known):
            if name.startswith("repository:"):
                self.world.remove(f"backup:{opaque}")
            self.world.remove(name)
            self.world.put(f"state:{opaque}", [one for one in self._state(opaque) or [] if one != name])


def _is_like(found: Any, wanted: Any) -> bool:
    return found is not None and wanted in (found, "any")


def _kind_of(found: Any, wanted: Any) -> ChangeKind:
    if found is None:
        return ChangeKind.CREATE
    return ChangeKind.SAME if _is_like(found, wanted) else ChangeKind.UPDATE


def _change(kind: ChangeKind, name: str) -> Change:
    kind_of_thing = name.split(":", maxsplit=1)[0]
    return Change(kind=kind, type=kind_of_thing, name=kind_of_thing, holds_data=kind_of_thing in _LOSES_DATA)


def _condition(name: str, holds: bool, good: str, bad: str) -> Condition:  # noqa: FBT001
    return Condition(
        type=name,
        status=Truth.TRUE if holds else Truth.FALSE,
        reason=good if holds else bad,
        message="looked",
        at=datetime.now(UTC),
    )


def _backup(number: int) -> BackupRecord:
    at = _BEGINNING + timedelta(hours=number)
    return BackupRecord(id=f"b{number}", kind="full", started=at, finished=at, size_bytes=1)
