"""LUKS2 on an image, by cryptsetup.

The image is attached to a loop device and opened under a name of its own, which
begins with ``tenantry-``. The key reaches cryptsetup on standard input. It is
random and long, so it is not stretched: PBKDF2 runs as seldom as it may, which
saves seconds at every start and gives nothing away.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from tenantry.errors import FailedError
from tenantry.providers.host import mounts
from tenantry.providers.host.executor import Executor

__all__ = ["close", "device", "format_image", "is_luks", "open_image", "resize", "why_not"]

_MAGIC = b"LUKS\xba\xbe"  # LUKS2 On-Disk Format Specification, 2.1
_FORMAT = (
    *("--type=luks2", "--cipher=aes-xts-plain64", "--key-size=512"),
    *("--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", "--batch-mode"),
)
_WRONG_KEY = 2  # exit code of cryptsetup: no permission, a bad passphrase


def why_not() -> str:
    """Return why LUKS cannot be had here; empty when it can."""
    if os.geteuid() != 0:
        return "only root can open a LUKS image"
    if shutil.which("cryptsetup", path="/usr/sbin:/sbin:/usr/bin") is None:
        return "cryptsetup is not installed"
    if not Path("/dev/loop-control").exists():
        return "the kernel has no loop devices"
    return "" if _has_device_mapper() else "the kernel has no device-mapper"


def _has_device_mapper() -> bool:
    """Say whether it is in the kernel, or a module of it that the kernel loads when it is asked for."""
    if any(line.split()[-1] == "device-mapper" for line in Path("/proc/misc").read_text().splitlines()):
        return True
    modules = Path("/lib/modules") / platform.release() / "modules.dep"
    return modules.exists() and "/dm-crypt.ko" in modules.read_text()


def is_luks(image: Path) -> bool:
    """Say whether a file is a LUKS image."""
    with image.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def device(image: Path) -> Path:
    """Return the device that an open image is seen at."""
    return Path("/dev/mapper") / f"tenantry-{image.name}"


def format_image(executor: Executor, image: Path, *, key: str) -> None:
    """Make a file a LUKS image under a key."""
    executor.run(["cryptsetup", "luksFormat", *_FORMAT, "--key-file=-", str(image)], stdin=key)


def open_image(executor: Executor, image: Path, *, key: str) -> Path:
    """Open an image, or look that the key is its own where it is open; return its device.

    Raises:
        FailedError: the key is not the image's (code wrong-volume-key).
    """
    there = mounts.mapped(device(image).name)
    name = ["--test-passphrase", str(image)] if there else [str(image), device(image).name]
    ran = executor.run(
        ["cryptsetup", "open", "--type=luks2", "--key-file=-", *name],
        stdin=key,
        check=False,
        effect=not there,
        hide=[key],
    )
    if ran.code == _WRONG_KEY:
        raise FailedError(
            f"the key in the vault is not the one that {image} was encrypted with",
            hint="restore the vault's file that belongs to this volume",
            code="wrong-volume-key",
        )
    if ran.code != 0:
        raise FailedError(f"{image} cannot be opened: {ran.err.strip()[-300:]}", code="mount-failed")
    return device(image)


def resize(executor: Executor, image: Path, *, key: str) -> None:
    """Let an open image have all of its loop device."""
    executor.run(["cryptsetup", "resize", "--key-file=-", device(image).name], stdin=key)


def close(executor: Executor, image: Path) -> None:
    """Close an image; the key leaves the kernel with it. One that is not open is fine."""
    name = device(image).name
    if mounts.mapped(name):
        executor.run(["cryptsetup", "close", name], check=False)
