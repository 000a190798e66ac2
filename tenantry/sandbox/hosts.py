"""Lines of /etc/hosts: how clients of the sandbox find its names.

Each line ends in a mark with the sandbox's id, so that one sandbox never takes
another one's, nor somebody else's.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["HostsFile"]

_MARK = "# tenantry-sandbox "
_ROOM = "# tenantry-room "  # what a line begins with whose sandbox is gone, as long as it was
_LOCK = Path("/run/lock/tenantry-hosts.lock")


class HostsFile:
    """The lines of one sandbox."""

    def __init__(self, identity: str, *, file: Path = Path("/etc/hosts"), lock: Path = _LOCK) -> None:
        self._mark = f"{_MARK}{identity}"
        self._file = file
        self._lock = lock

    @property
    def writable(self) -> bool:
        """Whether we may write there: only root may."""
        return os.access(self._file, os.W_OK)

    def replace(self, names: Mapping[str, str]) -> None:
        """Make the lines exactly these: address by name. Where we may not write, nothing is done."""
        if not self.writable:
            return
        with self._locked():
            text = self._file.read_text(encoding="utf-8")
            new = self._changed(text, [f"{address}\t{name}\t{self._mark}" for name, address in names.items()])
            if new == text:
                return
            # In its place, not a new file: as a mount point somewhere else it would come loose there.
            with self._file.open("r+", encoding="utf-8") as opened:
                opened.write(new)
                opened.truncate()

    def _changed(self, text: str, ours: list[str]) -> str:
        """Return the text with our lines, no other sandbox's line moved: who reads meanwhile finds each."""
        lines = [_room(one) if one.rstrip().endswith(self._mark) else one for one in text.splitlines()]
        if not any(_MARK in line for line in lines):
            lines = [line for line in lines if not _is_room(line)]
        for line in ours:
            if (room := _room(line)) in lines:
                lines[lines.index(room)] = line
            else:
                lines.append(line)
        return "\n".join(lines) + "\n"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._lock if self._lock.parent.is_dir() else Path("/tmp") / self._lock.name  # noqa: S108
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _room(line: str) -> str:
    return _ROOM.ljust(len(line.encode()), "-")


def _is_room(line: str) -> bool:
    return line.startswith(_ROOM)
