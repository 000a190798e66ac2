"""Each contract test of a target runs on the one in memory and on this machine."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tenantry.adapters.clock import SystemClock
from tenantry.adapters.register import SqlRegister, open_register
from tenantry.adapters.vault import FileVault, create_master_key
from tenantry.cli.wiring import Wiring
from tenantry.model.lifecycle import State
from tenantry.model.names import new_opaque_name
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec
from tenantry.ports import Event, Instance, Lease, Register, Request, Target
from tests.journeys.sweep import spec_and_profile
from tests.support.installation import Installation
from tests.support.memory_target import MemoryTarget, World
from tests.support.session import HostFolders, Session


@dataclass(kw_only=True)
class Bench:
    """A target with one instance on it, and what a test needs to work on it."""

    target: Target
    register: Register
    request: Request
    planned: Request  # of an instance that is recorded nowhere
    plant: Callable[[str], Path | str]  # leave a stray of that opaque name; returns what evidence must name
    second: Callable[[], Request]  # another instance, to be erased
    events: list[Event] = field(default_factory=list)

    @contextlib.contextmanager
    def lease(self, instance: Instance | None = None) -> Iterator[Lease]:
        """Hold an instance, as a journey does."""
        held = self.register.lease(
            instance or self.request.instance, kind="test", person="Ada", reason="contract"
        )
        with held as lease:
            yield lease

    def on_event(self, event: Event) -> None:
        """Keep what is told."""
        self.events.append(event)


@pytest.fixture(scope="module", params=["memory", "host"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A target with an instance that is deployed and healthy."""
    made = request.getfixturevalue(f"{request.param}_bench")
    assert isinstance(made, Bench)
    return made


@pytest.fixture(scope="module")
def memory_bench(test_session: Session) -> Iterator[Bench]:
    """The target in memory."""
    folder = Path(tempfile.mkdtemp(dir=test_session.fast_folder))
    create_master_key(folder / "master.key")
    register = open_register(f"sqlite:///{folder}/register.db", host="one", clock=SystemClock())
    world = World(folder / "world.json")

    def vault(opaque: str) -> FileVault:
        return FileVault(folder / "vault", opaque=opaque, master_key_file=folder / "master.key")

    def plant(opaque: str) -> str:
        world.put(f"folder:/opt/{opaque}", "by hand")
        return opaque

    target = MemoryTarget(world, vault=vault)
    spec, profile = spec_and_profile()
    first = _recorded(register, spec, profile)
    made = Bench(
        target=target,
        register=register,
        request=first,
        planned=Request(
            spec=spec, profile=profile, instance=replace(first.instance, opaque=new_opaque_name())
        ),
        plant=plant,
        second=lambda: _deployed(made, _recorded(register, replace(spec, name="burundi"), profile)),
    )
    made.request = _deployed(made, first)
    yield made
    register.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def host_bench(module_host_folders: HostFolders) -> Iterator[Bench]:
    """This machine: the instance is deployed by the command line, and worked on from here."""
    installed = Installation(folder=module_host_folders.root / "workspace", host=module_host_folders)
    installed.set_up()
    try:
        installed.deploy("benin").ok()
        yield from _on_host(installed)
    finally:
        installed.tear_down()


def _on_host(installed: Installation) -> Iterator[Bench]:
    wiring = Wiring(installed.folder)

    def request_of(name: str) -> Request:
        instance = wiring.register.find(name)
        assert instance is not None
        return wiring.services().request(instance)

    def plant(opaque: str) -> Path:
        stray = installed.host.root / "host" / f"{opaque}.copy"
        stray.write_text("by hand")
        return stray

    def second() -> Request:
        installed.deploy("burundi").ok()
        return request_of("burundi")

    installed.write_spec("chad")
    spec, profile = wiring.spec("chad")
    planned = Request(spec=spec, profile=profile, instance=wiring.planned(spec, profile)())
    yield Bench(
        target=wiring.host,
        register=wiring.register,
        request=request_of("benin"),
        planned=planned,
        plant=plant,
        second=second,
    )
    wiring.register.close()


def _deployed(bench: Bench, request: Request) -> Request:
    """Do what the deploy journey does, and no more."""
    with bench.lease(request.instance) as lease:
        bench.target.apply(request, lease, bench.on_event)
        bench.target.back_up(request, lease, bench.on_event)
    instance = bench.register.update(request.instance.name, state=State.ACTIVE)
    return Request(spec=request.spec, profile=request.profile, instance=instance)


def _recorded(register: SqlRegister, spec: InstanceSpec, profile: Profile) -> Request:
    instance = register.add(
        spec=spec,
        opaque=new_opaque_name(),
        url=f"https://{spec.hostname}",
        ports=["database", "web"],
        with_uid=True,
    )
    return Request(spec=spec, profile=profile, instance=instance)
