"""Looking over a whole Linux host for whatever belongs to one instance.

None of this asks the engine, its state, or the code that made things: it reads
/proc, /sys, account files and folders, so that it finds what nobody recorded.
What it looks for is the instance's opaque name and its numeric user.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Marks",
    "accounts",
    "cron_entries",
    "files_below",
    "listeners",
    "mounts",
    "paths",
    "ports",
    "processes",
    "sockets",
    "units",
]

_ROOTS = ("/etc", "/opt", "/run", "/srv", "/tmp", "/usr/local", "/var", "/dev/shm", "/sys/fs/cgroup")  # noqa: S108
# The instance's user cannot write below these, a person with a dump can: not all of their caches.
_PEOPLE = ("/root", "/home")
_PEOPLE_DEPTH = 4
_UNIT_FOLDERS = ("/etc/systemd", "/run/systemd/system", "/usr/local/lib/systemd", "/usr/lib/systemd/system")
_CRON_FOLDERS = ("/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
                 "/etc/cron.monthly", "/var/spool/cron", "/var/spool/at")  # fmt: skip
_ACCOUNT_FILES = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
_NUMBERED = ("/etc/passwd", "/etc/group")  # the third field is the number of the account
_LISTEN = "0A"
_LARGEST_TEXT = 1024 * 1024  # bytes of a unit or cron file that is read


@dataclass(frozen=True, kw_only=True)
class Marks:
    """By what an instance's things are known on its host."""

    opaque: str
    uid: int | None
    ports: frozenset[int] = frozenset()


def processes(marks: Marks) -> Iterator[tuple[int, str]]:
    """Yield pid and name of each living process of the user, or with the name in its arguments."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            status = dict(
                line.split(":", 1) for line in (entry / "status").read_text().splitlines() if ":" in line
            )
            if status["State"].strip().startswith(("Z", "X")):
                continue
            owners = {int(one) for one in status["Uid"].split()}
            arguments = (entry / "cmdline").read_bytes()
            if (marks.uid is not None and marks.uid in owners) or marks.opaque.encode() in arguments:
                yield int(entry.name), status["Name"].strip()


def accounts(marks: Marks) -> Iterator[str]:
    """Yield each account file that has an entry of the name or the number."""
    for name in _ACCOUNT_FILES:
        with suppress(OSError):
            for line in Path(name).read_text(errors="replace").splitlines():
                fields = line.split(":")
                numbered = name in _NUMBERED and marks.uid is not None
                if fields[0] == marks.opaque or (numbered and fields[2:3] == [str(marks.uid)]):
                    yield name
                    break


def paths(marks: Marks, *, beside: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield each outermost file or folder that is the user's or has the name in its own.

    Args:
        marks: of the instance.
        beside: further places to look in, beside the folders of a Linux system.
    """
    of_user = ["-uid", str(marks.uid), "-o"] if marks.uid is not None else []
    test = ["-xdev", "(", *of_user, "-name", f"*{marks.opaque}*", ")", "-prune", "-print0"]
    searches = []
    for places, depth in (((*_ROOTS, *map(str, beside)), []), (_PEOPLE, ["-maxdepth", str(_PEOPLE_DEPTH)])):
        if there := [place for place in places if Path(place).exists()]:
            argv = ["find", *there, *depth, *test]
            searches.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
    found: set[Path] = set()
    for search in searches:
        with search:
            out, _ = search.communicate()
        found |= {Path(os.fsdecode(one)) for one in out.split(b"\0") if one}
    yield from sorted(found)


def sockets(marks: Marks) -> Iterator[str]:
    """Yield the path of each Unix socket with the name in it."""
    for line in Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]:
        place = line.split(" ")[-1]
        if marks.opaque in place:
            yield place


def ports(marks: Marks) -> Iterator[int]:
    """Yield each listening TCP port that is the instance's or is held by its user."""
    mine = {port for port, uid in _listening() if port in marks.ports or uid == marks.uid}
    yield from sorted(mine)


def listeners(port: int) -> frozenset[int]:
    """Return the users of the sockets that listen on a TCP port, at whatever address."""
    return frozenset(uid for found, uid in _listening() if found == port)


def _listening() -> Iterator[tuple[int, int]]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(FileNotFoundError):  # a kernel without IPv6
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN:
                    yield int(fields[1].rsplit(":", 1)[1], 16), int(fields[7])


def mounts(marks: Marks) -> Iterator[str]:
    """Yield each mount point, and each loop device, with the name in it."""
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        if marks.opaque in line:
            yield line.split(" ")[4]
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            if marks.opaque in backing.read_text(errors="replace"):
                yield f"/dev/{backing.parts[3]}"


def units(marks: Marks) -> Iterator[str]:
    """Yield each systemd unit file whose name or text has the name."""
    yield from _texts(_UNIT_FOLDERS, marks)


def cron_entries(marks: Marks) -> Iterator[str]:
    """Yield each cron or at file whose name or text has the name."""
    yield from _texts(_CRON_FOLDERS, marks)


def _texts(places: Sequence[str], marks: Marks) -> Iterator[str]:
    for place in map(Path, places):
        for file in [place] if place.is_file() else sorted(files_below(place)):
            with suppress(OSError):
                if marks.opaque in file.name or (file.is_file() and _mentions(file, marks.opaque)):
                    yield str(file)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder and in those below it; what vanishes meanwhile or is closed to us is not."""
    for top, folders, names in os.walk(folder):
        yield from (Path(top, name) for name in (*folders, *names))


def _mentions(file: Path, text: str) -> bool:
    with file.open("rb") as opened:
        return text.encode() in opened.read(_LARGEST_TEXT)
