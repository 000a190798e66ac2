"""An instance that is not recorded yet, made up for a preview."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec, Workspace
from tenantry.ports import Instance

__all__ = ["is_planned", "planned_instance"]

_PLANNED = "tn-planned-"  # no recorded instance can have such a name: it has hyphens


def is_planned(instance: Instance) -> bool:
    """Tell whether an instance is made up for a preview."""
    return instance.opaque.startswith(_PLANNED)


def planned_instance(
    spec: InstanceSpec, profile: Profile, *, workspace: Workspace, url: str, ports: Sequence[str]
) -> Instance:
    """Return the instance that a first deploy would record, but for its names and numbers.

    The opaque name is new each time: previews that run beside each other are told apart.
    """
    return Instance(
        name=spec.name,
        opaque=f"{_PLANNED}{secrets.token_hex(3)}",
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
