"""What is kept of an erased instance: told with its date, never hidden.

The opaque name stays in the copies that the account tools make of their files
and in the host's logs. It says nothing about a client, and it goes when the
host's own retention ends it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tenantry.model.status import Residue
from tenantry.providers.host.layout import HostLayout
from tenantry.targets import kept_files
from tenantry.targets.host.look import files_below

__all__ = ["residues"]

_COPIES = ("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-")
_HOST_LOGS = Path("/var/log")
_LARGEST = 64 * 1024 * 1024  # bytes of a log that are searched


def residues(opaque: str, *, layout: HostLayout) -> Sequence[Residue]:
    """Return each account copy and log of the host that has the opaque name."""
    copies = "the opaque name, in the copy of an account file: until the next change of an account"
    logs = "the opaque name, in a log of the host: until the log is rotated away"
    found = _naming(map(Path, _COPIES), opaque, what=copies)
    found += _naming(_logs(layout), opaque, what=logs)
    found += _unread(_logs(layout))
    return found


def _logs(layout: HostLayout) -> Iterator[Path]:
    yield layout.runtime / "supervisor.log"
    for folder in (_HOST_LOGS, layout.proxy_state / "logs"):
        yield from (path for path in sorted(files_below(folder)) if path.is_file() and not path.is_symlink())


def _unread(logs: Iterable[Path]) -> Iterator[Residue]:
    """Tell of logs that only root may read, when we are not: nobody looked for anything in them."""
    with suppress(OSError):
        closed = [path for path in logs if path.is_file() and not os.access(path, os.R_OK)]
        if closed:
            what = f"{len(closed)} logs that only root may read, not searched for secrets and names"
            yield Residue(where=str(_HOST_LOGS), what=what, since=max(map(kept_files.changed, closed)))


def _naming(paths: Iterable[Path], opaque: str, *, what: str) -> list[Residue]:
    found = []
    for path in paths:
        with suppress(OSError), path.open("rb") as opened:
            if opaque.encode() in opened.read(_LARGEST):
                found.append(kept_files.of_file(path, what))
    return found
