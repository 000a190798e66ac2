"""An instance that is not recorded yet, made up for a preview."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec, Workspace
from tenantry.ports import Instance

__all__ = ["PLANNED", "planned_instance"]

PLANNED = "tn-planned"  # no instance can have this name: it has a hyphen


def planned_instance(
    spec: InstanceSpec, profile: Profile, *, workspace: Workspace, url: str, ports: Sequence[str]
) -> Instance:
    """Return the instance that a first deploy would record, but for its names and numbers."""
    return Instance(
        name=spec.name,
        opaque=PLANNED,
        client=spec.client.name,
        target=spec.target,
        host=workspace.host_name,
        state=State.PROVISIONING,
        profile=profile.name,
        version=spec.version or profile.version,
        url=url,
        uid=workspace.host.uid_base if os.geteuid() == 0 else None,
        ports={name: workspace.host.port_base + n for n, name in enumerate(ports)},
        generation=1,
        conditions=(),
        observed_at=None,
        created_at=datetime.now(UTC),
        erased_at=None,
        last_backup=None,
    )
