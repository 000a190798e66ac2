"""Lines of /etc/hosts: how clients of the sandbox find its names.

Each line ends in a mark with the sandbox's id, so that one sandbox never takes
another one's, nor somebody else's.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["HostsFile"]

_LOCK = Path("/run/lock/tenantry-hosts.lock")


class HostsFile:
    """The lines of one sandbox."""

    def __init__(self, identity: str, *, file: Path = Path("/etc/hosts"), lock: Path = _LOCK) -> None:
        self._mark = f"# tenantry-sandbox {identity}"
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
            kept = [line for line in text.splitlines() if not line.rstrip().endswith(self._mark)]
            ours = [f"{address}\t{name}\t{self._mark}" for name, address in names.items()]
            new = "\n".join([*kept, *ours]) + "\n"
            if new == text:
                return
            try:
                self._put_in_place(new)
            except OSError:  # it is often bind-mounted in a container, and cannot be renamed over
                with self._file.open("r+", encoding="utf-8") as opened:
                    opened.write(new)
                    opened.truncate()

    def _put_in_place(self, text: str) -> None:
        """Put a new file in the place of the old one: who reads meanwhile finds each name in either."""
        was = self._file.stat()
        made = self._file.with_name(f".{self._file.name}.tenantry")
        try:
            made.write_text(text, encoding="utf-8")
            os.chown(made, was.st_uid, was.st_gid)
            made.chmod(stat.S_IMODE(was.st_mode))
            made.replace(self._file)
        finally:
            made.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._lock if self._lock.parent.is_dir() else Path("/tmp") / self._lock.name  # noqa: S108
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
