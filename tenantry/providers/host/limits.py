"""The most memory, CPU and processes that an instance may take: control groups.

Version 2 is used where its controllers are to be had at the top of the tree,
else version 1, controller by controller. Where there is neither, or where we
are not root, nothing is enforced, and the outputs say so: limits that cannot be
set are reported, not an error, since the instance works without them.

A process joins in its run script, before it gives up root's rights; see
``tenantry.providers.host.service_files``. Where groups are made again under an
instance that runs, its processes are put into them; those that are in none show
as a further key ``outside``.
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import processes
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.supervisor import wait_until

__all__ = ["Limits", "available", "cgroups_of", "enforced"]

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_MICROSECONDS = 100_000
_MIB = 1024 * 1024
_CONTROLLERS = ("memory", "cpu", "pids")


@dataclass(frozen=True, kw_only=True)
class _Knob:
    """The file that holds one limit, and how a number is written into it."""

    file: str
    prefix: str = ""  # a second file that must be written first
    scale: int = 1


_V1 = {
    "memory": _Knob(file="memory.limit_in_bytes", scale=_MIB),
    "cpu": _Knob(file="cpu.cfs_quota_us", prefix="cpu.cfs_period_us", scale=_PERIOD_MICROSECONDS // 100),
    "pids": _Knob(file="pids.max"),
}
_V2 = {
    "memory": _Knob(file="memory.max", scale=_MIB),
    "cpu": _Knob(file="cpu.max", scale=_PERIOD_MICROSECONDS // 100),
    "pids": _Knob(file="pids.max"),
}
_INPUT = {"memory": "memoryMib", "cpu": "cpuPercent", "pids": "pids"}


def _version_2() -> bool:
    with contextlib.suppress(OSError):
        return "memory" in (_ROOT / "cgroup.controllers").read_text().split()
    return False


def available() -> Sequence[str]:
    """Return the limits that can be set here: a part of memory, cpu, pids; none unless root."""
    if os.geteuid() != 0:
        return ()
    if _version_2():
        there = (_ROOT / "cgroup.controllers").read_text().split()
        return [name for name in _CONTROLLERS if name in there]
    return [
        name
        for name in _CONTROLLERS
        if (_ROOT / name / _V1[name].file.split(".")[0]).parent.is_dir()
        and (_ROOT / name / "cgroup.procs").is_file()
    ]


def cgroups_of(layout: HostLayout, opaque: str) -> tuple[Path, ...]:
    """Return the groups of an instance, whether they are there or not."""
    name = Path(f"tenantry-{layout.host_id}") / opaque
    if _version_2():
        return (_ROOT / name,)
    return tuple(_ROOT / controller / name for controller in available())


def enforced(layout: HostLayout, opaque: str) -> dict[str, int]:
    """Return the limits that are in force, as inputs of ``Limits``; empty when there are none."""
    found: dict[str, int] = {}
    for controller in available():
        folder, knob = _place(layout, opaque, controller)
        value = _read_knob(folder, knob)
        if value is not None:
            found[_INPUT[controller]] = value
    return found


def _place(layout: HostLayout, opaque: str, controller: str) -> tuple[Path, _Knob]:
    groups = cgroups_of(layout, opaque)
    if _version_2():
        return groups[0], _V2[controller]
    return groups[list(available()).index(controller)], _V1[controller]


def _read_knob(folder: Path, knob: _Knob) -> int | None:
    """Return a limit in the unit of the inputs; None: no group or no limit."""
    try:
        text = (folder / knob.file).read_text().split()[0]
    except OSError:
        return None
    return None if text in ("max", "-1") else int(text) // knob.scale


class Limits:
    """The control groups of one instance.

    Inputs: opaque, memoryMib, cpuPercent (of one core), pids. Outputs: enforced
    (the names of the inputs that are in force), reason (why not all).
    """

    type: ClassVar[str] = "Limits"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"opaque"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Keep what is needed."""
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        failures = check_known(inputs, ("opaque", *_INPUT.values()))
        numbers = [key for key in _INPUT.values() if isinstance(inputs.get(key), int | float)]
        return [*failures, *((key, "must be above 0") for key in numbers if inputs[key] <= 0)]

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make the groups, as far as the kernel lets us, and set the limits."""
        opaque = str(inputs["opaque"])
        for controller in available():
            folder, knob = _place(self._layout, opaque, controller)
            self._make(folder)
            self._set(folder, knob, controller, int(inputs[_INPUT[controller]]))
        self._join(opaque)
        return opaque, self._outputs(opaque)

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Read the limits back from the kernel; a group that is gone is None."""
        groups = cgroups_of(self._layout, resource_id)
        if groups and not any(path.is_dir() for path in groups):
            return None
        real = enforced(self._layout, resource_id)
        wanted = {_INPUT[name] for name in available()}
        observed = {key: real.get(key, 0) if key in wanted else value for key, value in inputs.items()}
        if self._outside(resource_id):
            observed["outside"] = True
        return Observed(inputs=observed, outputs=self._outputs(resource_id))

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Set the limits; they hold for running processes at once."""
        return self.create(new)[1]

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Remove the groups; what still runs in them is killed."""
        for folder in cgroups_of(self._layout, resource_id):
            self._remove(folder)
            with contextlib.suppress(OSError):  # not empty: other instances are there
                folder.parent.rmdir()

    def _outputs(self, opaque: str) -> dict[str, Any]:
        real = enforced(self._layout, opaque)
        missing = [name for name in _INPUT.values() if name not in real]
        reason = (
            ""
            if not missing
            else ("the kernel offers no control group for it" if os.geteuid() == 0 else "needs root")
        )
        return {"enforced": sorted(real), "reason": reason}

    def _join(self, opaque: str) -> None:
        for folder, pids in self._outside(opaque).items():
            with self._executor.effect(f"join cgroup {folder.name}"):
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        (folder / "cgroup.procs").write_text(str(pid))

    def _outside(self, opaque: str) -> dict[Path, list[int]]:
        """Return the running processes of the instance that are not in a group, by group.

        They hold the lock of their service; a script that still holds it alone joins by itself.
        """
        locks = (self._layout.runtime / ".services").glob(f"{opaque}-*.lock")
        running = {
            pid
            for lock in locks
            for pid in processes.opened(lock)
            if not {"./run", "./finish"} & set(processes.command(pid))
        }
        found = {}
        for folder in cgroups_of(self._layout, opaque) if running else ():
            if not folder.is_dir():
                continue
            inside = {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
            if missing := sorted(pid for pid in running - inside if processes.alive(pid)):
                found[folder] = missing
        return found

    def _make(self, folder: Path) -> None:
        with self._executor.effect(f"mkdir cgroup {folder.name}"):
            folder.parent.mkdir(exist_ok=True, mode=0o755)
            if _version_2():
                for parent in (_ROOT, folder.parent):
                    with contextlib.suppress(OSError):  # what is not delegated is seen by reading back
                        (parent / "cgroup.subtree_control").write_text("+memory +cpu +pids")
            folder.mkdir(exist_ok=True, mode=0o755)

    def _set(self, folder: Path, knob: _Knob, controller: str, value: int) -> None:
        number = str(value * knob.scale)
        with self._executor.effect(f"set {knob.file}"):
            if knob.prefix:
                (folder / knob.prefix).write_text(str(_PERIOD_MICROSECONDS))
            text = f"{number} {_PERIOD_MICROSECONDS}" if knob.file == "cpu.max" else number
            try:
                (folder / knob.file).write_text(text)
            except OSError as error:
                raise FailedError(
                    f"the kernel refuses the limit {controller} = {value}: {error.strerror}",
                    hint="a lower memory limit than is in use now cannot be set: stop the instance first",
                    code="limit-refused",
                ) from error

    def _remove(self, folder: Path) -> None:
        if not folder.is_dir():
            return
        with self._executor.effect(f"rmdir cgroup {folder.name}"):
            if not wait_until(lambda: _emptied(folder), seconds=10):
                raise FailedError(
                    f"the control group {folder} does not become empty",
                    hint=f"see {folder / 'cgroup.procs'} for who is in it",
                    code="cgroup-busy",
                )


def _emptied(folder: Path) -> bool:
    """Kill what is in a group and remove it; say whether it is gone."""
    try:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
