"""Access that one further user has to a folder: POSIX access control lists.

The proxy serves an instance's public folders as a user of its own. It gets
just that: passing through the folders above, reading in the folder itself. A
default list makes what the workload writes later readable too, whatever its
umask. The lists are written as the kernel keeps them (acl(5), xattr version 2),
so no further program is needed.

The folders belong to the instance's user, who could put a link in the way:
everything is opened step by step, links are never followed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tenantry.providers.host.executor import Executor

__all__ = ["grant", "granted", "mode_without_grants", "revoke"]

_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY = 0xFFFFFFFF
_READ, _PASS = 5, 1
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def granted(path: Path, uid: int) -> int:
    """Return what a user may do with a path by a list of its own: 4 read, 1 pass; 0 without one."""
    entries = _read(path, _ACCESS)
    return entries.get((_USER, uid), 0) & entries.get((_MASK, _NOBODY), 7)


def mode_without_grants(path: Path, mode: int) -> int:
    """Return the permission bits as they are without lists: the group's own instead of the mask."""
    entries = _read(path, _ACCESS)
    bits = stat.S_IMODE(mode)
    if (_GROUP, _NOBODY) not in entries:
        return bits
    return (bits & ~0o070) | (entries[_GROUP, _NOBODY] << 3)


def grant(executor: Executor, folder: Path, *, uid: int, below: Path) -> None:
    """Let a user read a folder and what will be in it, and pass through those from ``below`` on.

    Args:
        executor: through which the machine is changed.
        folder: the folder that may be read, with everything in it.
        uid: who may.
        below: the first folder that must be passed, at or above ``folder``.
    """

    def readable(descriptor: int) -> None:
        _add(descriptor, _ACCESS, uid, _READ)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            _add(descriptor, _DEFAULT, uid, _READ)

    with executor.effect(f"grant {folder.name}"), _chain(below, folder) as chain:
        for descriptor in chain[:-1]:
            _add(descriptor, _ACCESS, uid, _PASS)
        _walk(chain[-1], readable)


def revoke(executor: Executor, folder: Path, *, uid: int, below: Path) -> None:
    """Take away what ``grant`` gave; folders that are gone are passed over."""

    def private(descriptor: int) -> None:
        for which in (_ACCESS, _DEFAULT):
            _drop(descriptor, which, uid)

    gone = contextlib.suppress(FileNotFoundError)
    with executor.effect(f"revoke {folder.name}"), gone, _chain(below, folder) as chain:
        _walk(chain[-1], private)
        for descriptor in chain[:-1]:
            private(descriptor)


@contextlib.contextmanager
def _chain(first: Path, last: Path) -> Iterator[list[int]]:
    """Open the folders from first down to last, each within the one before."""
    with contextlib.ExitStack() as stack:
        chain = [os.open(first, _DIRECTORY)]
        stack.callback(os.close, chain[0])
        for part in last.relative_to(first).parts:
            chain.append(os.open(part, _DIRECTORY, dir_fd=chain[-1]))
            stack.callback(os.close, chain[-1])
        yield chain


def _walk(top: int, act: Callable[[int], None]) -> None:
    """Act on a folder and on every folder and file below it; links and sockets are passed over."""
    for _, _, names, descriptor in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        act(descriptor)
        for name in names:
            with contextlib.suppress(OSError):  # a link, or gone meanwhile
                file = os.open(name, _FILE, dir_fd=descriptor)
                try:
                    act(file)
                finally:
                    os.close(file)


_Entries = dict[tuple[int, int], int]  # (tag, id) to permissions


def _read(path: Path | int, which: str) -> _Entries:
    try:
        data = os.getxattr(path, which)
    except OSError:
        return {}
    return {(tag, owner): bits for tag, bits, owner in struct.iter_unpack("<HHI", data[4:])}


def _write(descriptor: int, which: str, entries: Mapping[tuple[int, int], int]) -> None:
    body = b"".join(struct.pack("<HHI", tag, entries[tag, owner], owner) for tag, owner in sorted(entries))
    os.setxattr(descriptor, which, struct.pack("<I", 2) + body)


def _add(descriptor: int, which: str, uid: int, bits: int) -> None:
    entries = _read(descriptor, which)
    if not entries:
        mode = os.fstat(descriptor).st_mode
        entries = {
            (_OWNER, _NOBODY): mode >> 6 & 7,
            (_GROUP, _NOBODY): mode >> 3 & 7,
            (_OTHER, _NOBODY): mode & 7,
        }
    entries[_USER, uid] = entries.get((_USER, uid), 0) | bits
    mask = entries.get((_MASK, _NOBODY), entries[_GROUP, _NOBODY])
    entries[_MASK, _NOBODY] = mask | entries[_USER, uid]
    _write(descriptor, which, entries)


def _drop(descriptor: int, which: str, uid: int) -> None:
    entries = _read(descriptor, which)
    if entries.pop((_USER, uid), None) is None:
        return
    if any(tag == _USER for tag, _ in entries):
        _write(descriptor, which, entries)
        return
    os.removexattr(descriptor, which)
    if which == _ACCESS:
        os.fchmod(descriptor, _mode_of(entries))


def _mode_of(entries: Mapping[tuple[int, int], int]) -> int:
    return entries[_OWNER, _NOBODY] << 6 | entries[_GROUP, _NOBODY] << 3 | entries[_OTHER, _NOBODY]
