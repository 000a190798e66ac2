"""Lists of blobs and containers: Azurite's, with what is kept put in where it belongs."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

from tenantry.sandbox.parts.notes import moment
from tenantry.sandbox.planes.blob_index import SNAPSHOT, VERSION, Kept, KeptContainer
from tenantry.sandbox.planes.blob_store import HIDDEN, Store
from tenantry.sandbox.planes.blob_wire import Answer

__all__ = ["entries", "list_blobs", "list_containers"]

_MOST = 5000
_LAST = "\ufffd"  # comes after every other character
_OURS = frozenset({"deleted", "versions", "deletedwithversions"})
_DAY = timedelta(days=1)


def entries(content: bytes) -> tuple[list[ET.Element], str]:
    """Return the blobs of a list that Azurite answered, and its marker."""
    root = ET.fromstring(content)  # noqa: S314 - our own process wrote it
    return root.findall("Blobs/Blob"), root.findtext("NextMarker") or ""


def includes(query: Mapping[str, str]) -> set[str]:
    """Return what a list is to include."""
    return {one.strip().lower() for one in query.get("include", "").split(",") if one.strip()}


def wants_kept(query: Mapping[str, str]) -> bool:
    """Say whether a list is one that Azurite cannot answer alone."""
    return bool(includes(query) & _OURS) or "snapshots" in includes(query)


def list_blobs(store: Store, container: str, query: Mapping[str, str], now: datetime) -> Answer:
    """Answer a list with deleted ones, versions or snapshots."""
    wanted = includes(query)
    most = min(int(query.get("maxresults") or _MOST), _MOST)
    marker, prefix, delimiter = (query.get(name, "") for name in ("marker", "prefix", "delimiter"))
    asked = {**query, "include": ",".join(sorted(wanted - _OURS)), "maxresults": str(most)}
    answer = _ask(store, container, {name: value for name, value in asked.items() if value})
    if not answer.good:
        return answer
    root = ET.fromstring(answer.whole())  # noqa: S314 - our own process wrote it
    blobs = root.find("Blobs")
    assert blobs is not None
    end = root.findtext("NextMarker") or ""
    rows = [
        one
        for one in store.index.of_container(container)
        if _is_wanted(one, wanted)
        and one.name.startswith(prefix)
        and marker < one.name
        and (not end or one.name <= end)
    ]
    found = [(_name(one), _stamp(one), one) for one in blobs]
    if "versions" in wanted:
        _mark_present(found, store.index.versions(container))
    found += _rows(store, container, rows, now, prefix=prefix, delimiter=delimiter, known=found)
    found.sort(key=lambda one: one[:2])
    page, rest = _page(found, most)
    if rest:
        end = page[-1][0] + (_LAST if page[-1][2].tag == "BlobPrefix" else "")
    blobs.clear()
    blobs.extend(one for _, _, one in page)
    _set(root, "NextMarker", end)
    answer.content = _written(root)
    return answer


def list_containers(store: Store, query: Mapping[str, str], now: datetime, answer: Answer) -> Answer:
    """Take the hidden container out of a list, and put deleted ones in where they are asked for."""
    root = ET.fromstring(answer.whole())  # noqa: S314 - our own process wrote it
    containers = root.find("Containers")
    assert containers is not None
    for one in list(containers):
        if one.findtext("Name") == HIDDEN:
            containers.remove(one)
    if "deleted" in includes(query) and not root.findtext("NextMarker"):
        prefix, marker = query.get("prefix", ""), query.get("marker", "")
        for kept in store.index.containers():
            if kept.name.startswith(prefix) and kept.name > marker:
                containers.append(_deleted_container(kept, now))
        containers[:] = sorted(containers, key=lambda one: one.findtext("Name") or "")
    answer.content = _written(root)
    return answer


def _ask(store: Store, container: str, query: Mapping[str, str]) -> Answer:
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return store.ask("GET", f"/{quote(container)}", text)


def _is_wanted(one: Kept, wanted: set[str]) -> bool:
    needed = {VERSION: {"versions"}, SNAPSHOT: {"snapshots"}}.get(one.what, set())
    return needed | ({"deleted"} if one.deleted else set()) <= wanted


def _mark_present(found: list[tuple[str, str, ET.Element]], versions: Mapping[str, str]) -> None:
    for name, stamp, one in found:
        if not stamp.strip(_LAST) and name in versions:
            _set(one, "VersionId", versions[name])
            _set(one, "IsCurrentVersion", "true")


def _rows(
    store: Store,
    container: str,
    rows: Iterable[Kept],
    now: datetime,
    *,
    prefix: str,
    delimiter: str,
    known: list[tuple[str, str, ET.Element]],
) -> list[tuple[str, str, ET.Element]]:
    """Return the elements of what is kept; names below a delimiter become one prefix."""
    folders = {name for name, _, one in known if one.tag == "BlobPrefix"}
    found: list[tuple[str, str, ET.Element]] = []
    told: dict[str, ET.Element] = {}
    for one in rows:
        head, cut, _ = one.name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if cut:
            folder = prefix + head + delimiter
            if folder not in folders:
                folders.add(folder)
                element = ET.Element("BlobPrefix")
                _set(element, "Name", folder)
                found.append((folder, "", element))
            continue
        told = told or _copies(store, container)
        if one.place in told:
            found.append((one.name, one.stamp or _LAST, _element(told[one.place], one, now)))
    return found


def _copies(store: Store, container: str) -> dict[str, ET.Element]:
    """Return what Azurite tells of the copies that are kept of a container's blobs."""
    found: dict[str, ET.Element] = {}
    marker = ""
    while True:
        query = {"restype": "container", "comp": "list", "include": "metadata", "prefix": f"{container}/"}
        blobs, marker = entries(
            _ask(store, HIDDEN, {**query, **({"marker": marker} if marker else {})}).whole()
        )
        found |= {one.findtext("Name") or "": one for one in blobs}
        if not marker:
            return found


