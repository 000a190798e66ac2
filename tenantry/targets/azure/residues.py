"""What Azure keeps of an erased instance, with the date on which it goes and what is seen of it now."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import TenantryError
from tenantry.model.azure_names import AzureNames
from tenantry.model.status import RECORD, Presence, Residue
from tenantry.targets.azure.asset_types import ASSET_TYPES
from tenantry.targets.azure.inventory import DELETED, DeletedKind, at, kept

__all__ = [
    "FACT",
    "SERVER_KEPT",
    "as_text",
    "from_text",
    "look",
    "of_activity",
    "of_copy",
    "of_deleted",
    "of_server",
    "of_site",
]

FACT: Final = "azure_residues"
_SERVER: Final = "Microsoft.DBforPostgreSQL/flexibleServers"
SERVER_KEPT: Final = timedelta(days=ASSET_TYPES[_SERVER].kept_days)
_ACTIVITY: Final = "Microsoft.Insights/eventtypes"
_ACTIVITY_KEPT: Final = timedelta(days=90)
_HEARD: Final = timedelta(minutes=10)  # until every list has what was deleted
_REMEDIES: Final = {
    "vault": "a deleted vault, which can be recovered until its date; purge protection forbids to purge it",
    "workspace": "a deleted workspace: recover it in its group, then delete it with force",
    "site": "a deleted site; nothing shortens the time",
    "storage account": "a deleted account, emptied before; nothing shortens the time",
}


def of_server(server_id: str, *, deleted_at: datetime) -> Residue:
    """Return the residue of a database server: backups that Azure keeps and does not list."""
    return Residue(
        where=server_id,
        what="backups of the deleted server, encrypted with a key that was deleted; "
        "Azure does not list them, and nothing shortens the time",
        since=deleted_at,
        until=deleted_at + SERVER_KEPT,
        type=_SERVER,
        kind="backup",
    )


def of_copy(server_id: str, region: str, *, deleted_at: datetime) -> Residue:
    """Return the residue of the second copy of a server's backups. Azure does not say when it goes.

    Nobody reads it without its key, which can be recovered for as long as a deleted vault.
    """
    days = next(one.days for one in DELETED if one.word == "vault")
    return Residue(
        where=f"{server_id}/backups/{region}",
        what=f"the copy of the backups in {region}; Azure says neither that it is there nor when it goes; "
        "nothing shortens the time, and until its date its key can be recovered",
        since=deleted_at,
        until=deleted_at + max(SERVER_KEPT, timedelta(days=days)),
        type=_SERVER,
        kind="backup",
    )


def of_site(site_id: str, *, deleted_at: datetime, left: str) -> Residue:
    """Return the residue of a site; ``left`` says why its content is in it, "" that it was emptied before."""
    kept = f"with its content, which could not be deleted ({left})" if left else "emptied before"
    found = of_deleted(site_id, deleted_at=deleted_at)
    return dataclasses.replace(found, what=f"a deleted site, {kept}; nothing shortens the time")


def of_activity(subscription_id: str, *, at: datetime) -> Residue:
    """Return the residue of what was done to an instance, the last of it ``at``: nobody can delete it."""
    return Residue(
        where=f"/subscriptions/{subscription_id}/providers/{_ACTIVITY}/management",
        what="the activity log of the subscription, with the names of resources and who asked for what; "
        "nobody can delete it, and nothing shortens the time",
        since=at,
        until=at + _ACTIVITY_KEPT,
        type=_ACTIVITY,
        kind=RECORD,
    )


def of_deleted(resource_id: str, *, deleted_at: datetime) -> Residue:
    """Return the residue of what Azure keeps and lists; the list may not show it yet."""
    type_ = "/".join(resource_id.split("/")[-3:-1])
    (kind,) = [one for one in DELETED if one.arm_type.lower() == type_.lower()]
    return Residue(
        where=resource_id,
        what=_REMEDIES[kind.word],
        since=deleted_at,
        until=deleted_at + timedelta(days=kind.days),
        type=kind.arm_type,
        kind="soft-deleted",
    )


def look(
    arm: Arm, subscription_id: str, names: AzureNames, recorded: Sequence[Residue], *, now: datetime
) -> Sequence[Residue]:
    """Return every residue, those recorded before and those that Azure's lists show, as they are seen now.

    Where the lists cannot be read, that is told as a residue: nobody then says that nothing is left.
    """
    try:
        listed = {
            (kind.arm_type.lower(), at(entry, kind.name).lower()): _of_entry(kind, entry, now=now)
            for kind, entry in kept(arm, subscription_id, names)
        }
    except TenantryError as error:
        unread = Residue(
            where=f"/subscriptions/{subscription_id}",
            what=f"the lists of deleted resources could not be read: {error.message}",
            since=now,
            kind="unread",
            type="Microsoft.Resources/subscriptions",
        )
        return [*(_seen(one, Presence.UNKNOWN) for one in recorded), unread]
    noted = {key: one.what for one in recorded for key in (_key(one), one.where)}
    found = [
        dataclasses.replace(one, what=noted.get(key) or noted.get(one.where) or one.what)
        for key, one in listed.items()
    ]
    shown = {one.where for one in found}
    found += [
        _seen(one, _presence(one, now))
        for one in recorded
        if one.kind != "unread" and one.where not in shown and _key(one) not in listed
    ]
    return sorted(found, key=lambda one: (one.until or now, one.where))


def as_text(residues: Sequence[Residue]) -> str:
    """Return residues as the text that the register keeps."""
    rows = [
        {
            "where": one.where,
            "what": one.what,
            "since": one.since.isoformat(),
            "until": one.until.isoformat() if one.until else None,
            "type": one.type,
            "kind": one.kind,
            "observed": one.observed,
        }
        for one in residues
    ]
    return json.dumps(rows, separators=(",", ":"))


def from_text(text: str) -> list[Residue]:
    """Read such a text."""
    return [
        Residue(
            where=row["where"],
            what=row["what"],
            since=datetime.fromisoformat(row["since"]),
            until=datetime.fromisoformat(row["until"]) if row["until"] else None,
            type=row["type"],
            kind=row["kind"],
            observed=Presence(row["observed"]),
        )
        for row in json.loads(text or "[]")
    ]


def _of_entry(kind: DeletedKind, entry: Mapping[str, Any], *, now: datetime) -> Residue:
    properties = entry.get("properties") or {}
    deleted = next((properties[key] for key in _DELETED_AT if properties.get(key)), None)
    since = _moment(deleted) or now
    until = _moment(properties.get(kind.until.rpartition(".")[2])) if kind.until else None
    return Residue(
        where=str(properties.get("vaultId") or entry.get("id", "")),
        what=_REMEDIES[kind.word],
        since=since,
        until=until or since + timedelta(days=kind.days),
        type=kind.arm_type,
        kind="soft-deleted",
        observed=Presence.PRESENT,
    )


_DELETED_AT: Final = ("deletionDate", "deletedTimestamp", "deletionTime", "deletedDate")


def _presence(one: Residue, now: datetime) -> Presence:
    """Say what not standing in a list means: gone, but for what no list would show, or not yet."""
    if one.type in {kind.arm_type for kind in DELETED}:
        was_listed = one.observed is Presence.PRESENT
        return Presence.GONE if was_listed or now - one.since > _HEARD else Presence.UNKNOWN
    return Presence.GONE if one.until is not None and now >= one.until else Presence.UNKNOWN


def _seen(one: Residue, presence: Presence) -> Residue:
    return dataclasses.replace(one, observed=presence)


def _key(one: Residue) -> tuple[str, str]:
    return one.type.lower(), one.where.rpartition("/")[2].lower()


def _moment(text: Any) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.astimezone()
