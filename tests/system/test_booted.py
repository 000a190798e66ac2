"""A reboot, where systemd is PID 1: everything comes back by itself, once.

systemd is booted in namespaces of its own, with the unit that tenantry writes and the one of the how-to.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.providers.host import processes
from tenantry.providers.host.layout import HostLayout
from tests.support.booted import BootedMachine, booted_machine, unit_of_the_how_to
from tests.support.installation import COMMAND, Installation
from tests.support.people import uid_of, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: units are root's")

_START = "tenantry-host-start.service"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rebooted:
    """A machine with an instance, after a power cut and a second boot."""

    machine: BootedMachine
    inside: Installation  # its commands run in the machine
    layout: HostLayout
    opaque: str
    unit: str  # of the supervisor

    def supervisors(self) -> list[int]:
        """Return the pids of s6-svscan."""
        return [
            pid for pid in processes.in_folder(self.layout.services) if processes.name(pid) == "s6-svscan"
        ]

    def programs(self) -> list[str]:
        """Return the names of what runs as the instance's user, without children of the database."""
        words = [processes.command(pid) for pid in processes.of_uid(uid_of(self.inside, "benin"))]
        return sorted(Path(one[0]).name for one in words if one and not one[0].startswith("postgres:"))


@pytest.fixture(scope="module")
def rebooted(shared: Installation) -> Iterator[Rebooted]:
    """Boot, deploy an instance, cut the power, boot again."""
    with booted_machine(shared.folder.parent / "booted") as machine:
        text = unit_of_the_how_to().replace("/opt/tenantry/.venv/bin/tenantry", str(COMMAND))
        text = text.replace("/srv/fleet", str(shared.folder)).replace("RestartSec=60", "RestartSec=1")
        (machine.units / _START).write_text(text)
        machine.boot()
        inside = dataclasses.replace(shared, enter=machine.enter)
        inside.deploy("benin").ok()
        machine.systemctl("enable", _START)
        opaque = inside.opaque("benin")
        machine.power_off()
        _forget_memory(shared.host.runtime)
        machine.boot()
        layout = HostLayout(shared.host.root / "host", shared.host.runtime / "r")
        (unit,) = machine.units.glob(f"tenantry-{layout.host_id}.service")
        yield Rebooted(
            machine=machine,
            inside=dataclasses.replace(shared, enter=machine.enter),
            layout=layout,
            opaque=opaque,
            unit=unit.name,
        )


def _forget_memory(runtime: Path) -> None:
    for one in runtime.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()


def test_the_instance_is_healthy_again_without_anybody_doing_anything(rebooted: Rebooted) -> None:
    wait_until(lambda: rebooted.machine.systemctl("is-active", _START) == "active", seconds=90)
    wait_until(lambda: rebooted.inside.run("instance", "health", "benin").code == 0, seconds=60)


def test_the_supervisor_runs_under_its_unit(rebooted: Rebooted) -> None:
    wait_until(lambda: rebooted.machine.systemctl("is-active", rebooted.unit) == "active", seconds=60)
    group = rebooted.machine.systemctl("show", "--property=ControlGroup", "--value", rebooted.unit)
    (supervisor,) = rebooted.supervisors()
    assert group in Path(f"/proc/{supervisor}/cgroup").read_text()


def test_the_supervisor_that_is_killed_is_started_again_by_systemd_and_nothing_runs_twice(
    rebooted: Rebooted,
) -> None:
    wait_until(lambda: rebooted.inside.run("instance", "health", "benin").code == 0, seconds=90)
    before = rebooted.programs()
    (killed,) = rebooted.supervisors()
    os.kill(killed, 9)
    wait_until(lambda: rebooted.supervisors() not in ([], [killed]), seconds=60)
    wait_until(lambda: rebooted.inside.run("instance", "health", "benin").code == 0, seconds=90)
    assert (len(rebooted.supervisors()), rebooted.programs()) == (1, before)


def test_without_its_last_instance_the_host_has_no_unit_any_more(rebooted: Rebooted) -> None:
    rebooted.inside.run("erase", "run", "benin", "--confirm", "benin").ok()
    assert {one.name for one in rebooted.machine.units.rglob("tenantry-*")} == {_START}
