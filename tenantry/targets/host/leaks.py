"""Client data and secrets of one instance in the logs of its host.

A log that never should have held them may: a command line that was logged, a
traceback, a file that somebody kept. So before the keys are destroyed the logs
are searched for the instance's secrets, and for the client's name, contact and
host name. What was found is known from then on by the digest of its whole line:
when the secrets are gone, the line can still be told.

Searched are, as far as they changed since the instance was made:

- ``/var/log``, packed files (``.gz``) too;
- the logs of the host's supervisor and proxy;
- the workspace's own files, but for register, vault and what carries the instance's opaque name;
- the files that lie in ``/tmp`` and ``/var/tmp`` themselves, up to 1 MiB, for secrets alone:
  what else lies there names clients for reasons of its own.

Of each file the first 64 MiB are read. The instance's own logs are not
searched: they go with it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tenantry.model.status import Asset
from tenantry.providers.host.layout import HostLayout

__all__ = ["ASSET_TYPE", "Sought", "find", "lines_of", "needles"]

ASSET_TYPE = "log"

_MOST_BYTES = 64 * 1024 * 1024  # of a file that are searched
_MOST_TEMPORARY_BYTES = 1024 * 1024  # a longer file in /tmp is no log
_MOST_LINES = 100  # of a file that are told one by one
_MORE = "more"  # in place of a digest: there are more lines than that
_DIGEST = 16  # hexadecimal digits: enough to tell one line of a file from the others
_SHORTEST_SECRET = 12  # characters; a shorter one would be found everywhere
_SHORTEST_NAME = 6
_SHORTEST_KEY_LINE = 32  # of a key in PEM: each line of it is as secret as the whole
_PUBLIC = (".certificate",)
_LOGS = Path("/var/log")
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - looked into, never written to
_NOT_OURS = ("register.db", "vault", "plugins")  # the system of record, the vault, and programs of the engine


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What is looked for in logs. Never shown: it holds secrets."""

    secrets: frozenset[bytes] = field(default=frozenset(), repr=False)
    names: frozenset[bytes] = frozenset()
    lines: Mapping[Path, frozenset[str]] = field(default_factory=dict)  # digests of lines found before
    since: float = 0.0  # POSIX time at which the instance was made


def needles(secrets: Mapping[str, str], names: Iterable[str]) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Return what to search for: parts of secrets, and names, each long enough to mean something."""
    parts = {part for name, value in secrets.items() if not name.endswith(_PUBLIC) for part in _parts(value)}
    return (
        frozenset(part.encode() for part in parts),
        frozenset(name.encode() for name in names if len(name) >= _SHORTEST_NAME),
    )


def lines_of(assets: Iterable[Asset]) -> Mapping[Path, frozenset[str]]:
    """Return the digests of the lines that these assets are, by file."""
    found: dict[Path, frozenset[str]] = {}
    for asset in assets:
        if asset.type == ASSET_TYPE:
            path, _, digest = asset.id.removeprefix(f"{ASSET_TYPE}:").rpartition("#")
            found[Path(path)] = found.get(Path(path), frozenset()) | {digest}
    return found


def find(sought: Sought, *, layout: HostLayout, private: Path, opaque: str) -> Iterator[tuple[str, str]]:
    """Yield path#digest of each line that holds what is sought, and what it is of the two."""
    for path in sorted({*_logs(layout, private, opaque, since=sought.since), *sought.lines}):
        yield from _hits(path, sought, sought.secrets | sought.names)
    for path in _temporary(sought.since):
        if path not in sought.lines:
            yield from _hits(path, sought, sought.secrets)


def _parts(value: str) -> Iterator[str]:
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) == 1:
        if len(lines[0]) >= _SHORTEST_SECRET:
            yield lines[0]
        return
    yield from (line for line in lines if len(line) >= _SHORTEST_KEY_LINE and not line.startswith("-----"))


def _hits(path: Path, sought: Sought, wanted: frozenset[bytes]) -> Iterator[tuple[str, str]]:
    known = sought.lines.get(path, frozenset())
    data = _read(path)
    here = [needle for needle in wanted if needle in data]
    if _MORE in known and data:
        yield f"{path}#{_MORE}", "it held more such lines than could be told: it must go as a whole"
    if not here and not known:
        return
    found: dict[str, str] = {}
    for line in data.splitlines():
        digest = hashlib.sha256(line).hexdigest()[:_DIGEST]
        if any(needle in line for needle in here) or digest in known:
            found.setdefault(digest, _what(line, sought))
    for digest in list(found)[:_MOST_LINES]:
        yield f"{path}#{digest}", found[digest]
    if len(found) > _MOST_LINES and _MORE not in known:
        yield f"{path}#{_MORE}", "more such lines"


def _what(line: bytes, sought: Sought) -> str:
    if any(secret in line for secret in sought.secrets):
        return "a line with a secret of the instance"
    if any(name in line for name in sought.names):
        return "a line with the client's name, contact or host name"
    return "a line that was found before the keys were destroyed"


def _logs(layout: HostLayout, private: Path, opaque: str, *, since: float) -> Iterator[Path]:
    own = [layout.runtime / "supervisor.log"]
    for folder in (_LOGS, layout.proxy_state / "logs", private):
        for top, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in _NOT_OURS and opaque not in name]
            own += [
                Path(top, name) for name in names if opaque not in name and not name.startswith(_NOT_OURS)
            ]
    yield from (path for path in own if _size(path, since=since))


def _temporary(since: float) -> Iterator[Path]:
    for folder in _TEMPORARY:
        with suppress(OSError):
            for path in sorted(folder.iterdir()):
                if 0 < _size(path, since=since) <= _MOST_TEMPORARY_BYTES:
                    yield path


def _size(path: Path, *, since: float) -> int:
    """Return the bytes of a plain file that changed since; 0 of anything else."""
    with suppress(OSError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_mtime >= since:
            return found.st_size
    return 0


def _read(path: Path) -> bytes:
    """Return what a log holds, unpacked; nothing when it is gone, or no plain file.

    Nor of one that only root may read, when we are not: ``residues`` tells of these.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return b""
        if path.suffix == ".gz":
            with suppress(gzip.BadGzipFile, EOFError, zlib.error), gzip.open(path) as packed:
                return packed.read(_MOST_BYTES)
        with path.open("rb") as plain:
            return plain.read(_MOST_BYTES)
    except (FileNotFoundError, PermissionError):
        return b""
