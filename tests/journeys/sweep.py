"""Kills a journey at every point: ``python -m tests.journeys.sweep STORY FOLDER``, in a process of its own.

Each run is forked off, which is much quicker than a new interpreter. Prints one
JSON object: which points there were, and what differed after a kill at which.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantry import faults
from tenantry.adapters import allocation
from tenantry.adapters.clock import SystemClock
from tenantry.adapters.register import SqlRegister, open_register
from tenantry.adapters.vault import FileVault, create_master_key
from tenantry.journeys.back_up import back_up
from tenantry.journeys.deploy import deploy
from tenantry.journeys.erase import erase
from tenantry.journeys.services import Services
from tenantry.journeys.suspend import resume, suspend
from tenantry.model.names import new_opaque_name
from tenantry.model.profile import Health, Profile, Runtime, Service
from tenantry.model.spec import Client, InstanceSpec, TargetKind
from tenantry.ports import Instance
from tests.support.memory_target import MemoryTarget, World

__all__ = ["STORIES", "Story", "spec_and_profile"]

_NAME = "benin"
_OPAQUE = re.compile(r"tn[a-z0-9]{10}")


@dataclass(frozen=True, kw_only=True)
class Story:
    """Journeys done before, the one that is killed, and the one that is run afterwards to the end."""

    before: Sequence[str] = ()
    killed: str
    then: str = ""  # the killed one again

    @property
    def after(self) -> str:
        """The journey that is run after the kill."""
        return self.then or self.killed


STORIES: Mapping[str, Story] = {
    "deploy": Story(killed="deploy"),
    "deploy-again": Story(before=["deploy"], killed="deploy"),
    "suspend": Story(before=["deploy"], killed="suspend"),
    "resume": Story(before=["deploy", "suspend"], killed="resume"),
    "back-up": Story(before=["deploy"], killed="back_up"),
    "erase": Story(before=["deploy"], killed="erase"),
    "erase-half-made": Story(killed="deploy", then="erase"),
    "erase-half-suspended": Story(before=["deploy"], killed="suspend", then="erase"),
}


class _Place:
    """A folder with register, vault and world; opened anew by each process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(folder / "world.json")
        self.register: SqlRegister = open_register(
            f"sqlite:///{folder}/register.db", host="one", clock=SystemClock()
        )

    def vault(self, opaque: str) -> FileVault:
        return FileVault(
            self.folder / "vault", opaque=opaque, master_key_file=self.folder.parent / "master.key"
        )

    def services(self) -> Services:
        return Services(
            register=self.register,
            target=MemoryTarget(self.world, vault=self.vault),
            vault=lambda instance: self.vault(instance.opaque),
            clock=SystemClock(),
            person="Ada",
            on_event=lambda _: None,
            load=lambda _: spec_and_profile(),
        )

    def do(self, journey: str) -> None:
        """Do one journey to its end."""
        services = self.services()
        instance = self.register.find(_NAME)
        if journey == "deploy":
            _, conditions = _deploy(self.register, services)
            assert all(one.status == "True" for one in conditions)
        elif instance is not None:
            _JOURNEYS[journey](instance, services)

    def inventory(self) -> dict[str, Any]:
        """Return all that there is, without what differs between two good runs: names, times, labels."""
        instance = self.register.find(_NAME)
        world = self.world.all()
        operations = self.register.operations()
        return {
            "instance": instance and self._row(instance, world),
            "world": {key: value for key, value in world.items() if not key.startswith("backup:")},
            "backed up": any(key.startswith("backup:") for key in world),
            "files": sorted(
                str(path.relative_to(self.folder)) + oct(path.stat().st_mode)
                for path in self.folder.rglob("*")
                if not path.name.startswith(("register.db-", ".lock", "world.json"))
            ),
            "secrets": instance and [*self.vault(instance.opaque).names()],
            "journal": list(self.register.verify_journal()),
            "running": [one.kind for one in operations if not one.outcome],
        }

    def _row(self, instance: Instance, world: Mapping[str, Any]) -> dict[str, Any]:
        taken = world.get(f"backup:{instance.opaque}")
        return {
            "state": instance.state,
            "client": instance.client,
            "profile": [instance.profile, instance.version, instance.spec_digest],
            "numbers": [instance.uid, dict(instance.ports), instance.generation],
            "url": instance.url,
            "facts": dict(instance.facts),
            "conditions": [[one.type, one.status, one.reason] for one in instance.conditions],
            "last backup is known": bool(instance.last_backup) if taken is None else instance.last_backup
            and instance.last_backup.hour == taken,
        }  # fmt: skip


def _erase(instance: Instance, services: Services) -> None:
    absent, _ = erase(instance, services=services, reason="test")
    assert absent


