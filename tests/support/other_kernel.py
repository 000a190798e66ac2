"""Tests under a kernel that has what this machine's may lack: user-mode Linux, as Debian ships it.

It is a kernel that runs as a process, with this machine's files as its root
file system. /etc in it is a copy without the users of tests that run outside, and
/tmp, /run and /dev/shm are its own: the users and files that tests make there
are nobody else's and end with it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.session import FIRST_UID

__all__ = ["Ran", "available", "run_tests"]

_KERNEL = "linux.uml"
_ROOT = Path(__file__).parents[2]
_MODULES = "cbc hmac sha256_generic aes_generic xts ecb dm-crypt loop"
_INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmp /mnt
mkdir -p /mnt/lib/modules /mnt/checkout
mount --bind {root} /mnt/checkout
cp -a /etc /mnt/etc
mount --bind /mnt/etc /etc
for accounts in passwd group; do
  awk -F: -v first={first_uid} '$3 < first' /mnt/etc/$accounts > /mnt/$accounts
  cat /mnt/$accounts > /etc/$accounts
done
for place in /tmp /run /dev/shm; do mount -t tmpfs -o mode=1777 tmp $place; done
mkdir -p {root}
mount --bind /mnt/checkout {root}
ln -s /usr/lib/uml/modules/$(uname -r) /mnt/lib/modules/
for module in {modules}; do modprobe -d /mnt $module; done
cd {root}
{python} -m pytest -q -p no:cacheprovider --timeout={seconds} {tests} > {folder}/output 2>&1
echo $? > {folder}/code
sync
echo o > /proc/sysrq-trigger
sleep 5
"""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How the tests ended there."""

    code: int  # of pytest
    output: str


def available() -> bool:
    """Say whether the kernel and what loads its modules are installed."""
    folders = "/usr/sbin:/usr/bin:/sbin:/bin"
    return os.geteuid() == 0 and all(shutil.which(name, path=folders) for name in (_KERNEL, "modprobe"))


def run_tests(*arguments: str, folder: Path, seconds: int) -> Ran:
    """Boot, run tests of this checkout, halt.

    Args:
        arguments: of pytest.
        folder: of the caller's own; not below /tmp, which is another one there.
        seconds: after which it is killed.
    """
    init = folder / "init"
    told = " ".join(map(shlex.quote, arguments))
    init.write_text(
        _INIT.format(
            modules=_MODULES,
            root=_ROOT,
            first_uid=FIRST_UID,
            python=sys.executable,
            tests=told,
            folder=folder,
            seconds=seconds,
        )
    )
    init.chmod(0o700)
    disk = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw"]
    with (folder / "console").open("w") as console:
        booted = subprocess.Popen(
            [_KERNEL, *disk, "mem=1024M", f"init={init}", "con=null", "con0=null,fd:1", f"uml_dir={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        booted.wait(timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(booted.pid, signal.SIGKILL)
        booted.wait()
    code, output = folder / "code", folder / "output"
    if not code.exists():
        return Ran(code=-1, output=(folder / "console").read_text(errors="replace")[-3000:])
    return Ran(code=int(code.read_text()), output=output.read_text())
