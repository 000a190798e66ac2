"""The seams: what journeys ask of the world, and who may answer.

Every implementation of a port passes the contract suite in tests/contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tenantry.errors import Problem
from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec
from tenantry.model.status import (
    Asset,
    BackupRecord,
    Change,
    Condition,
    EraseMethod,
    Evidence,
    KeptBlob,
    Residue,
    StoredBlob,
)

__all__ = [
    "Blobs",
    "Clock",
    "Event",
    "Hold",
    "Instance",
    "JournalEntry",
    "Lease",
    "OnEvent",
    "Operation",
    "Register",
    "Request",
    "SecretStore",
    "Target",
]


class Clock(Protocol):
    """The time. Residue dates follow the target's clock, not always this machine's."""

    def now(self) -> datetime:
        """Return the present moment, UTC, aware."""
        ...


@dataclass(frozen=True, kw_only=True)
class Event:
    """A step of progress, for people."""

    text: str
    resource: str = ""
    done: bool = False
    same: bool = False  # nothing had to be done
    recorded: bool = False  # what a step of an erasure will do, for the journal as well


OnEvent = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An instance as the register knows it."""

    name: str
    opaque: str  # the name that the host sees
    client: str
    target: str
    host: str  # the host_name that owns it
    state: State
    profile: str
    version: str
    url: str
    uid: int | None  # never given to another instance
    ports: Mapping[str, int]  # {"database": 20001, "web": 20002}
    generation: int  # of the database cluster
    conditions: Sequence[Condition]
    observed_at: datetime | None
    created_at: datetime
    erased_at: datetime | None
    last_backup: datetime | None
    spec_digest: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)  # observed: "encryption", "isolation"

    @property
    def rehearsal(self) -> bool:
        """Whether it was made to rehearse, in no real cloud; what made it recorded that."""
        return bool(self.facts.get("rehearsal"))

    @property
    def mark(self) -> str:
        """What lines of the journal about it begin with."""
        return "REHEARSAL: " if self.rehearsal else ""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A run of a journey on one instance."""

    id: str
    instance: str
    kind: str  # "deploy"
    person: str
    reason: str
    host: str
    pid: int
    process_started: str  # identifies the process together with pid
    started_at: datetime
    heartbeat_at: datetime
    ended_at: datetime | None
    outcome: str  # "" while it runs, then "done", "failed", "cancelled", "died"; "unknown": told nowhere
    detail: str
    cancel_requested: bool
    token: int  # fencing token: grows with every lease of the instance


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """One line of the append-only, hash-chained log."""

    seq: int
    at: datetime
    operation: str
    instance: str  # opaque name: the chain never holds a client's name
    kind: str  # "intent", "evidence", "access", "state"
    digest: str  # of the text, hex SHA-256
    chain: str  # of this line and the one before, hex SHA-256
    text: str | None  # None when it was erased


class Lease(Protocol):
    """The sole right to change an instance, held by one living operation."""

    operation: Operation

    def check(self) -> None:
        """Raise BusyError if the lease was lost, RefusedError if a cancel was asked for."""
        ...

    def intent(self, text: str) -> None:
        """Record what will be done, durably, before it is done."""
        ...

    def evidence(self, text: str) -> None:
        """Record what was observed after an effect."""
        ...

    def finish(self, outcome: str, detail: str = "") -> None:
        """End the operation and give the lease back."""
        ...


Hold = Callable[[], AbstractContextManager[Lease]]


class Register(Protocol):
    """The system of record: instances, operations, journal."""

    def instances(self) -> Sequence[Instance]:
        """Return all instances that are not erased, by name."""
        ...

    def erased(self) -> Sequence[Instance]:
        """Return all instances that were erased, the last one first."""
        ...

    def find(self, name: str) -> Instance | None:
        """Return the instance of that name, or None. An erased one only if no other has the name."""
        ...

    def add(
        self, *, spec: InstanceSpec, opaque: str, url: str, ports: Sequence[str], with_uid: bool
    ) -> Instance:
        """Record a new instance (provisioning), with a uid and ports of its own, once.

        A second call for a name that exists and is not erased returns what is there.
        """
        ...

    def update(self, name: str, **changes: object) -> Instance:
        """Change fields of Instance (state, version, facts and the like); return it as it then is.

        ``erased_at`` comes with the state erased alone: the time of the place where the instance lived.
        """
        ...

    def observe(self, name: str, conditions: Sequence[Condition], *, at: datetime) -> None:
        """Record the newest observation of an instance."""
        ...

    def lease(
        self, instance: Instance, *, kind: str, person: str, reason: str
    ) -> AbstractContextManager[Lease]:
        """Start an operation. Raise BusyError when another living one holds the instance."""
        ...

    def operations(self, instance: str | None = None) -> Sequence[Operation]:
        """Return operations, newest first."""
        ...

    def operation(self, operation_id: str) -> Operation | None:
        """Return one operation."""
        ...

    def request_cancel(self, operation_id: str) -> None:
        """Ask a running operation to stop at its next step."""
        ...

    def record(self, *, instance: str, kind: str, text: str, operation: str = "") -> JournalEntry:
        """Append one line to the journal outside an operation."""
        ...

    def journal(self, instance: str | None = None) -> Sequence[JournalEntry]:
        """Return the journal, oldest first."""
        ...

    def verify_journal(self) -> Sequence[str]:
        """Return what is wrong with the chain; empty when it holds."""
        ...

    def erase_texts(self, instance: str) -> None:
        """Erase the texts of an instance's journal lines; the chain still holds."""
        ...


