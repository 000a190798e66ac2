"""The Azure target: an instance is a resource group, whatever cloud it is in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from functools import partial
from typing import Final

from tenantry.adapters import tools
from tenantry.adapters.engine import Engine
from tenantry.adapters.engine_state import Resource
from tenantry.adapters.register import SqlRegister
from tenantry.adapters.vault import FileVault
from tenantry.components.azure.props import AzureProps
from tenantry.errors import Problem, RefusedError, UnavailableError
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES, resource_id
from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile, Service
from tenantry.model.spec import InstanceSpec, TargetKind, Workspace
from tenantry.model.status import Asset, BackupRecord, Change, ChangeKind, Condition, Evidence, Residue
from tenantry.ports import Event, Hold, Instance, Lease, OnEvent, Request
from tenantry.stacks.instance import azure_program
from tenantry.targets import kept_files
from tenantry.targets.azure import (
    absence,
    backups,
    deciding,
    deploying,
    engines,
    entering,
    erasure,
    files,
    foreign,
    former_secrets,
    host_name,
    inventory,
    locks,
    observing,
    patience,
    preflight,
    quotas,
    residues,
    retention,
    unmade,
    values,
    ways,
)
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.former_secrets import Former
from tenantry.targets.azure.plugin import network_environment, plugin_settings
from tenantry.targets.azure.subscriptions import Subscriptions, no_azure
from tenantry.targets.generated import new_password
from tenantry.targets.machine_checks import check_master_key, check_room

__all__ = ["AzureTarget", "Native"]

Native = Callable[[Clients], AbstractContextManager[Mapping[str, int]]]

_LEAST_ROOM_MIB: Final = 64  # for the engine's state and its history
_COMPONENTS: Final = "tenantry:azure:"  # type tokens of what components/azure declares


class AzureTarget:
    """Implements ``tenantry.ports.Target`` for the cloud that the workspace names."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        register: SqlRegister,
        vault: Callable[[str], FileVault],
        native: Native,
    ) -> None:
        """Make a target; Azure is not asked for anything yet.

        Args:
            workspace: with its block ``azure``.
            register: the system of record; what is decided once goes there before it is used.
            vault: the secrets of an instance, by opaque name.
            native: lends the engine the provider azure-native, where it does not start one itself.
        """
        self.workspace = workspace
        self.register = register
        self.vault = vault
        self.subscriptions = Subscriptions(workspace)
        self._native = native
        self.engines = engines.Engines(workspace, clients=lambda: self.subscriptions.of(None), vault=vault)
        self._running: list[Engine] = []

    # --- the journeys' side ---

    def check(self, spec: InstanceSpec, profile: Profile) -> None:
        """Raise for what Azure cannot hold, and for what preflight finds."""
        self.check_offline(spec, profile)
        mine = [one for one in self.register.instances() if one.host == self.workspace.host_name]
        self.engines.refuse_elsewhere([one for one in mine if one.target == TargetKind.AZURE])
        clients = self.subscriptions.of(self._living(spec.name), spec)
        network_environment(clients.access)  # what the engine would not take is refused here
        # The names of one that is there are its own; a new one's are drawn when it is recorded.
        preflight.preflight(
            clients.arm,
            clients.access.subscription_id,
            values.region_of(spec),
            services=profile.services,
            principal=clients.principal,
            directory_id=clients.access.directory_id,
            more=self.engines.looks(),
            offers=clients.offers,
        )

    def check_offline(self, spec: InstanceSpec, profile: Profile) -> None:
        """Raise for what can be said without asking Azure."""
        if self.workspace.azure is None:
            raise no_azure(spec.where)
        living = self._living(spec.name)
        if living is not None:
            self.subscriptions.refuse_other_cloud(living)
        self.subscriptions.check_credential(spec)
        tools.find_engine()
        if profile.runtime.name != "none":
            tools.find_runtime(profile.runtime.name, profile.runtime.version)
        check_master_key(self.workspace, self.register, self.vault)
        check_room(
            self.workspace.private, least_mib=_LEAST_ROOM_MIB, hint="make room on the workspace's disk"
        )
        made_in = living.facts.get(values.REGION, "") if living else ""
        region = values.region_of(spec)
        values.check_cache(spec, profile, region)
        if made_in and made_in != region.name:
            raise RefusedError(
                f"{spec.name} lives in {made_in}; its data do not move to {region.name} by a deploy",
                hint="write the old region, or erase it and deploy anew",
                where=spec.where,
                code="region-changed",
            )
        if living is not None:
            self.subscriptions.refuse_move(spec, living)

    def shares(self, spec: InstanceSpec) -> Mapping[str, int]:
        """Return the subscription and its region: Azure's limits are theirs."""
        if self.workspace.azure is None:
            return {}
        at_once, subscription = self.workspace.azure.at_once, self.subscription(spec)
        return {
            f"in the subscription {subscription}": at_once.subscription,
            f"in {values.region_of(spec).name} of the subscription {subscription}": at_once.region,
        }

    def overfull(self, wanted: Sequence[tuple[InstanceSpec, Profile]]) -> Mapping[str, Sequence[Problem]]:
        """Return those whose databases or accounts are too many for the quotas of their region."""
        return quotas.overfull(
            [self._newcomer(spec, profile.services) for spec, profile in wanted],
            lambda subscription_id: self.subscriptions.named(subscription_id).arm,
        )

    def preview(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """Return what apply would change. An instance that is not recorded leaves no trace."""
        request = self._decided(request, on_event, record=False)
        new = not self.engines.make(request.instance, {}).exists(request.instance.opaque)
        props = self.props(request, secrets=values.made_up_secrets(request.profile) if new else None)
        stage = host_name.next_stage(host_name.look(self.clients(request.instance).arm, props))
        props = dataclasses.replace(props, binding=stage)
        with self._engine(request.instance) as engine:
            changes = engine.preview(
                request.instance.opaque,
                azure_program(props),
                passphrase=new_password() if new else self.engines.passphrase(request.instance),
                on_event=on_event,
                refresh=not new,
            )
        days, workspace = props.log_retention_days, deploying.workspace_id(props.subscription_id, props.names)
        arm = self.clients(request.instance).arm
        return [
            *_real(changes),
            *(retention.planned(days) if new else retention.differing(arm, workspace, days)),
        ]

    def apply(self, request: Request, lease: Lease, on_event: OnEvent) -> Mapping[str, str]:
        """Make the instance what the spec asks for; return observed facts."""
        request = self._placed(self._decided(request, on_event, record=True, operation=lease.operation.id))
        instance = request.instance
        clients = self.clients(instance)
        secrets = values.ensure_secrets(self.vault(instance.opaque), request.profile)
        props = self.props(request, secrets=secrets)
        instance, former = self._with_former(instance, props)
        vault = ways.to_vault(clients, props.names)
        named = host_name.look(clients.arm, props)
        props = dataclasses.replace(props, binding=named.binding)
        program = azure_program(props)
        with self._engine(instance) as engine:
            for holder in engine.break_lock(instance.opaque):
                lease.evidence(f"took over the engine's lock of a dead process: {holder}")
            lease.check()
            if deploying.enters(props, lease):
                locks.refuse_locked(clients.arm, self.server_id(instance))
            ways.shut(clients, props, lease)  # what a killed run left open
            purge = partial(former_secrets.purge, vault, clients, lease=lease, on_event=on_event)
            purge(former.back)
            bound = self.made(instance, ":WebAppHostNameBinding")
            host_name.unbind(clients.arm, props, bound, lease=lease, on_event=on_event)
            lease.intent(f"{instance.mark}engine up, stack {instance.opaque}")
            result = patience.until_it_passes(
                lambda first: engine.up(
                    instance.opaque,
                    program,
                    passphrase=self.engines.passphrase(instance),
                    on_event=on_event,
                    # What it has just made may not be seen yet; its state knows.
                    refresh=first,
                    adopt=partial(self._find_made, instance),
                    retain=former.retained,
                ),
                missing=lambda: self._missing_roles(instance),
                lease=lease,
                on_event=on_event,
            )
        changed = [change for change in result.changes if change.kind is not ChangeKind.SAME]
        lease.evidence(f"engine up: {len(changed)} of {len(result.changes)} resources changed")
        deploying.finish(clients, props, secrets, lease=lease, on_event=on_event)
        purge(former.due - former.back)
        instance = self._with_fact(instance, former_secrets.FACT, "")
        if props.hostname and props.running:
            # Afterwards: a name that is not served yet is no reason to keep a version back.
            props, named = self._settle_name(instance, props, named, lease, on_event)
        if (old := instance.facts.get(host_name.SERVED)) and old != props.hostname:
            on_event(Event(text=f"{old} is not bound any more: have its DNS records removed"))
        self.register.update(instance.name, url=props.url)
        found = {**instance.facts, **deploying.facts(props, clients)}
        return {**found, **host_name.facts(props, named)}

    def drift(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """Return what was changed by hand since the last apply."""
        with self._engine(request.instance) as engine:
            if not engine.exists(request.instance.opaque):
                raise UnavailableError(
                    f"the engine has no record of {request.instance.name} to compare with",
                    hint=f"deploy it (again): tenantry instance deploy {request.instance.name}",
                    code="no-stack",
                )
            changes = engine.drift(
                request.instance.opaque,
                passphrase=self.engines.passphrase(request.instance),
                on_event=on_event,
            )
        arm = self.clients(request.instance).arm
        for one in self._resources(request.instance, "operationalinsights:Workspace"):
            changes += retention.differing(arm, one.id, int(one.inputs["retentionInDays"]))
        return [one for one in _real(changes) if not host_name.is_renewal(one)]

    def probe(self, request: Request) -> Sequence[Condition]:
        """Look at the instance and say how it is."""
        clients = self.clients(request.instance)
        if not values.is_made(request.instance):
            return unmade.look(now=clients.now())
        return observing.look(
            clients,
            self.props(request),
            spec=request.spec,
            instance=request.instance,
            drifted=lambda: [
                one.name for one in self.drift(request, lambda _: None) if one.kind is not ChangeKind.SAME
            ],
            own_rights=lambda: self.made(request.instance, ":RoleAssignment"),
        )

    def suspend(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """Stop the site; the rest goes on."""
        self._with_state(request, State.SUSPENDED, lease, on_event)

    def resume(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """Start the site again."""
        self._with_state(request, State.ACTIVE, lease, on_event)

    def back_up(self, request: Request, lease: Lease, on_event: OnEvent) -> Sequence[BackupRecord]:
        """Take an on-demand backup of the database."""
        clients = self.clients(request.instance)
        return backups.back_up(
            clients.arm,
            self.server_id(request.instance),
            now=clients.now(),
            lease=lease,
            on_event=on_event,
        )

    def lacks_backup(self, request: Request) -> bool:
        """Say whether the server lists no backup yet."""
        clients = self.clients(request.instance)
        needed = Service.DATABASE in request.profile.services
        return needed and not backups.is_there(clients.arm, self.server_id(request.instance))

    def backups(self, request: Request) -> Sequence[BackupRecord]:
        """Return the backups that the server lists, newest first."""
        return backups.listed(self.clients(request.instance).arm, self.server_id(request.instance))

    def logs(self, request: Request, *, process: str, lines: int) -> Sequence[str]:
        """Return the last lines of the site's log. A site has one log for all of its processes."""
        del process
        return deploying.log_lines(self.clients(request.instance), self.props(request), lines=lines)

    def execute(self, request: Request, command: Sequence[str], hold: Hold, on_event: OnEvent) -> int:
        """Run a command with the instance's environment on this machine, over the private way in."""
        self.names(request.instance)  # refused before a secret is made
        entering.planned(request.profile, command)  # and before Azure is asked
        secrets = values.ensure_secrets(self.vault(request.instance.opaque), request.profile)
        props = self.props(request, secrets=secrets)
        clients = self.clients(request.instance)
        return entering.execute(clients, props, secrets, command, hold=hold, on_event=on_event)

    def blobs(
        self, request: Request, lease: Lease, on_event: OnEvent, *, change: bool
    ) -> AbstractContextManager[files.Files]:
        """Lend the blobs over the private way in."""
        return files.opened(
            self.clients(request.instance), self.props(request), lease, on_event, change=change
        )

    def inventory(self, instance: Instance) -> frozenset[Asset]:
        """Return every asset of the instance that a look at Azure shows."""
        clients = self.clients(instance)
        if not values.is_made(instance):
            return unmade.inventory(clients.arm, clients.access.scope, instance.opaque)
        return inventory.inventory(clients.arm, clients.access.subscription_id, self.names(instance))

    def obstacles(self, instance: Instance) -> Mapping[str, Problem]:
        """Return what is somebody else's in the group, and locks of others there or above it."""
        if not values.is_made(instance):
            return {}
        clients, names = self.clients(instance), self.names(instance)
        group = inventory.group_id(clients.access.subscription_id, names)
        return foreign.obstacles(clients.arm, group, instance.opaque, names=names)

    def erase_steps(self, instance: Instance) -> Sequence[erasure.Step]:
        """Return the steps of erasure, in order."""
        return erasure.erase_steps(self, instance)

    def prove_absent(
        self, instance: Instance, known: frozenset[Asset], on_event: OnEvent
    ) -> Sequence[Evidence]:
        """Look at Azure's lists for what was known and for strays, until they agree that it is gone."""
        clients = self.clients(instance)
        now = clients.now()
        if not values.is_made(instance):
            return unmade.prove_absent(clients.arm, clients.access.scope, instance.opaque, now=now)
        return absence.prove_absent(
            clients.arm,
            clients.access.subscription_id,
            self.names(instance),
            known,
            now=now,
            on_event=on_event,
        )

    def now(self, instance: Instance) -> datetime:
        """Return the cloud's time."""
        return self.clients(instance).now()

    def residues(self, instance: Instance) -> Sequence[Residue]:
        """Look for what Azure keeps of the instance, and for its spec."""
        spec = kept_files.of_spec(instance, specs=self.workspace.specs, register=self.register)
        return [*self._kept(instance), *spec]

    def _kept(self, instance: Instance) -> Sequence[Residue]:
        current = self.register.find(instance.opaque) or instance
        clients = self.clients(current)
        if not values.is_made(current):
            return []
        return residues.look(
            clients.arm,
            clients.access.subscription_id,
            self.names(instance),
            residues.from_text(current.facts.get(residues.FACT, "")),
            now=clients.now(),
        )

    # --- what the parts of this target share ---

    def interrupt(self) -> None:
        """Ask the running engine to finish what it does and to start nothing new."""
        for engine in self._running:
            engine.interrupt()

    def subscription(self, spec: InstanceSpec) -> str:
        """Return the id of the subscription that an instance lives in or is to live in."""
        return self.subscriptions.of(self._living(spec.name), spec).access.subscription_id

    @property
    def rehearses(self) -> bool:
        """Whether what is made here is made to rehearse."""
        return self.subscriptions.of(None).access.cloud.rehearsal

    def clients(self, instance: Instance) -> Clients:
        """Return the clients of the subscription that an instance lives in."""
        return self.subscriptions.of(instance)

    def names(self, instance: Instance) -> AzureNames:
        """Return the names of everything that the instance consists of."""
        return values.names_of(instance, self.region(instance))

    def region(self, instance: Instance) -> str:
        """Return the region that the instance was made in, "" before that."""
        return instance.facts.get(values.REGION, "")

    def server_id(self, instance: Instance) -> str:
        """Return the id of the database server."""
        return deploying.server_id(self.clients(instance).access.subscription_id, self.names(instance))

    def made(self, instance: Instance, kind: str) -> frozenset[str]:
        """Return the ids of what the engine made of a kind (the end of a token), in lower case."""
        return frozenset(one.id.lower() for one in self._resources(instance, kind))

    def record_residue(self, instance: Instance, one: Residue) -> None:
        """Keep a residue that no list will show."""
        current = self.register.find(instance.opaque) or instance
        known = [
            old for old in residues.from_text(current.facts.get(residues.FACT, "")) if old.where != one.where
        ]
        self._keep(current, [*known, one])

    def record_residues(self, instance: Instance) -> None:
        """Keep all residues as they are seen now."""
        self._keep(self.register.find(instance.opaque) or instance, self._kept(instance))

    # --- parts of these ---

    def _settle_name(
        self, instance: Instance, props: AzureProps, seen: host_name.Seen, lease: Lease, on_event: OnEvent
    ) -> tuple[AzureProps, host_name.Seen]:
        """Bring the host name as far as it comes: seldom anywhere, and then an engine's run per stage."""
        clients = self.clients(instance)

        def declare(wanted: AzureProps) -> None:
            with self._engine(instance) as engine:
                engine.up(
                    instance.opaque,
                    azure_program(wanted),
                    passphrase=self.engines.passphrase(instance),
                    on_event=on_event,
                    refresh=False,  # it was looked at a moment ago
                    adopt=partial(self._find_made, instance),
                )

        return host_name.settle(clients.arm, props, seen, declare, lease=lease, on_event=on_event)

    def _find_made(self, instance: Instance, token: str, inputs: Mapping[str, object]) -> str:
        """Return the id of a resource whose create was interrupted, "" if it was not made, or by others."""
        if token not in TYPES:
            return ""
        clients, kind = self.clients(instance), TYPES[token]
        identity = resource_id(token, inputs, clients.access.subscription_id)
        found = clients.arm.get(identity, kind.version)
        if found is None:
            return ""
        group = inventory.group_id(clients.access.subscription_id, self.names(instance))
        own = foreign.is_own(clients.arm, found, kind.arm_type, group=group, opaque=instance.opaque)
        return identity if own else ""

    def _missing_roles(self, instance: Instance) -> Sequence[str]:
        """Return the ids of the role assignments that the engine has made and Azure does not show."""
        arm, version = self.clients(instance).arm, TYPES["azure-native:authorization:RoleAssignment"].version
        made = self._resources(instance, ":RoleAssignment")
        return [one.id for one in made if arm.get(one.id, version) is None]

    def _keep(self, instance: Instance, found: Sequence[Residue]) -> None:
        self.register.update(
            instance.opaque, facts={**instance.facts, residues.FACT: residues.as_text(found)}
        )

    def _decided(self, request: Request, on_event: OnEvent, *, record: bool, operation: str = "") -> Request:
        """Return the request with what is decided once for an instance; record it before it is used."""
        clients = self.subscriptions.of(request.instance, request.spec)
        facts = deciding.missing_facts(clients, request, operation=operation, on_event=on_event)
        if not facts:
            return request
        facts = {**request.instance.facts, **facts}
        instance = dataclasses.replace(request.instance, facts=facts)
        if record:
            instance = self.register.update(instance.name, facts=facts)
        return dataclasses.replace(request, instance=instance)

    def _newcomer(self, spec: InstanceSpec, services: frozenset[Service]) -> quotas.Newcomer:
        living = self._living(spec.name)
        names = self.names(living) if living is not None and values.is_made(living) else None
        server, account = (names.server, names.storage) if names is not None else ("", "")
        return quotas.Newcomer(
            spec=spec,
            region=values.region_of(spec),
            subscription_id=self.subscription(spec),
            server=server if Service.DATABASE in services else None,
            account=account if Service.BLOBS in services else None,
        )

    def _living(self, name: str) -> Instance | None:
        found = self.register.find(name)
        return found if found is not None and found.erased_at is None else None

    def props(self, request: Request, *, secrets: Mapping[str, str] | None = None) -> AzureProps:
        """Return what the program of a recorded instance is made from, with its secrets or others."""
        if secrets is None:
            secrets = values.ensure_secrets(self.vault(request.instance.opaque), request.profile)
        return values.azure_props(
            request,
            workspace=self.workspace,
            access=self.clients(request.instance).access,
            secrets=secrets,
        )

    def _with_former(self, instance: Instance, props: AzureProps) -> tuple[Instance, Former]:
        """Return which secrets are to go, recorded before the engine lets go of them."""
        made = [one.name for one in self._resources(instance, "keyvault:Secret")]
        former = Former.of(props, made, instance)
        return self._with_fact(instance, former_secrets.FACT, former.fact), former

    def _with_fact(self, instance: Instance, fact: str, value: str) -> Instance:
        """Return the instance with a fact, recorded."""
        if instance.facts.get(fact, "") == value:
            return instance
        return self.register.update(instance.name, facts={**instance.facts, fact: value})

    def _resources(self, instance: Instance, kind: str) -> list[Resource]:
        """Return what the engine's state has of a kind (the end of a token)."""
        made = self.engines.make(instance, {}).resources(instance.opaque)
        return [one for one in made if one.type.endswith(kind)]

    def _with_state(self, request: Request, state: State, lease: Lease, on_event: OnEvent) -> None:
        wanted = dataclasses.replace(request, instance=dataclasses.replace(request.instance, state=state))
        self.apply(wanted, lease, on_event)

    def _placed(self, request: Request) -> Request:
        """Return the request with the place of the engine's state, recorded before it is used."""
        instance, place = request.instance, self.engines.place
        self.engines.refuse_elsewhere([instance])
        return dataclasses.replace(request, instance=self._with_fact(instance, engines.FACT, place))

    @contextmanager
    def _engine(self, instance: Instance) -> Iterator[Engine]:
        clients = self.clients(instance)
        with self._native(clients) as providers, ExitStack() as lent:
            more = network_environment(clients.access)
            if not providers:
                more |= lent.enter_context(plugin_settings(clients))
            engine = self.engines.make(instance, providers, more)
            self._running.append(engine)
            try:
                yield engine
            finally:
                self._running.remove(engine)


def _real(changes: Sequence[Change]) -> Sequence[Change]:
    """Leave out the components: they only group resources, nothing of them is on Azure."""
    return [change for change in changes if not change.type.startswith(_COMPONENTS)]
