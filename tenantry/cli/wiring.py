"""Puts the parts together: the only module that knows targets and adapters.

Everything is made when it is first asked for, so that a command pays for what
it uses and no more.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tenantry.errors import Problem, SpecError, UnavailableError
from tenantry.journeys.services import Services, existing
from tenantry.model.names import new_opaque_name
from tenantry.model.profile import Process, Profile, Service
from tenantry.model.spec import InstanceSpec, TargetKind, Workspace
from tenantry.ports import Event, Instance, OnEvent, Operation

if TYPE_CHECKING:
    from ssl import SSLContext

    from tenantry.adapters.register import SqlRegister
    from tenantry.adapters.vault import FileVault
    from tenantry.ports import Target
    from tenantry.targets.azure.clients import Clients
    from tenantry.targets.azure.target import AzureTarget
    from tenantry.targets.dispatch import Targets
    from tenantry.targets.host.target import HostTarget

__all__ = ["Wiring", "endpoints", "trusting"]


def _no_spec(path: Path, name: str) -> SpecError:
    if os.path.lexists(path):
        leads = path.is_symlink() and not path.exists()
        what = f"is a link to {path.readlink()}, which is not there" if leads else "is no file"
        hint = "a spec is a file: move away what is there"
        return SpecError(f"{path} {what}", hint=hint, where=str(path), code="unreadable")
    beside = path.with_suffix(".yml")
    if beside.exists():
        message, hint = f"{beside} is not read: a spec ends in .yaml", f"rename it to {path.name}"
        return SpecError(message, hint=hint, where=str(beside), code="wrong-extension")
    return SpecError(f"there is no spec {path}", hint=f"tenantry instance new {name}", code="no-spec")


def _quiet(_: Event) -> None:
    """Show nothing."""


class Wiring:
    """The parts of one workspace."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = (folder or Path.cwd()).absolute()

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace, read from its tenantry.yaml."""
        from tenantry.config.workspace import load_workspace

        return load_workspace(self._folder)

    @cached_property
    def register(self) -> SqlRegister:
        """The register, opened and at the newest schema."""
        from tenantry.adapters.clock import SystemClock
        from tenantry.adapters.register import open_register

        workspace = self.workspace
        if not workspace.private.is_dir():
            raise SpecError(
                f"{workspace.folder} is not set up yet",
                hint=f"tenantry init --workspace {workspace.folder}",
                code="no-workspace",
            )
        return open_register(
            workspace.register_url,
            host=workspace.host_name,
            clock=SystemClock(),
            uid_base=workspace.host.uid_base,
            port_base=workspace.host.port_base,
        )

    @cached_property
    def host(self) -> HostTarget:
        """The target for instances on this machine."""
        from tenantry.targets.host.target import HostTarget

        return HostTarget(workspace=self.workspace, register=self.register, vault=self.vault)

    @cached_property
    def azure(self) -> AzureTarget:
        """The target for instances in the workspace's cloud."""
        from tenantry.targets.azure.target import AzureTarget

        return AzureTarget(
            workspace=self.workspace, register=self.register, vault=self.vault, native=self.native
        )

    @cached_property
    def targets(self) -> Targets:
        """Where instances live, by kind."""
        from tenantry.targets.dispatch import Targets

        host: Callable[[], Target] = lambda: self.host  # noqa: E731 - made when it is first asked for
        azure: Callable[[], Target] = lambda: self.azure  # noqa: E731
        return Targets({TargetKind.HOST: host, TargetKind.AZURE: azure})

    @contextmanager
    def native(self, clients: Clients) -> Iterator[Mapping[str, int]]:
        """Lend the provider azure-native: the engine's own plugin where it is, a stand-in to rehearse with.

        Raises:
            UnavailableError: a real cloud is to be worked on, and the plugin is not there.
        """
        from tenantry.adapters.engine_plugins import has_plugin

        access = clients.access
        if has_plugin(self.workspace.private / "engine" / "home", "azure-native"):
            yield {}
        elif access.cloud.rehearsal:
            from tenantry.sandbox.native.provider import serve

            principal = clients.principal
            with serve(
                clients.arm,
                clients.vault,
                subscription_id=access.subscription_id,
                directory_id=access.directory_id,
                client_id=principal.client_id,
                object_id=principal.object_id,
            ) as port:
                yield {"azure-native": port}
        else:
            raise UnavailableError(
                "the engine's plugin azure-native is not installed",
                hint="pulumi plugin install resource azure-native 3.29.0",
                code="no-plugin",
            )

    def interrupt(self) -> None:
        """Ask the running engine, of whichever target, to finish what it does and to start nothing new."""
        for name in ("host", "azure"):
            if name in self.__dict__:  # made before, so that it may run something
                getattr(self, name).interrupt()

    def vault(self, opaque: str) -> FileVault:
        """The vault of one instance, by opaque name."""
        from tenantry.adapters.vault import FileVault

        return FileVault(
            self.workspace.private / "vault",
            opaque=opaque,
            master_key_file=self.workspace.master_key_file,
        )

    def load_for_looks(self, targets: Collection[str]) -> None:
        """Import, in this one thread, what instances with these targets are looked at with."""
        from tenantry.adapters.loading import load_for_looks

        load_for_looks(targets)

    def services(self, on_event: OnEvent = _quiet) -> Services:
        """All that a journey needs."""
        from tenantry.adapters.clock import SystemClock

        return Services(
            register=self.register,
            target=self.targets,
            vault=lambda instance: self.vault(instance.opaque),
            clock=SystemClock(),
            person=person(),
            on_event=on_event,
            load=self.load,
        )

    def spec(self, name: str, *, complete: bool = True) -> tuple[InstanceSpec, Profile]:
        """Read the spec of that name and its profile.

        Args:
            name: of the instance; one that cannot be a name is refused before any file is looked at.
            complete: refuse a spec whose profile needs settings that it does not give.
        """
        from tenantry.config.formats import check_instance_name
        from tenantry.config.profile import load_profile
        from tenantry.config.spec import load_spec

        check_instance_name(name)
        path = self.workspace.specs / f"{name}.yaml"
        if not path.is_file():
            raise _no_spec(path, name)
        spec = load_spec(path, workspace=self.workspace, complete=complete)
        return spec, load_profile(spec.profile, workspace=self.workspace)

    def check_spec(self, spec: InstanceSpec, profile: Profile) -> None:
        """Raise for what a target cannot hold. A cloud is not asked: that is preflight's work."""
        if spec.target is TargetKind.AZURE:
            self.azure.check_offline(spec, profile)
        else:
            self.host.check(spec, profile)

    def cautions(self, spec: InstanceSpec, profile: Profile) -> tuple[Problem, ...]:
        """Return what to know of a spec that may be deployed, beside what is wrong with it."""
        if spec.target is not TargetKind.AZURE:
            return ()
        from tenantry.targets.azure.cautions import cautions

        living = self.living(spec.name)
        return cautions(spec, profile, living.facts if living is not None else {})

    def standby_offered(self, name: str) -> bool:
        """Say whether Azure did not deny the instance of that name a standby when it was made."""
        from tenantry.targets.azure.cautions import offers_standby

        living = self.living(name)
        return offers_standby(living.facts if living is not None else {})

    def load(self, instance: Instance) -> tuple[InstanceSpec, Profile]:
        """Read the spec and profile of an instance that exists."""
        return self.spec(instance.name)

    def living(self, name: str) -> Instance | None:
        """Return the instance of that name, None if there is none or it is erased."""
        found = self.register.find(name)
        return found if found is not None and found.erased_at is None else None

    def missing_secrets(self, spec: InstanceSpec, profile: Profile) -> Sequence[Problem]:
        """Tell the secrets that a person must give and has not given to the instance of that spec."""
        from tenantry.config.profile import missing_secrets

        living = self.living(spec.name)
        present = set(self.vault(living.opaque).names()) if living is not None else set()
        return missing_secrets(profile, spec, self.workspace, present)

    def existing(self, name: str) -> Instance:
        """Return the living instance of that name."""
        return existing(self.register, name)

    def workable(self, name: str) -> Instance:
        """Return the living instance of that name, if its cloud is the workspace's."""
        instance = self.existing(name)
        self.refuse_other_cloud(instance)
        return instance

    def refuse_other_cloud(self, instance: Instance) -> None:
        """Raise RefusedError for an instance that was made in another cloud than the workspace's."""
        if instance.target == TargetKind.AZURE:
            self.azure.subscriptions.refuse_other_cloud(instance)

    def adder(self, spec: InstanceSpec, profile: Profile) -> Callable[[], Instance]:
        """Return what records the instance, or finds it recorded."""

        def add() -> Instance:
            return self.register.add(
                spec=spec,
                opaque=new_opaque_name(),
                url=self.url(spec),
                ports=port_names(profile) if spec.target is TargetKind.HOST else (),
                with_uid=os.geteuid() == 0 and spec.target is TargetKind.HOST,
            )

        return add

    def planned(self, spec: InstanceSpec, profile: Profile) -> Callable[[], Instance]:
        """Return what makes an instance up for a preview, recorded nowhere."""
        from tenantry.targets.host.planned import planned_instance

        return lambda: planned_instance(
            spec, profile, workspace=self.workspace, url=self.url(spec), ports=port_names(profile)
        )

    @cached_property
    def tools(self) -> ModuleType:
        """What finds programs on this machine."""
        from tenantry.adapters import tools

        return tools

    def master_key(self, *, make: bool = False) -> Path:
        """Return where the master key lies, once it was seen to be readable (and made, if asked).

        Raises:
            TenantryError: it is not there, or others may read it.
        """
        from tenantry.adapters.master_key import create_master_key, read_master_key

        path = self.workspace.master_key_file
        if make and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            create_master_key(path)
        read_master_key(path)
        return path

    def runs(self, operation: Operation) -> bool:
        """Say whether the process of an operation of this host lives."""
        from tenantry.adapters.processes import is_alive

        return is_alive(operation.pid, operation.process_started)

    def subscription(self, spec: InstanceSpec) -> str:
        """The id of the subscription that an instance lives in or is to live in; "" on a host."""
        return self.azure.subscription(spec) if spec.target is TargetKind.AZURE else ""

    def rehearses(self, spec: InstanceSpec) -> bool:
        """Say whether what is made from a spec is made to rehearse, in no real cloud."""
        return spec.target is TargetKind.AZURE and self.azure.rehearses

    def url(self, spec: InstanceSpec) -> str:
        """The address at which people reach the instance; "" on Azure, which gives it one."""
        if spec.target is TargetKind.AZURE:
            return ""
        port = self.workspace.host.https_port
        return f"https://{spec.hostname}" + ("" if port == 443 else f":{port}")  # noqa: PLR2004


def endpoints(private: Path) -> Mapping[str, str]:
    """Return what the running sandbox of a workspace tells its clients; UnavailableError when it does not."""
    from tenantry.targets.azure import clouds

    return clouds.endpoints(private / "sandbox")


def trusting(ca_file: Path) -> SSLContext:
    """Return what verifies HTTPS with the sandbox's authority; UnavailableError when that is gone."""
    from tenantry.targets.azure import clouds

    return clouds.trusting(ca_file)


def person() -> str:
    """Who runs the command: the login behind sudo, where there is one."""
    return os.environ.get("SUDO_USER") or pwd.getpwuid(os.geteuid()).pw_name


def port_names(profile: Profile) -> list[str]:
    """Return the names of the private ports that an instance of the profile needs."""
    listening: list[Process] = [p for p in profile.processes if p.listens]
    database = ["database"] if Service.DATABASE in profile.services else []
    return database + [process.name for process in listening]