def _element(copy: ET.Element, kept: Kept, now: datetime) -> ET.Element:
    _set(copy, "Name", kept.name)
    if kept.what == VERSION:
        _set(copy, "VersionId", kept.stamp)
    if kept.what == SNAPSHOT:
        _set(copy, "Snapshot", kept.stamp)
    properties = copy.find("Properties")
    assert properties is not None
    for one in list(properties):
        if one.tag.startswith("Copy"):
            properties.remove(one)
    _set(properties, "Last-Modified", kept.modified)
    if kept.deleted:
        _set(copy, "Deleted", "true")
        _tell_dates(properties, kept.deleted, (moment(kept.until) - now) // _DAY)  # whole days that are left
    return copy


def _deleted_container(kept: KeptContainer, now: datetime) -> ET.Element:
    found = ET.Element("Container")
    for name, value in (("Name", kept.name), ("Deleted", "true"), ("Version", kept.version)):
        _set(found, name, value)
    properties = ET.SubElement(found, "Properties")
    _set(properties, "Last-Modified", format_datetime(moment(kept.deleted), usegmt=True))
    _set(properties, "Etag", f'"{kept.version}"')
    _tell_dates(properties, kept.deleted, math.ceil((moment(kept.until) - now) / _DAY))
    return found


def _tell_dates(properties: ET.Element, deleted: str, days: int) -> None:
    _set(properties, "DeletedTime", format_datetime(moment(deleted), usegmt=True))
    _set(properties, "RemainingRetentionDays", str(max(0, days)))


def _page(
    found: list[tuple[str, str, ET.Element]], most: int
) -> tuple[list[tuple[str, str, ET.Element]], bool]:
    """Return the first page; all entries of one name stay together."""
    end = most
    while 0 < end < len(found) and found[end][0] == found[end - 1][0]:
        end += 1
    return found[:end], end < len(found)


def _name(one: ET.Element) -> str:
    return one.findtext("Name") or ""


def _stamp(one: ET.Element) -> str:
    """Return what entries of one name are sorted by: the present one comes last."""
    return one.findtext("Snapshot") or _LAST


def _set(parent: ET.Element, name: str, value: str) -> None:
    found = parent.find(name)
    if found is None:
        found = ET.SubElement(parent, name)
    found.text = value


def _written(root: ET.Element) -> bytes:
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
