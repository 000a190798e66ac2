"""How an instance's volume is, and whether a new one could be encrypted here. Nothing is changed here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tenantry.providers.host import fscrypt, luks, mounts
from tenantry.providers.host.layout import HostLayout

__all__ = ["GIB", "VolumeState", "is_closed", "no_loop", "observe", "why_not_encrypted"]

GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class VolumeState:
    """A volume as it is."""

    method: str  # "luks", "native", "loop", "none"; "" when there is nothing
    usable: bool  # mounted, and its key is in the kernel
    encrypted: bool
    size_gib: int | None  # None: not limited


def observe(path: Path, image: Path) -> VolumeState:
    """Look at a volume; the method is what is there, not what was once chosen."""
    if image.exists():
        method = "luks" if luks.is_luks(image) else "loop"
        usable = mounts.is_mounted_from(path, image) and (method == "luks" or _open(path))
        size = image.stat().st_size // GIB
        return VolumeState(method=method, usable=usable, encrypted=True, size_gib=size)
    if not path.is_dir():
        return VolumeState(method="", usable=False, encrypted=False, size_gib=None)
    if fscrypt.identifier_of(path) is not None:
        return VolumeState(method="native", usable=_open(path), encrypted=True, size_gib=None)
    return VolumeState(method="none", usable=True, encrypted=False, size_gib=None)


def is_closed(layout: HostLayout, opaque: str) -> bool:
    """Say whether an instance's volume is there but not open: its data are out of reach, not lost."""
    state = observe(layout.home(opaque), layout.volume(opaque))
    return state.method != "" and not state.usable


def _open(path: Path) -> bool:
    identifier = fscrypt.identifier_of(path)
    return identifier is not None and fscrypt.has_key(path, identifier)


def why_not_encrypted(folder: Path) -> str:
    """Return why a new home below a folder could not be encrypted here; empty when it could."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return "" if not luks.why_not() or fscrypt.supported(there) else no_loop()


def no_loop() -> str:
    """Return why an encrypted image cannot be mounted here; empty when it can."""
    if os.geteuid() != 0:
        return "only root can mount an encrypted image, and the file system here does not encrypt by itself"
    if not Path("/dev/loop-control").exists():
        return "the kernel has no loop devices, and the file system here does not encrypt by itself"
    features = Path("/sys/fs/ext4/features/encryption")
    if not features.exists():
        return "the kernel's ext4 does not encrypt, nor does the file system here"
    return ""
