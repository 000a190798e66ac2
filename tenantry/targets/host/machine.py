"""The parts that work on this machine, made once for a target."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

from tenantry.model.spec import HostSettings
from tenantry.providers.handler import Handler
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.process import Supervised, service_ids
from tenantry.providers.host.proxy import Proxy
from tenantry.providers.host.supervisor import Supervisor
from tenantry.providers.host.table import handlers

__all__ = ["Machine"]

_TRAVERSABLE = 0o711  # instances reach their own folders, and list nobody's


class Machine:
    """Executor, layout, supervisor and proxy of this host."""

    def __init__(self, settings: HostSettings) -> None:
        self.settings = settings
        self.layout = HostLayout(settings.root, settings.runtime)
        self.executor = Executor()

    @cached_property
    def supervisor(self) -> Supervisor:
        """The supervisor under which all instances of this host run."""
        return Supervisor(self.executor, self.layout)

    @cached_property
    def supervised(self) -> Supervised:
        """The services of the supervisor."""
        return Supervised(self.executor, self.layout, supervisor=self.supervisor)

    @cached_property
    def proxy(self) -> Proxy:
        """The proxy in front of all instances of this host."""
        return Proxy(self.executor, self.layout, settings=self.settings, supervised=self.supervised)

    @cached_property
    def handlers(self) -> Sequence[Handler]:
        """One handler of each resource type."""
        return handlers(self.settings, executor=self.executor, supervised=self.supervised, proxy=self.proxy)

    def proxy_uid(self) -> int | None:
        """Return the proxy's user, which may reach the workloads' ports; None without root."""
        return self.proxy.uid() if os.geteuid() == 0 else None

    def services(self) -> Sequence[str]:
        """Return the names of the services that the supervisor has."""
        return service_ids(self.layout)

    def prepare(self) -> None:
        """Make the host's own folders, and the proxy's user: rules name it. Have the supervisor run."""
        for folder in (self.layout.root, self.layout.runtime):
            folder.parent.mkdir(parents=True, exist_ok=True)
            self.executor.folder(folder, mode=_TRAVERSABLE)
        for name in ("volumes", "backups"):
            self.executor.folder(self.layout.root / name, mode=_TRAVERSABLE)
        self.executor.folder(self.layout.packages, mode=0o755)
        self.proxy.ensure_user()
        if self.services():  # what runs without a supervisor is in order, until it dies
            self.supervisor.ensure_running()

    def stop(self) -> None:
        """Stop the supervisor and all under it. Data, secrets on tmpfs and records stay."""
        if not self.layout.runtime.is_dir():  # nothing was ever started since the machine was
            if not self.supervisor.unit.exists():
                return
            self.executor.folder(self.layout.runtime, mode=_TRAVERSABLE)
        self.supervisor.stop()

    def leave(self) -> None:
        """Take the host's own services away, after the last instance has gone."""
        self.proxy.remove()
        self.supervisor.stop()
        for folder in (self.layout.runtime, self.layout.proxy_state):
            self.executor.remove(folder)
