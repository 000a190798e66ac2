"""Takes the bytes of deleted blobs out of Azurite's files, which it only appends to.

Azurite puts blobs one behind the other into files ("extents") and deletes such a
file when no blob in it is left and its collector comes by. Here, while it does
not run, everything that no blob refers to any more is overwritten with zeros.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["overwrite_unreferenced"]

_INDEX = "__azurite_db_blob__.json"
_EXTENTS = "__blobstorage__"
_BLOCK = bytes(1024 * 1024)


def overwrite_unreferenced(folder: Path) -> int:
    """Overwrite what belongs to no blob; return how many bytes. Azurite must not run."""
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    used: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for place in _places(index):
        used[str(place["id"])].append((int(place["offset"]), int(place["offset"]) + int(place["count"])))
    total = 0
    for file in sorted((folder / _EXTENTS).glob("*")):
        total += _overwrite(file, used.get(file.name, []))
        if file.name not in used:
            file.unlink()
    return total


def _places(index: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the pieces of files that blobs, snapshots and blocks that wait to be committed lie in."""
    for collection in index.get("collections") or []:
        for record in collection.get("data") or []:
            for one in (record, *_parts(record)):
                place = one.get("persistency")
                if isinstance(place, dict) and "offset" in place:
                    yield place


def _parts(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("committedBlocksInOrder", "pageRangesInOrder"):
        yield from record.get(name) or []


def _overwrite(file: Path, used: list[tuple[int, int]]) -> int:
    """Overwrite the gaps between what is used."""
    total = at = 0
    with file.open("r+b") as opened:
        for start, end in [*sorted(used), (file.stat().st_size, 0)]:
            if start > at:
                opened.seek(at)
                left = start - at
                while left > 0:
                    left -= opened.write(_BLOCK[:left])
                total += start - at
            at = max(at, end)
    return total