_JOURNEYS: Mapping[str, Callable[[Instance, Services], object]] = {
    "suspend": lambda instance, services: suspend(instance, services=services, reason="test"),
    "resume": lambda instance, services: resume(instance, services=services, reason="test"),
    "back_up": lambda instance, services: back_up(instance, services=services, reason="test"),
    "erase": _erase,
}


def _deploy(register: SqlRegister, services: Services) -> tuple[Instance, Sequence[Any]]:
    spec, profile = spec_and_profile()
    return deploy(
        spec,
        profile,
        services=services,
        add=lambda: register.add(
            spec=spec,
            opaque=new_opaque_name(),
            url=f"https://{spec.hostname}",
            ports=["database", "web"],
            with_uid=True,
        ),
        digest="abc",
    )


def spec_and_profile() -> tuple[InstanceSpec, Profile]:
    """Return what the stories deploy."""
    spec = InstanceSpec(
        name=_NAME,
        client=Client(name="Ministère de la Santé", country="BJ", contact="it@example.org"),
        target=TargetKind.HOST,
        profile="forms",
        hostname="benin.example.org",
    )
    profile = Profile(
        name="forms",
        version="1.0",
        description="",
        runtime=Runtime(name="none"),
        package=None,
        services=frozenset({Service.DATABASE, Service.FOLDERS}),
        processes=(),
        health=Health(),
    )
    return spec, profile


def _forked(work: Callable[[], object], *, kill_at: int = 0, log: Path | None = None) -> int:
    """Do the work in a fork; return its wait status (0: it ended well)."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    faults._KILL, faults._LOG = kill_at, str(log or "")
    faults._counter = itertools.count(1)
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - the parent learns of it by the status
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def _do(folder: Path, *journeys: str) -> None:
    place = _Place(folder)
    for journey in journeys:
        place.do(journey)
    place.register.close()


def _looked(folder: Path) -> dict[str, Any]:
    """Return the inventory of a folder; this process opens no register that a fork could inherit."""
    answer = folder.with_name(f"{folder.name}.json")

    def look() -> None:
        answer.write_text(_OPAQUE.sub("OPAQUE", json.dumps(_Place(folder).inventory())), encoding="utf-8")

    assert _forked(look) == 0
    found = json.loads(answer.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def sweep(story: Story, folder: Path) -> dict[str, Any]:
    """Kill at every point; return the names of the points and the faults that were found."""
    create_master_key(folder / "master.key")
    template, whole = folder / "template", folder / "whole"
    template.mkdir(mode=0o700)
    assert _forked(lambda: _do(template, *story.before)) == 0
    shutil.copytree(template, whole)
    log = folder / "points"
    assert _forked(lambda: _do(whole, story.killed), log=log) == 0
    if story.then:
        assert _forked(lambda: _do(whole, story.then)) == 0
    wanted = _looked(whole)
    points = [line.split("\t")[1] for line in log.read_text(encoding="utf-8").splitlines()]
    found = []
    for number, name in enumerate(points, start=1):
        fault = _killed_once(story, template, folder / str(number), kill_at=number, wanted=wanted)
        if fault:
            found.append(f"killed at {number} ({name}): {fault}")
    return {"points": points, "faults": found}


def _killed_once(
    story: Story, template: Path, place: Path, *, kill_at: int, wanted: Mapping[str, Any]
) -> str:
    shutil.copytree(template, place)
    status = _forked(lambda: _do(place, story.killed), kill_at=kill_at)
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
        return f"it was not killed there: status {status}"
    if _forked(lambda: _do(place, story.after)) != 0:
        return "the next run did not finish"
    fault = _difference(_looked(place), wanted, half_made=story.killed != story.after)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(place)
    return fault


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any], *, half_made: bool) -> str:
    """Say what differs. Of an instance that was never whole only the end counts, not what it once was."""
    if half_made:
        found, wanted = _end(found), _end(wanted)
    different = [key for key in wanted if found[key] != wanted[key]]
    return "; ".join(f"{key}: {found[key]} and not {wanted[key]}" for key in different)


def _end(inventory: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what must not remain. An instance that the register never had is as good as erased."""
    instance = inventory["instance"]
    files = [name for name in inventory["files"] if not name.startswith(("vault0", "vault/keys0"))]
    return {
        **inventory,
        "instance": instance["state"] if instance else "erased",
        "secrets": [],
        "files": files,
    }


def main() -> None:
    # Which of this machine's ports and user ids are free changes while other tests run beside this
    # one; that numbers in use are passed over is held by the tests of the register. Here and not
    # above: tests import this module for its story.
    allocation._can_bind = lambda port: port > 0
    allocation._is_account = lambda uid: uid < 0
    story, folder = sys.argv[1:]
    sys.stdout.write(json.dumps(sweep(STORIES[story], Path(folder))))


if __name__ == "__main__":
    main()
