"""The host target: instances on the machine that tenantry runs on."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.adapters.lease import refuse_other_host
from tenantry.adapters.register import SqlRegister
from tenantry.adapters.vault import FileVault
from tenantry.components.host.props import InstanceProps
from tenantry.config.spec import load_spec
from tenantry.errors import DefectError, FailedError, Problem, TenantryError, UnavailableError
from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec, Workspace
from tenantry.model.status import Asset, BackupRecord, Change, Condition, Evidence, Residue
from tenantry.ports import Blobs, Hold, Instance, Lease, OnEvent, Request
from tenantry.providers.base import Provider, by_token, serve
from tenantry.providers.handler import Inputs
from tenantry.providers.host.identity import PACKAGE, VERSION
from tenantry.stacks.instance import host_program
from tenantry.targets import kept_files
from tenantry.targets.host import (
    backups,
    checks,
    entry,
    erasure,
    inventory,
    leaks,
    logs,
    observing,
    residues,
)
from tenantry.targets.host.facts import observed_facts
from tenantry.targets.host.machine import Machine
from tenantry.targets.host.place import Place
from tenantry.targets.host.planned import is_planned
from tenantry.targets.host.secrets import STACK_PASSPHRASE, ensure_secrets, made_up_secrets, new_password
from tenantry.targets.host.values import instance_props
from tenantry.targets.machine_checks import check_master_key, check_room

__all__ = ["HostTarget"]

_LEAST_ROOM_MIB = 256  # an empty database, its log and its first backup, and some air
_MORE_ROOM = "make room, or name a folder on another disk as host.root in tenantry.yaml"
_COMPONENTS = "tenantry:host:"  # type tokens of what components/host declares


class HostTarget:
    """Implements ``tenantry.ports.Target`` for this machine."""

    def __init__(
        self, *, workspace: Workspace, register: SqlRegister, vault: Callable[[str], FileVault]
    ) -> None:
        self.workspace = workspace
        self.register = register
        self.vault = vault
        self.machine = Machine(workspace.host)
        self._engines: list[Engine] = []

    # --- the journeys' side ---

    def check(self, spec: InstanceSpec, profile: Profile) -> None:
        """Raise for what a host cannot hold; see ``checks``."""
        checks.check(spec, profile)
        found = self.register.find(spec.name)
        made = found.facts.get("encryption", "") if found is not None and found.erased_at is None else ""
        checks.check_encryption(spec, root=self.machine.layout.root, made=made)
        living = found if found is not None and found.erased_at is None else None
        checks.check_ports(self.workspace.host, proxy_uid=self.machine.proxy_uid(), instance=living)
        if living is None:
            check_room(self.machine.layout.root, least_mib=_LEAST_ROOM_MIB, hint=_MORE_ROOM)
        check_master_key(self.workspace, self.register, self.vault)

    def shares(self, spec: InstanceSpec) -> Mapping[str, int]:
        """Return nothing: of a machine only its people know how much at once is too much."""
        del spec
        return {}

    def overfull(self, wanted: Sequence[tuple[InstanceSpec, Profile]]) -> Mapping[str, Sequence[Problem]]:
        """Return nothing: instances of a host have no quota that they share."""
        del wanted
        return {}

    def preview(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """Return what apply would change. An instance that is not recorded leaves no trace."""
        if is_planned(request.instance):
            return self._preview_new(request, on_event)
        self._refuse_elsewhere(request.instance)
        props = self.props(request)
        with self._engine(request.instance) as engine:
            changes = engine.preview(
                request.instance.opaque,
                host_program(props),
                passphrase=self._passphrase(request.instance),
                on_event=on_event,
            )
        return _real(changes)

    def apply(self, request: Request, lease: Lease, on_event: OnEvent) -> Mapping[str, str]:
        """Make the instance what the spec asks for; return observed facts."""
        instance = request.instance
        secrets = ensure_secrets(self.vault(instance.opaque), request.profile, opaque=instance.opaque)
        with self._engine(instance) as engine:
            for holder in engine.break_lock(instance.opaque):
                lease.evidence(f"took over the engine's lock of a dead process: {holder}")
            lease.check()
            self.machine.prepare()  # not before: whoever finds the stack locked has changed nothing
            props = self.props(request, secrets=secrets)
            lease.intent(f"engine up, stack {instance.opaque}")
            result = engine.up(
                instance.opaque, host_program(props), passphrase=self._passphrase(instance), on_event=on_event
            )
        changed = [change for change in result.changes if change.kind != "same"]
        lease.evidence(f"engine up: {len(changed)} of {len(result.changes)} resources changed")
        return observed_facts(
            request, props, machine=self.machine, encryption=str(result.outputs["encryption"])
        )

    def drift(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """Return what was changed by hand since the last apply.

        Raises:
            UnavailableError: nothing is recorded to compare with (code no-stack).
        """
        self._refuse_elsewhere(request.instance)
        with self._engine(request.instance) as engine:
            if not engine.exists(request.instance.opaque):
                raise UnavailableError(
                    f"the engine has no record of {request.instance.name} to compare with",
                    hint=f"deploy it (again): tenantry instance deploy {request.instance.name}",
                    code="no-stack",
                )
            changes = engine.drift(
                request.instance.opaque, passphrase=self._passphrase(request.instance), on_event=on_event
            )
        return _real(changes)

    def probe(self, request: Request) -> Sequence[Condition]:
        """Look at the instance and say how it is."""
        self._refuse_elsewhere(request.instance)
        return observing.probe(self, request)

    def suspend(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """Stop the workload; the rest goes on."""
        self._with_state(request, State.SUSPENDED, lease, on_event)

    def resume(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """Start the workload again."""
        self._with_state(request, State.ACTIVE, lease, on_event)

    def back_up(self, request: Request, lease: Lease, on_event: OnEvent) -> Sequence[BackupRecord]:
        """Take a full backup of the database and a snapshot of the folders."""
        return backups.back_up(self.props(request), self.machine, lease, on_event)

    def lacks_backup(self, request: Request) -> bool:
        """Say whether database or folders have no backup at all yet."""
        return backups.lacking(self.props(request), self.machine)

    def backups(self, request: Request) -> Sequence[BackupRecord]:
        """Return the backups as their repositories list them, newest first."""
        self._refuse_elsewhere(request.instance)
        return backups.listed(self.props(request), self.machine)

    def logs(self, request: Request, *, process: str, lines: int) -> Sequence[str]:
        """Return the last lines of a process's log."""
        self._refuse_elsewhere(request.instance)
        return logs.last_lines(self.machine.layout, request.instance.opaque, process=process, lines=lines)

    def execute(self, request: Request, command: Sequence[str], hold: Hold, on_event: OnEvent) -> int:
        """Run a command as the instance, in its environment, on this terminal."""
        del hold, on_event  # nothing is opened for it
        self._refuse_elsewhere(request.instance)
        return entry.execute(self.props(request), command)

    def blobs(
        self, request: Request, lease: Lease, on_event: OnEvent, *, change: bool
    ) -> AbstractContextManager[Blobs]:
        """Raise: a host takes no profile with blobs."""
        del lease, on_event, change
        raise DefectError(f"{request.instance.name} is on a host, and has blobs")

    def inventory(self, instance: Instance) -> frozenset[Asset]:
        """Return every asset of the instance that can be found on this host."""
        self._refuse_elsewhere(instance)
        return inventory.inventory(self.place(instance, sought=self._sought(instance)))

    def obstacles(self, instance: Instance) -> Mapping[str, Problem]:  # noqa: ARG002 - the port's signature
        """Return nothing: what is erased carries the opaque name, and nobody else's lies in it."""
        return {}

    def erase_steps(self, instance: Instance) -> Sequence[erasure.Step]:
        """Return the steps of erasure, in order."""
        return erasure.erase_steps(self, instance)

    def prove_absent(
        self, instance: Instance, known: frozenset[Asset], on_event: OnEvent
    ) -> Sequence[Evidence]:
        """Look over the whole host for what was known and for strays. Once is enough here."""
        del on_event
        return inventory.prove_absent(self.place(instance, sought=self._sought(instance)), known)

    def now(self, instance: Instance) -> datetime:  # noqa: ARG002 - the port's signature
        """Return this machine's time."""
        return datetime.now(UTC)

    def residues(self, instance: Instance) -> Sequence[Residue]:
        """Return what this host and the workspace keep of the instance."""
        self._refuse_elsewhere(instance)
        spec = kept_files.of_spec(instance, specs=self.workspace.specs, register=self.register)
        return [*residues.residues(instance.opaque, layout=self.machine.layout), *spec]

    # --- the host's side ---

    def interrupt(self) -> None:
        """Ask the running engine to finish what it does and to start nothing new."""
        for engine in self._engines:
            engine.interrupt()

    def stop_host(self) -> None:
        """Stop every process of every instance; data and records stay."""
        self.machine.stop()

    def host_status(self) -> Mapping[str, object]:
        """Return what runs of the host's own services, and where things lie."""
        return {
            "supervisor": self.machine.supervisor.running(),
            "proxy": self.machine.proxy.running(),
            "root": self.machine.layout.root,
            "runtime": self.machine.layout.runtime,
            "services": list(self.machine.services()),
        }

    # --- what the parts of this target share ---

    def _refuse_elsewhere(self, instance: Instance) -> None:
        """Raise for an instance of another host: what this one says of it would mean nothing."""
        refuse_other_host(instance, host=self.workspace.host_name)

    def props(self, request: Request, *, secrets: Mapping[str, str] | None = None) -> InstanceProps:
        """Return what the instance's program is told; its secrets must be there."""
        opaque = request.instance.opaque
        if secrets is None:
            secrets = ensure_secrets(self.vault(opaque), request.profile, opaque=opaque)
        return instance_props(
            request,
            workspace=self.workspace,
            layout=self.machine.layout,
            secrets=secrets,
            proxy_uid=self.machine.proxy_uid(),
        )

    def place(self, instance: Instance, *, sought: leaks.Sought | None = None) -> Place:
        """Return where an instance may have left something, and what its logs are searched for."""
        place = Place.of(instance, layout=self.machine.layout, private=self.workspace.private, sought=sought)
        others = {one.url for one in self.register.instances() if one.opaque != instance.opaque}
        return dataclasses.replace(place, hostname="") if instance.url in others else place

    def stack_vault(self, instance: Instance) -> FileVault:
        """The store of the stack's passphrase alone: it is destroyed last."""
        return self.vault(f"{instance.opaque}-stack")

    def stack_exists(self, instance: Instance) -> bool:
        """Say whether the engine has a stack of the instance."""
        return self._make_engine(port=0).exists(instance.opaque)

    def destroy_stack(self, instance: Instance, on_event: OnEvent) -> None:
        """Destroy all that the engine made. Only an instance that is being erased is let go."""
        with self._engine(instance) as engine:
            engine.break_lock(instance.opaque)
            engine.destroy(
                instance.opaque, passphrase=self._passphrase(instance), on_event=on_event, may_destroy=True
            )

    def remove_stack(self, instance: Instance) -> None:
        """Remove the stack with its history; look that nothing of its name is left."""
        engine = self._make_engine(port=0)
        engine.break_lock(instance.opaque)
        engine.remove(instance.opaque)

    def _sought(self, instance: Instance) -> leaks.Sought:
        """Return what must not stand in a log; a vault that cannot be read (any more) tells nothing."""
        values: dict[str, str] = {}
        for vault in (self.vault(instance.opaque), self.stack_vault(instance)):
            with suppress(TenantryError):
                if names := vault.names():
                    values |= vault.ensure(dict.fromkeys(names, new_password))  # none is made: all are there
        secrets, named = leaks.needles(values, self._names(instance))
        return leaks.Sought(secrets=secrets, names=named, since=instance.created_at.timestamp())

    def _names(self, instance: Instance) -> Sequence[str]:
        """Return what names the client: its host name; name and contact, if no other instance has them."""
        texts = [self.place(instance).hostname]
        others = {one.client for one in self.register.instances() if one.opaque != instance.opaque}
        if instance.client not in others:
            texts.append(instance.client)
            with suppress(TenantryError):
                path = self.workspace.specs / f"{instance.name}.yaml"
                spec = load_spec(path, workspace=self.workspace, complete=False)
                texts.append(spec.client.contact)
        return texts

    def _with_state(self, request: Request, state: State, lease: Lease, on_event: OnEvent) -> None:
        wanted = dataclasses.replace(request, instance=dataclasses.replace(request.instance, state=state))
        self.apply(wanted, lease, on_event)
        for process in request.profile.processes:
            up, _ = self.machine.supervised.status(f"{request.instance.opaque}-{process.name}")
            if up is (state is State.SUSPENDED):
                raise FailedError(
                    f"{process.name} is {'still' if up else 'not'} running", code="process-state"
                )

    def _preview_new(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        secrets = made_up_secrets(request.profile)
        props = self.props(request, secrets=secrets)
        with (
            tempfile.TemporaryDirectory(prefix="tenantry-preview-") as folder,
            self._provider(request.instance) as port,
        ):
            engine = self._make_engine(port=port, folder=Path(folder))
            changes = engine.preview(
                request.instance.opaque,
                host_program(props),
                passphrase=new_password(),
                on_event=on_event,
                refresh=False,
            )
            return _real(changes)

    def _passphrase(self, instance: Instance) -> str:
        store = self.stack_vault(instance)
        return store.ensure({STACK_PASSPHRASE: new_password})[STACK_PASSPHRASE]

    @contextmanager
    def _engine(self, instance: Instance) -> Iterator[Engine]:
        with self._provider(instance) as port:
            engine = self._make_engine(port=port)
            self._engines.append(engine)
            try:
                yield engine
            finally:
                self._engines.remove(engine)

    def _make_engine(self, *, port: int, folder: Path | None = None) -> Engine:
        place = folder or self.workspace.private / "engine"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Engine(
            tools.find_engine(),
            home=place / "home",
            state_folder=place / "state",
            providers={PACKAGE: port},
            holds_data=lambda token: token in self._data_tokens,
        )

    @cached_property
    def _data_tokens(self) -> frozenset[str]:
        table = by_token(PACKAGE, self.machine.handlers)
        return frozenset(token for token, handler in table.items() if handler.holds_data)

    @contextmanager
    def _provider(self, instance: Instance) -> Iterator[int]:
        def permit(_: Inputs) -> bool:
            """Data may be deleted only while the register holds the instance's open erasure."""
            found = self.register.find(instance.name)
            return found is not None and found.opaque == instance.opaque and found.state is State.ERASING

        table = by_token(PACKAGE, self.machine.handlers)
        with serve(Provider(PACKAGE, version=VERSION, handlers=table, permit=permit)) as port:
            yield port


def _real(changes: Sequence[Change]) -> Sequence[Change]:
    """Leave out the components: they only group resources, nothing of them is on the host."""
    return [change for change in changes if not change.type.startswith(_COMPONENTS)]
