"""SIGKILL in the middle of deploy and erase, on this machine and with the installed command line.

The points are those that an unbroken run passes. A life is one instance that is
killed again and again, each time further on, while it is deployed and then
while it is erased; the same command brings it to its end each time, and what
then is there equals what an unbroken run left.
"""

from __future__ import annotations

import fcntl
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.support import machine_state
from tests.support.installation import Installation
from tests.support.session import HostFolders, Session

_LIVES = 3
_KILLS = 6  # of each command in a life: 36 in all
_LEAST_HIT = 10  # in a life, so at least 30 in all: a run may have done more than its points tell
_PASSED_AGAIN = 20  # points of a run that goes on where another was killed, before it does anything new
_SOAK_PARTS = 24
_OPAQUE = re.compile(r"tn[a-z0-9]{10}")
_NAME = "benin"
_DEPLOY = ("instance", "deploy", _NAME)
_ERASE = ("erase", "run", _NAME, "--confirm", _NAME)


@dataclass(frozen=True, kw_only=True)
class _Unbroken:
    """What runs without a kill passed and left."""

    deploy: Sequence[str]  # names of points
    erase: Sequence[str]
    deployed: Sequence[str]  # facts, see machine_state
    erased: Sequence[str]


@pytest.fixture(scope="session")
def unbroken(test_session: Session) -> _Unbroken:
    """An instance deployed and erased without a kill; once for all workers."""
    with (test_session.folder / "unbroken.json").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if not text:
            with test_session.host() as host:
                text = json.dumps(_run_unbroken(host))
            file.write(text)
    return _Unbroken(**json.loads(text))


def _run_unbroken(host: HostFolders) -> dict[str, Sequence[str]]:
    installed = Installation(folder=host.root / "workspace", host=host)
    installed.set_up()
    try:
        deploy, deployed = _logged(installed, _DEPLOY)
        erase, erased = _logged(installed, _ERASE)
    finally:
        installed.tear_down()
    return {"deploy": deploy, "erase": erase, "deployed": deployed, "erased": erased}


def _logged(installed: Installation, command: Sequence[str]) -> tuple[list[str], list[str]]:
    log = installed.folder / "points"
    log.unlink(missing_ok=True)
    if not (installed.folder / "instances" / f"{_NAME}.yaml").exists():
        installed.write_spec(_NAME)
    installed.run(*command, env={"TENANTRY_FAULT_LOG": str(log)}).ok()
    points = [line.split("\t")[1] for line in log.read_text(encoding="utf-8").splitlines()]
    return [_OPAQUE.sub("OPAQUE", point) for point in points], machine_state.look(installed, _NAME)


@pytest.fixture
def life(installation: Installation) -> Installation:
    """A workspace with the spec of an instance."""
    installation.write_spec(_NAME)
    return installation


@pytest.mark.longest
@pytest.mark.parametrize("number", range(_LIVES))
@pytest.mark.timeout(900)
def test_an_instance_killed_again_and_again_ends_as_an_unbroken_one(
    number: int, life: Installation, unbroken: _Unbroken
) -> None:
    hit = _live(life, unbroken, number=number, of=_LIVES, kills=_KILLS)
    assert hit >= _LEAST_HIT


@pytest.mark.soak
@pytest.mark.parametrize("part", range(_SOAK_PARTS))
@pytest.mark.timeout(6 * 3600)
def test_an_instance_killed_once_at_each_point_ends_as_an_unbroken_one(
    part: int, life: Installation, unbroken: _Unbroken
) -> None:
    most = max(len(unbroken.deploy), len(unbroken.erase))
    for number in range(part, most, _SOAK_PARTS):
        _live(life, unbroken, number=number, of=most, kills=1)


def _live(life: Installation, unbroken: _Unbroken, *, number: int, of: int, kills: int) -> int:
    """Deploy and erase with kills; return how many of the points were met."""
    hit = _killed(life, _DEPLOY, _numbers(unbroken.deploy, number=number, of=of, kills=kills))
    life.run(*_DEPLOY).ok()
    assert _difference(machine_state.look(life, _NAME), unbroken.deployed) == []
    hit += _killed(life, _ERASE, _numbers(unbroken.erase, number=number, of=of, kills=kills))
    life.run(*_ERASE).ok()
    assert _difference(machine_state.look(life, _NAME), unbroken.erased) == []
    return hit


def _numbers(points: Sequence[str], *, number: int, of: int, kills: int) -> list[int]:
    """Return at which point of its run each kill comes, so that a life's kills are spread over the whole.

    The lives share the points of an unbroken run evenly. After a kill the next run
    passes some points again before it comes to new ones.
    """
    apart = len(points) / kills
    first = int((number + 0.5) / of * apart) + 1
    return [first] + [_PASSED_AGAIN + int(apart)] * (kills - 1)


def _killed(life: Installation, command: Sequence[str], numbers: Sequence[int]) -> int:
    """Run the command once for each number and kill it there; return how often it came that far."""
    for hit, number in enumerate(numbers):
        child = life.start(*command, env={"TENANTRY_FAULT_KILL": str(number)})
        _, told = child.communicate(timeout=300)
        assert child.returncode in {0, -signal.SIGKILL}, f"after {hit} kills, before point {number}: {told}"
        if child.returncode == 0:
            return hit  # it was finished before, and a further run would find nothing to do
    return len(numbers)


def _difference(found: Sequence[str], wanted: Sequence[str]) -> list[str]:
    more, less = sorted(set(found) - set(wanted)), sorted(set(wanted) - set(found))
    return [f"+ {one}" for one in more] + [f"- {one}" for one in less]


def test_a_backup_that_outlives_a_kill_is_waited_for(life: Installation) -> None:
    killed = life.start(*_DEPLOY)
    try:
        _wait(lambda: bool(_backing_up(life)), child=killed)
    finally:
        killed.kill()
        killed.communicate()
    assert _backing_up(life), "it did not outlive the kill"
    life.run(*_DEPLOY).ok()
    assert not _backing_up(life)
    assert {one["kind"] for one in life.run("backup", "list", _NAME).ok().data["backups"]} == {
        "files",
        "full",
    }


def _backing_up(life: Installation) -> list[str]:
    """Return the pids of this host's backups that run."""
    return life.running("pgbackrest", "backup")


def _wait(condition: Callable[[], bool], *, child: subprocess.Popen[str]) -> None:
    while not condition():
        assert child.poll() is None, "the run ended before that"
        time.sleep(0.01)