class SecretStore(Protocol):
    """The secrets of one instance."""

    def names(self) -> Sequence[str]:
        """Return the names of the secrets, sorted."""
        ...

    def get(self, name: str) -> str:
        """Return a secret. Raise FailedError if there is none of that name."""
        ...

    def put(self, values: Mapping[str, str]) -> None:
        """Store secrets, all or none, durably."""
        ...

    def ensure(self, makers: Mapping[str, Callable[[], str]]) -> Mapping[str, str]:
        """Make and store each secret that is not there yet; return all of them."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Take secrets out, durably; names that are not there are ignored."""
        ...

    def destroy(self) -> None:
        """Destroy the instance's key, then its file. Nothing can be read afterwards."""
        ...


class Blobs(Protocol):
    """The blobs of one instance, while they can be reached. FailedError is raised for what is not there."""

    def listed(self, container: str, prefix: str) -> Sequence[StoredBlob]:
        """Return the blobs of a container, "" of all, whose names begin so."""
        ...

    def read(self, container: str, name: str) -> Iterator[bytes]:
        """Yield the bytes of a blob."""
        ...

    def delete(self, container: str, name: str) -> KeptBlob:
        """Delete a blob; return what is kept of it. Repeatable as long as anything is."""
        ...


@dataclass(frozen=True, kw_only=True)
class Request:
    """All that a target needs to work on one instance."""

    spec: InstanceSpec
    profile: Profile
    instance: Instance


class Target(Protocol):
    """Where instances live: all that differs between Azure and a host."""

    def check(self, spec: InstanceSpec, profile: Profile) -> None:
        """Raise SpecError, RefusedError or UnavailableError if this target cannot hold the instance.

        Looks only; nothing is changed.
        """
        ...

    def shares(self, spec: InstanceSpec) -> Mapping[str, int]:
        """Return what an instance shares with others while it is deployed, and how many may at once.

        What is shared is named in words for people, such as "in westeurope". Nothing is asked of anybody.
        """
        ...

    def overfull(self, wanted: Sequence[tuple[InstanceSpec, Profile]]) -> Mapping[str, Sequence[Problem]]:
        """Return by name, and why, those that do not fit beside the ones before them.

        Looks only. What cannot be looked at is left to each one's own check.
        """
        ...

    def preview(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """Return what apply would change, from a fresh look at what is there."""
        ...

    def apply(self, request: Request, lease: Lease, on_event: OnEvent) -> Mapping[str, str]:
        """Make the instance what the spec asks for; return observed facts."""
        ...

    def drift(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """Return what was changed by hand since the last apply."""
        ...

    def probe(self, request: Request) -> Sequence[Condition]:
        """Look at the instance and say how it is. Never raises for what it finds."""
        ...

    def suspend(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """Stop the workload; database, backups and health checks go on."""
        ...

    def resume(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """Start the workload again."""
        ...

    def back_up(self, request: Request, lease: Lease, on_event: OnEvent) -> Sequence[BackupRecord]:
        """Take a backup of database and folders now; return what was made."""
        ...

    def lacks_backup(self, request: Request) -> bool:
        """Say whether something of the instance that must be backed up has no backup at all yet."""
        ...

    def backups(self, request: Request) -> Sequence[BackupRecord]:
        """Return the backups as their repositories list them, newest first."""
        ...

    def logs(self, request: Request, *, process: str, lines: int) -> Sequence[str]:
        """Return the last lines of a process's log."""
        ...

    def execute(self, request: Request, command: Sequence[str], hold: Hold, on_event: OnEvent) -> int:
        """Run a command as the instance, on this terminal; return its exit code.

        ``hold`` takes the instance's lease, where something must be changed for the command.
        """
        ...

    def blobs(
        self, request: Request, lease: Lease, on_event: OnEvent, *, change: bool
    ) -> AbstractContextManager[Blobs]:
        """Lend the blobs of an instance whose profile has some; to change them only where it is said."""
        ...

    def inventory(self, instance: Instance) -> frozenset[Asset]:
        """Return every asset of the instance that can be found by looking, known to us or not."""
        ...

    def obstacles(self, instance: Instance) -> Mapping[str, Problem]:
        """Return what would stop an erasure before anything is touched: why, by the id of what it is.

        That is what lies among the instance's things and is not its own, or keeps them from being deleted.
        Looks only. The steps look again: somebody may put something there in between.
        """
        ...

    def erase_steps(self, instance: Instance) -> Sequence[tuple[str, EraseMethod, Callable[[OnEvent], None]]]:
        """Return the steps of erasure in order: name, method, and the idempotent act itself."""
        ...

    def prove_absent(
        self, instance: Instance, known: frozenset[Asset], on_event: OnEvent
    ) -> Sequence[Evidence]:
        """Look again, independently of the engine, for each known asset and for strays.

        Where a look may show what was a moment ago, it is repeated for a bounded time, and told.
        """
        ...

    def now(self, instance: Instance) -> datetime:
        """Return the time of the place where an instance lives or lived: due dates follow it."""
        ...

    def residues(self, instance: Instance) -> Sequence[Residue]:
        """Look for what is kept of an erased instance; return it with dates."""
        ...
