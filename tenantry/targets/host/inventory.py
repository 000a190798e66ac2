"""Every asset of an instance that can be found on its host, and the proof that it is gone.

An asset type is a row in ASSET_TYPES: how it is listed, which method of
SP 800-88 erases it, and thereby how its absence is observed, by the same
listing. A type without a row cannot be found, and a test holds that every
resource type of the provider has one.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tenantry.model.status import Asset, EraseMethod, Evidence
from tenantry.targets.host import leaks, look, rules, sites
from tenantry.targets.host.place import Place

__all__ = ["ASSET_TYPES", "AssetType", "inventory", "prove_absent"]


_TMPFS = (Path("/dev/shm"), Path("/run"))  # noqa: S108 - where files with secrets are handed over


@dataclass(frozen=True, kw_only=True)
class AssetType:
    """One row: how assets of a type are listed, and how they are erased."""

    find: Callable[[Place], Iterator[tuple[str, str]]]  # (id, detail)
    method: EraseMethod
    covers: tuple[str, ...] = ()  # resource types of the provider that make such assets


def _processes(place: Place) -> Iterator[tuple[str, str]]:
    for pid, name in look.processes(place.marks):
        if pid != os.getpid():
            yield f"{pid}", name


def _leaks(place: Place) -> Iterator[tuple[str, str]]:
    yield from leaks.find(place.sought, layout=place.layout, private=place.private, opaque=place.marks.opaque)


def _folders(place: Place) -> Mapping[str, Sequence[Path]]:
    """Return where the files of each type lie; what lies elsewhere is a "folder"."""
    return {
        "secret": [place.layout.runtime, *_TMPFS],
        "backup": [place.layout.root / "backups"],
        "key": [place.private / "vault"],
        "state": [place.private / "engine"],
        "folder": [place.layout.root],
    }


def _kind_of(path: Path, folders: Mapping[str, Sequence[Path]]) -> str:
    """Return the type of the innermost folder that a path lies in."""
    around = [(len(top.parts), kind) for kind, tops in folders.items() for top in tops
              if path.is_relative_to(top)]  # fmt: skip
    return max(around)[1] if around else "folder"


def _files(kind: str) -> Callable[[Place], Iterator[tuple[str, str]]]:
    def find(place: Place) -> Iterator[tuple[str, str]]:
        folders = _folders(place)
        yield from ((str(path), "") for path in place.paths if _kind_of(path, folders) == kind)

    return find


def _plain(listing: Callable[[look.Marks], Iterator[object]]) -> Callable[[Place], Iterator[tuple[str, str]]]:
    def find(place: Place) -> Iterator[tuple[str, str]]:
        for one in listing(place.marks):
            yield str(one), ""

    return find


ASSET_TYPES: Mapping[str, AssetType] = {
    "process": AssetType(find=_processes, method=EraseMethod.CLEAR, covers=("Process", "Cluster", "Task")),
    "user": AssetType(find=_plain(look.accounts), method=EraseMethod.CLEAR, covers=("Account",)),
    "port": AssetType(find=_plain(look.ports), method=EraseMethod.CLEAR, covers=("Process", "Cluster")),
    "socket": AssetType(find=_plain(look.sockets), method=EraseMethod.CLEAR, covers=("Cluster",)),
    "mount": AssetType(find=_plain(look.mounts), method=EraseMethod.CLEAR, covers=("Volume",)),
    "unit": AssetType(find=_plain(look.units), method=EraseMethod.CLEAR),
    "cron": AssetType(find=_plain(look.cron_entries), method=EraseMethod.CLEAR),
    "rule": AssetType(find=rules.of, method=EraseMethod.CLEAR, covers=("Guard",)),
    "site": AssetType(find=sites.of, method=EraseMethod.CLEAR, covers=("Site",)),
    "secret": AssetType(
        find=_files("secret"),
        method=EraseMethod.PURGE,
        covers=("SecretFiles", "Folder"),
    ),
    "key": AssetType(find=_files("key"), method=EraseMethod.PURGE),
    "backup": AssetType(
        find=_files("backup"),
        method=EraseMethod.PURGE,
        covers=("Stanza", "Snapshots"),
    ),
    "state": AssetType(find=_files("state"), method=EraseMethod.PURGE),
    "folder": AssetType(
        find=_files("folder"),
        method=EraseMethod.PURGE,
        covers=("Folder", "DataFolder", "Volume", "Cluster", "Database", "Role", "Package", "Limits"),
    ),
    leaks.ASSET_TYPE: AssetType(find=_leaks, method=EraseMethod.CLEAR),
}


def inventory(place: Place) -> frozenset[Asset]:
    """Return every asset that is there now."""
    return frozenset(
        Asset(id=f"{name}:{found}", type=name, detail=detail)
        for name, kind in ASSET_TYPES.items()
        for found, detail in kind.find(place)
    )


def prove_absent(place: Place, known: frozenset[Asset]) -> Sequence[Evidence]:
    """Look again for every type; tell of each known asset and of each stray.

    A type that could not be looked at makes its assets unknown (None), never absent.
    """
    lines = leaks.lines_of(known)
    place = dataclasses.replace(place, sought=dataclasses.replace(place.sought, lines=lines))
    evidence: list[Evidence] = []
    for name, kind in ASSET_TYPES.items():
        now = datetime.now(UTC)
        mine = {asset for asset in known if asset.type == name}
        try:
            left = {f"{name}:{found}": detail for found, detail in kind.find(place)}
        except Exception as error:  # noqa: BLE001 - whatever it was: we could not look
            unseen = mine or {Asset(id=f"{name}:*", type=name)}
            why = f"could not look: {type(error).__name__}"
            evidence += [_told(asset, kind, None, why, now) for asset in unseen]
            continue
        gone = {asset for asset in mine if asset.id not in left}
        evidence += [
            _told(asset, kind, True, f"not among the {name} assets of this host", now) for asset in gone
        ]
        evidence += [
            _told(Asset(id=one, type=name, detail=detail), kind, False, "is still there " + detail, now)
            for one, detail in left.items()
        ]
        if not mine and not left:
            nothing = Asset(id=f"{name}:*", type=name)
            evidence.append(_told(nothing, kind, True, "none was known and none was found", now))
    return sorted(evidence, key=lambda one: (one.asset.type, one.asset.id))


def _told(
    asset: Asset,
    kind: AssetType,
    absent: bool | None,  # noqa: FBT001 - the answer itself
    text: str,
    at: datetime,
) -> Evidence:
    return Evidence(asset=asset, method=kind.method, absent=absent, evidence=text.strip(), at=at)
