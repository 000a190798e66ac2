"""What a test left on the machine: looked for by name, user id and path, reported, removed.

Processes (by user id, working folder, command line or environment), accounts
and groups, mounts, loop devices, tables of nftables, control groups, shared
memory, temporary files and systemd units. Only what carries the name of the run,
or a host id or user id of it, counts: other runs and the rest of the machine are
left alone.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tenantry.providers.host.layout import HostLayout
from tests.support.session import HostFolders, Session

__all__ = ["Leftover", "Scope", "find", "remove", "scope_of_host", "scope_of_session", "wait_until_none"]

_UNITS = (Path("/etc/systemd/system"), Path("/run/systemd/system"))
_SHARED_FOLDERS = (
    ("shared memory", "/dev/shm", "PostgreSQL.*"),
    ("temporary file", "/tmp", "*"),
    ("temporary file", "/var/tmp", "*"),
)
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What counts as ours."""

    marks: tuple[str, ...]  # parts of a path
    uids: range
    host_ids: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One thing that was left, and how to remove it."""

    kind: str
    name: str
    removal: Callable[[], object] = field(compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def scope_of_session(session: Session) -> Scope:
    """Everything that a whole run may have made."""
    roots = session.roots | _folders_under(session.folder, depth=5)
    return Scope(marks=(session.name,), uids=session.uids, host_ids=_host_ids(*roots))


def scope_of_host(host: HostFolders) -> Scope:
    """What one test may have made on the host that was lent to it."""
    return Scope(
        marks=(str(host.root), str(host.runtime)),
        uids=range(host.uid_base, host.uid_base + host.uid_count),
        host_ids=_host_ids(host.root),
    )


def find(scope: Scope) -> list[Leftover]:
    """Look over the machine once; in the order in which to remove what is found."""
    searches = (_units, _processes, _mounts, _loops, _accounts, _tables, _cgroups, _files)
    return [leftover for search in searches for leftover in search(scope)]


def wait_until_none(scope: Scope, *, seconds: float) -> list[Leftover]:
    """Look until nothing is left or the time is over; what ends by itself is no leftover."""
    deadline = time.monotonic() + seconds
    while left := find(scope):
        if time.monotonic() >= deadline:
            return left
        time.sleep(0.1)
    return []


def remove(leftovers: Sequence[Leftover]) -> None:
    """Remove what was found, as far as that works."""
    for leftover in leftovers:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            leftover.removal()


def _host_ids(*roots: Path) -> frozenset[str]:
    """Return the ids of hosts at a folder that was lent, or at "host" in it, as installations are."""
    tops = [top for root in roots for top in (root, root / "host")]
    return frozenset(HostLayout(root=top, runtime=top).host_id for top in tops)


def _folders_under(folder: Path, *, depth: int) -> frozenset[Path]:
    found: set[Path] = set()
    level = [folder]
    for _ in range(depth):
        level = [child for parent in level for child in _subfolders(parent)]
        found.update(level)
    return frozenset(found)


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _processes(scope: Scope) -> Iterator[Leftover]:
    spared = set(_ancestors())
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) not in spared:
            # A process may end while it is looked at, and a zombie has nothing to look at.
            with contextlib.suppress(OSError):
                yield from _process(entry, scope)


def _process(entry: Path, scope: Scope) -> Iterator[Leftover]:
    uid = entry.stat().st_uid
    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    # A zombie has no working folder: looking raises. A program that is just starting has no command yet.
    texts = [command, str((entry / "cwd").readlink())]
    texts.append((entry / "environ").read_bytes().decode(errors="replace"))
    if uid in scope.uids or any(mark in text for mark in scope.marks for text in texts):
        pid = int(entry.name)
        # The command alone: an environment may hold secrets.
        yield Leftover(
            kind="process",
            name=f"{pid} (user {uid}): {command[:160] or 'just started'}",
            removal=lambda: os.kill(pid, signal.SIGKILL),
        )


def _ancestors() -> Iterator[int]:
    pid = os.getpid()
    while pid > 0:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _mounts(scope: Scope) -> Iterator[Leftover]:
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4]
        if any(mark in line for mark in scope.marks):
            points.append(point)
    for point in sorted(points, key=len, reverse=True):
        yield Leftover(kind="mount", name=point, removal=_runner("umount", "--lazy", point))


def _loops(scope: Scope) -> Iterator[Leftover]:
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            image = backing.read_text().strip()
            if any(mark in image for mark in scope.marks):
                device = f"/dev/{backing.parts[3]}"
                yield Leftover(
                    kind="loop device",
                    name=f"{device} on {image}",
                    removal=_runner("losetup", "--detach", device),
                )


def _accounts(scope: Scope) -> Iterator[Leftover]:
    for account in pwd.getpwall():
        if account.pw_uid in scope.uids:
            name = account.pw_name
            yield Leftover(kind="user", name=f"{name} ({account.pw_uid})", removal=_runner("userdel", name))
    for group in grp.getgrall():
        if group.gr_gid in scope.uids:
            name = group.gr_name
            yield Leftover(kind="group", name=f"{name} ({group.gr_gid})", removal=_runner("groupdel", name))


def _tables(scope: Scope) -> Iterator[Leftover]:
    if os.geteuid() != 0 or not shutil.which("nft"):
        return
    listed = subprocess.run(["nft", "-j", "list", "tables"], capture_output=True, text=True, check=False)
    for item in json.loads(listed.stdout or "{}").get("nftables", []):
        table = item.get("table", {})
        name = table.get("name", "")
        if any(host_id in name for host_id in scope.host_ids):
            removal = _runner("nft", "delete", "table", table["family"], name)
            yield Leftover(kind="nftables table", name=f"{table['family']} {name}", removal=removal)


def _files(scope: Scope) -> Iterator[Leftover]:
    """Shared memory of database servers that were killed, and files where everybody puts temporary ones."""
    for kind, folder, pattern in _SHARED_FOLDERS:
        for path in Path(folder).glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_uid in scope.uids and path.is_file():
                    yield Leftover(kind=kind, name=str(path), removal=path.unlink)


def _cgroups(scope: Scope) -> Iterator[Leftover]:
    groups = [*_CGROUPS.glob("*tenantry*/"), *_CGROUPS.glob("*/*tenantry*/")]
    for group in groups:
        if any(host_id in group.name for host_id in scope.host_ids):
            yield Leftover(kind="control group", name=str(group), removal=partial(_rmdirs, group))


def _rmdirs(top: Path) -> None:
    for child in _subfolders(top):
        _rmdirs(child)
    top.rmdir()


def _units(scope: Scope) -> Iterator[Leftover]:
    for folder in _UNITS:
        for unit in folder.glob("*tenantry*"):
            if any(host_id in unit.name for host_id in scope.host_ids):
                yield Leftover(kind="systemd unit", name=str(unit), removal=unit.unlink)


def _runner(*argv: str) -> Callable[[], object]:
    return lambda: subprocess.run(argv, capture_output=True, check=False, timeout=30)
