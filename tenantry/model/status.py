"""What was observed of an instance: conditions, changes, assets, evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

__all__ = [
    "RECORD",
    "Asset",
    "BackupRecord",
    "Change",
    "ChangeKind",
    "Condition",
    "EraseMethod",
    "Evidence",
    "Presence",
    "Residue",
    "Truth",
]


class Truth(StrEnum):
    """The status of a condition, as in Kubernetes. Unknown: the observer could not look."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One observed fact about an instance. ``True`` is always the good answer."""

    type: str  # "ProcessUp"
    status: Truth
    reason: str  # CamelCase, stable: "NotRunning"
    message: str
    at: datetime  # UTC
    awaits_people: bool = False  # it stays so until somebody does something; not kept in the register


class ChangeKind(StrEnum):
    """What a deploy would do to a resource, or what drifted."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that would change. Values are not told: they may be secret."""

    kind: ChangeKind
    type: str  # "tenantry-host:index:Cluster"
    name: str
    properties: tuple[str, ...] = ()
    holds_data: bool = False


class EraseMethod(StrEnum):
    """The categories of NIST SP 800-88; cryptographic erase is a technique of PURGE."""

    CLEAR = "clear"
    PURGE = "purge"
    DESTROY = "destroy"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """Anything that can hold client data or grant access to it."""

    id: str  # stable within the instance: "cluster:/var/lib/tenantry/tnxxxx/pg"
    type: str  # "cluster"
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One observation that an asset is absent, or is not."""

    asset: Asset
    method: EraseMethod | None
    absent: bool | None  # None: could not look
    evidence: str  # what was looked at and what was seen
    at: datetime  # UTC


@dataclass(frozen=True, kw_only=True)
class BackupRecord:
    """One backup as its repository lists it."""

    id: str
    kind: str  # "full", "incremental", "files"
    started: datetime
    finished: datetime
    size_bytes: int
    restorable_from: datetime | None = None
    restorable_to: datetime | None = None
    verified: bool | None = None  # None: never tried
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StoredBlob:
    """A blob as its container lists it."""

    container: str
    name: str
    size_bytes: int
    changed: datetime
    type: str  # as whoever wrote it said


@dataclass(frozen=True, kw_only=True)
class KeptBlob:
    """What is kept of a blob that was deleted."""

    until: datetime | None  # at the latest, what was deleted can be recovered; None: nothing of that is kept
    versions: int = 0  # earlier ones that the deletion left: they are kept without end


class Presence(StrEnum):
    """Whether what is kept of an erased instance was seen, at the last look."""

    PRESENT = "present"
    GONE = "gone"
    UNKNOWN = "unknown"  # nobody could look, or there is nothing to look at


RECORD: Final = "record"  # a kind of residue: names, no data


@dataclass(frozen=True, kw_only=True)
class Residue:
    """What stays of an erased instance, and who clears it away: told, never hidden."""

    where: str  # a path, or the id of the resource that it was
    what: str
    since: datetime  # UTC
    until: datetime | None = None  # None: no date is known
    type: str = "file"  # of what it was: "Microsoft.KeyVault/vaults"
    kind: str = "kept"  # "soft-deleted", "backup", RECORD
    observed: Presence = Presence.UNKNOWN

    @property
    def is_record(self) -> bool:
        """Whether it only tells of the instance: nothing of it can be recovered from there."""
        return self.kind == RECORD
