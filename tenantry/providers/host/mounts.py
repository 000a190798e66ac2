"""Looking at mounts and loop devices. Nothing is changed here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = [
    "below",
    "devices_of",
    "holders_elsewhere",
    "is_mounted",
    "is_mounted_from",
    "loop_of",
    "mapped",
]


def _table(pid: str = "self") -> Iterator[tuple[Path, str]]:
    """Return place and source of each mount that a process sees."""
    with contextlib.suppress(OSError):
        for line in Path("/proc", pid, "mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            yield Path(_plain(before.split()[4])), _plain(after.split()[1])


def _plain(text: str) -> str:
    """Undo the octal escapes of the kernel's tables."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def is_mounted(place: Path) -> bool:
    """Say whether something is mounted there."""
    return any(found == place for found, _ in _table())


def is_mounted_from(place: Path, image: Path) -> bool:
    """Say whether (a part of) an image is what is seen there."""
    sources = [source for found, source in _table() if found == place]
    return bool(sources) and sources[-1] in map(str, devices_of(image))


def below(folder: Path) -> Sequence[Path]:
    """Return the places at or below a folder where something is mounted."""
    return [place for place, _ in _table() if place == folder or folder in place.parents]


def loop_of(image: Path) -> Path | None:
    """Return the loop device that an image is attached to."""
    wanted = {str(image), f"{image} (deleted)"}
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if backing.read_text().rstrip("\n") in wanted:
                return Path("/dev") / backing.parent.parent.name
    return None


def devices_of(image: Path) -> Sequence[Path]:
    """Return the devices at which an image is seen: its loop device, and what device-mapper put on top."""
    loop = loop_of(image)
    if loop is None:
        return []
    names = Path("/sys/block", loop.name, "holders").glob("dm-*/dm/name")
    return [loop, *(Path("/dev/mapper", name.read_text().strip()) for name in names)]


def mapped(name: str) -> bool:
    """Say whether device-mapper has a device of that name."""
    found = []
    for path in Path("/sys/block").glob("dm-*/dm/name"):
        with contextlib.suppress(OSError):
            found.append(path.read_text().strip())
    return name in found


def holders_elsewhere(device: Path) -> Sequence[int]:
    """Return the processes that see a device mounted, whichever name space they are in."""
    pids = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [int(pid) for pid in pids if any(source == str(device) for _, source in _table(pid))]
