"""A machine of a test's own that systemd boots: PID 1 of namespaces for processes, mounts and network.

Its disks are those of the real machine, its memory is not: /run is empty at each
boot, and nothing runs but what its units start. These are the ones that the
test gives it, and the targets that a boot consists of. Units of the real machine
are out of sight.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.namespaces import LET_GO
from tests.support.people import wait_until

__all__ = ["BootedMachine", "booted_machine", "unit_of_the_how_to"]

_SYSTEMD = Path("/lib/systemd/systemd")
_HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "reboot.md"
_TARGETS = (
    *("sysinit", "basic", "multi-user", "local-fs", "network", "network-online"),
    *("shutdown", "umount", "final", "poweroff", "sockets", "timers", "paths", "slices", "swap"),
)
_CGROUPS = Path("/sys/fs/cgroup")
# The unit files of the test take the place of the machine's.
_BOOT = f"""
KEEP=
{LET_GO}
set -e
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
mount --bind "$1" /etc/systemd/system
ip link set lo up
export container=tenantry SYSTEMD_UNIT_PATH=/etc/systemd/system
exec {_SYSTEMD} --system --unit=multi-user.target --log-target=null
"""


class BootedMachine:
    """Boots, and is switched off as by a power cut."""

    def __init__(self, folder: Path) -> None:
        self.units = folder / "units"
        self.units.mkdir(parents=True)
        for name in _TARGETS:
            shutil.copy(_SYSTEMD.parent / "system" / f"{name}.target", self.units)
        # Named after the folder, which carries the name of the run.
        self._groups = [top / str(folder).strip("/").replace("/", "-") for top in _hierarchies()]
        self._parent: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Boot; return when systemd takes commands."""
        for group in self._groups:
            group.mkdir(exist_ok=True)
        namespaces = ["--pid", "--fork", "--kill-child", "--mount", "--propagation=private", "--uts", "--ipc"]
        self._parent = subprocess.Popen(
            ["unshare", *namespaces, "--net", "sh", "-c", _BOOT, "sh", str(self.units)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=self._join_groups,  # noqa: PLW1509 - two writes, no lock is taken
            start_new_session=True,
        )
        wait_until(lambda: self._first() is not None and self.systemctl("is-system-running") == "running")

    def power_off(self) -> None:
        """End everything at once, without a word to anyone."""
        if self._parent is None:
            return
        first = self._first()
        with contextlib.suppress(ProcessLookupError):
            if first is not None:
                os.kill(first, signal.SIGKILL)
        self._parent.kill()
        self._parent.wait()
        self._parent = None
        for group in self._groups:
            wait_until(lambda group=group: _removed(group))  # type: ignore[misc]

    @property
    def enter(self) -> Sequence[str]:
        """What to put before a command so that it runs in the machine."""
        return ["nsenter", f"--target={self._first()}", "--mount", "--pid", "--uts", "--ipc", "--net", "--"]

    def systemctl(self, *arguments: str) -> str:
        """Return what systemctl answers."""
        ran = subprocess.run(
            [*self.enter, "systemctl", *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        return ran.stdout.strip()

    def _first(self) -> int | None:
        """Return the pid, as seen from outside, of the machine's PID 1 once it is systemd."""
        assert self._parent is not None
        children = Path(f"/proc/{self._parent.pid}/task/{self._parent.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return None

    def _join_groups(self) -> None:
        for group in self._groups:
            (group / "cgroup.procs").write_text("0")


@contextlib.contextmanager
def booted_machine(folder: Path) -> Iterator[BootedMachine]:
    """Lend a machine that is off; whatever happens, nothing of it runs afterwards."""
    if not _hierarchies():
        pytest.skip("the machine grants no control groups")
    machine = BootedMachine(folder)
    try:
        yield machine
    finally:
        machine.power_off()


def unit_of_the_how_to() -> str:
    """Return the unit that brings the instances back, as the how-to gives it."""
    (block,) = re.findall(
        r"    # /etc/systemd/system/tenantry-host-start.service\n((?:    .*\n|\n)+)", _HOW_TO.read_text()
    )
    return "".join(f"{line.strip()}\n" for line in block.splitlines())


def _hierarchies() -> list[Path]:
    """Return where systemd keeps its control groups: in its own hierarchy, in the unified one, or in both."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [top for top in (_CGROUPS / "systemd", _CGROUPS / "unified") if (top / "cgroup.procs").exists()]


def _removed(group: Path) -> bool:
    """Remove a control group with all below; say whether it is gone."""
    for folder in [*sorted(group.rglob("*/"), key=lambda one: -len(one.parts)), group]:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not group.exists()
