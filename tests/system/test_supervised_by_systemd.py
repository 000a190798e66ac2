"""The units for hosts where systemd is PID 1, judged by systemd's own checker and by doing what they say.

It is booted in test_booted.py.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tenantry.providers.host import processes
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.supervised import Supervised
from tenantry.providers.host.supervisor import Supervisor
from tests.support.booted import unit_of_the_how_to
from tests.support.installation import COMMAND, Installation
from tests.support.people import wait_until
from tests.support.session import HostFolders

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: units are root's")


@pytest.fixture
def layout(host_folders: HostFolders) -> HostLayout:
    host = HostLayout(host_folders.root / "host", host_folders.runtime / "r")
    host.root.mkdir()
    return host


@pytest.fixture
def supervisor(layout: HostLayout) -> Iterator[Supervisor]:
    found = Supervisor(Executor(), layout)
    yield found
    if layout.runtime.exists():
        found.stop()


def _verified(folder: Path, name: str, text: str) -> str:
    """Return what systemd's own checker has to say of a unit; nothing is good."""
    (folder / name).write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(folder / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return f"{ran.returncode}: {ran.stdout}{ran.stderr}" if ran.returncode or ran.stdout or ran.stderr else ""


def _settings(text: str) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            found.setdefault(key, []).append(value)
    return found


def test_systemd_finds_nothing_wrong_with_the_unit_of_the_supervisor(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    assert _verified(tmp_path, supervisor.unit.name, supervisor.unit_text()) == ""


def test_systemd_finds_nothing_wrong_with_the_unit_of_the_how_to(tmp_path: Path) -> None:
    text = unit_of_the_how_to().replace("/opt/tenantry/.venv/bin/tenantry", str(COMMAND))
    assert _verified(tmp_path, "tenantry-host-start.service", text) == ""


def test_systemd_is_told_to_start_the_supervisor_again_whenever_it_ends(supervisor: Supervisor) -> None:
    told = _settings(supervisor.unit_text())
    assert (told["Restart"], told["KillMode"], told["WantedBy"]) == (
        ["always"],
        ["mixed"],
        ["multi-user.target"],
    )


def test_what_the_unit_says_starts_a_supervisor_that_is_ours_and_comes_back_after_a_kill(
    supervisor: Supervisor, layout: HostLayout
) -> None:
    told = _settings(supervisor.unit_text())
    environment = dict(one.split("=", 1) for one in told["Environment"][0].split())
    supervised = Supervised(Executor(), layout, supervisor=supervisor)
    for round_ in (1, 2):
        for command in told["ExecStartPre"]:
            subprocess.run(shlex.split(command), env=environment, check=True)
        main = subprocess.Popen(
            shlex.split(told["ExecStart"][0]), env=environment, cwd="/", start_new_session=True
        )
        try:
            wait_until(supervisor.running)
            supervised.ensure("a-web", argv=["/bin/sleep", "300"], env={}, uid=None, cwd=Path("/"))
            assert supervised.status("a-web")[0]
            if round_ == 1:
                _kill_as_systemd_does(main, layout)
            else:
                subprocess.run(shlex.split(told["ExecStop"][0]), env=environment, check=True)
                assert main.wait(timeout=60) == 0
        finally:
            if main.poll() is None:
                main.kill()
                main.wait()
    wait_until(lambda: not supervisor.processes())


def _kill_as_systemd_does(main: subprocess.Popen[bytes], layout: HostLayout) -> None:
    """Kill s6-svscan; then all that is left of its control group, as KillMode=mixed says."""
    main.send_signal(signal.SIGKILL)
    main.wait()
    for pid in (*processes.in_folder(layout.services), *_programs(layout)):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes.in_folder(layout.services))


def _programs(layout: HostLayout) -> list[int]:
    locks = (layout.runtime / ".services").glob("*.lock")
    return [pid for lock in locks for pid in processes.opened(lock)]


def test_the_command_of_the_how_to_brings_an_instance_back_unattended(installation: Installation) -> None:
    installation.deploy("benin").ok()
    installation.run("host", "stop").ok()
    (command,) = _settings(unit_of_the_how_to())["ExecStart"]
    words = shlex.split(
        command.replace("/opt/tenantry/.venv/bin/tenantry", str(COMMAND)).replace(
            "/srv/fleet", str(installation.folder)
        )
    )
    ran = subprocess.run(
        words,
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},  # systemd's own
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    wait_until(lambda: installation.run("instance", "health", "benin").code == 0, seconds=90)
