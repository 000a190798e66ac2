"""All resource types of the host provider, put together once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tenantry.model.spec import HostSettings
from tenantry.providers.handler import Handler
from tenantry.providers.host.account import Account
from tenantry.providers.host.cluster import Cluster
from tenantry.providers.host.database import Database
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.folder import DataFolder, Folder
from tenantry.providers.host.guard import Guard
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.limits import Limits
from tenantry.providers.host.package import Package
from tenantry.providers.host.process import Process, Supervised
from tenantry.providers.host.proxy import Proxy
from tenantry.providers.host.role import Role
from tenantry.providers.host.secret_files import SecretFiles
from tenantry.providers.host.site import Site
from tenantry.providers.host.snapshots import Snapshots
from tenantry.providers.host.stanza import Stanza
from tenantry.providers.host.task import Task
from tenantry.providers.host.volume import Volume

__all__ = ["handlers", "settings_from_environment"]


def handlers(
    settings: HostSettings | None = None,
    *,
    executor: Executor | None = None,
    supervised: Supervised | None = None,
    proxy: Proxy | None = None,
) -> Sequence[Handler]:
    """Return one handler of each type for a host.

    Args:
        settings: of the host; without them the plugin's environment tells them.
        executor: changes the machine.
        supervised: the services of the host's supervisor.
        proxy: of the host.
    """
    settings = settings or settings_from_environment()
    executor = executor or Executor()
    layout = HostLayout(settings.root, settings.runtime)
    supervised = supervised or Supervised(executor, layout)
    proxy = proxy or Proxy(executor, layout, settings=settings, supervised=supervised)
    plain = (
        *(Account, Volume, Folder, DataFolder, SecretFiles, Limits, Guard, Package),
        *(Database, Role, Stanza, Snapshots, Task),
    )
    return (
        *(kind(executor, layout) for kind in plain),
        Cluster(executor, layout, supervised=supervised),
        Process(executor, layout, supervised=supervised),
        Site(executor, layout, proxy=proxy),
    )


def settings_from_environment() -> HostSettings:
    """Return where the host's folders lie, as TENANTRY_HOST_ROOT and TENANTRY_HOST_RUNTIME say.

    Ports and the like are left at their defaults: the plugin looks, refreshes and
    previews, and what it finds in the state tells it the rest.
    """
    return HostSettings(
        root=Path(os.environ.get("TENANTRY_HOST_ROOT", "/var/lib/tenantry")),
        runtime=Path(os.environ.get("TENANTRY_HOST_RUNTIME", "/run/tenantry")),
    )
