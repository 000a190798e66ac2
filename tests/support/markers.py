"""Searching the files in use for planted texts: in names, in plain, packed and in base64.

Free blocks are not searched: a disk that others write to at the same time gives
no answer that could be repeated.
"""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["forms", "search"]

_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_MOST_UNPACKED = 64 * 1024 * 1024  # bytes of one stream


def forms(text: str) -> frozenset[bytes]:
    """Return the text as it may stand in a file: plain, UTF-16, and in base64 at each alignment."""
    plain = text.encode()
    found = {plain, text.encode("utf-16-le")}
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + plain)
        # What depends on the neighbours is cut off at both ends.
        core = encoded[-(-shift * 8 // 6) : (shift + len(plain)) * 8 // 6]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)


def search(areas: Iterable[Path], texts: Sequence[str]) -> set[tuple[str, Path]]:
    """Return each text with each file that has it in its name or its content, as far as areas go."""
    wanted = {text: forms(text) for text in texts}
    found: set[tuple[str, Path]] = set()
    for path in _files(areas):
        found |= {(text, path) for text in texts if text in path.name}
        with suppress(FileNotFoundError):
            for data in _contents(path):
                found |= {(text, path) for text, parts in wanted.items() if any(one in data for one in parts)}
    return found


def _files(areas: Iterable[Path]) -> Iterator[Path]:
    for area in areas:
        for top, folders, names in os.walk(area):
            yield from (Path(top, name) for name in (*folders, *names))


def _contents(path: Path) -> Iterator[bytes]:
    """Yield what a file holds, and what each packed stream in it holds."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return
    data = _used(path)
    yield data
    for start in _starts(data, _GZIP):
        with suppress(zlib.error):
            yield zlib.decompressobj(31).decompress(data[start:], _MOST_UNPACKED)
    for start in _starts(data, _ZSTD):
        unpacked = subprocess.run(["zstd", "-dcq"], input=data[start:], capture_output=True, check=False)
        yield unpacked.stdout[:_MOST_UNPACKED]


def _used(path: Path) -> bytes:
    """Return the parts of a file that are not holes: an image is mostly hole."""
    parts = []
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        at = 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but hole from here on
                break
            hole = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            parts.append(os.pread(file.fileno(), hole - at, at))
            at = hole
    return b"".join(parts)


def _starts(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)
