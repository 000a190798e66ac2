"""Binds the observers of ``probes`` to the parts of a host target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenantry.components.host.database import APP_ROLE
from tenantry.components.host.props import InstanceProps
from tenantry.errors import FailedError, UnavailableError
from tenantry.model.profile import DatabaseTransport
from tenantry.model.status import ChangeKind, Condition
from tenantry.ports import Event, Request
from tenantry.providers.base import UNSEEN
from tenantry.providers.host import archive
from tenantry.providers.host.postgres import query, query_over_tls
from tenantry.providers.host.proxy import root_certificate
from tenantry.providers.host.supervisor import listens
from tenantry.targets.host import backups, probes
from tenantry.targets.host.secrets import APP_PASSWORD, AUTHORITY

if TYPE_CHECKING:
    from tenantry.targets.host.target import HostTarget

__all__ = ["probe"]


def probe(target: HostTarget, request: Request) -> Sequence[Condition]:
    """Look at an instance with every observer there is; Unknown is all that a closed vault lets us say."""
    try:
        props = target.props(request)
    except (UnavailableError, FailedError) as error:
        return probes.blind(request.profile, error)
    machine = target.machine
    observers = probes.Observers(
        process=lambda service_id: _process(target, service_id),
        database=lambda: _query_as_application(props),
        archive_lag_seconds=lambda: archive.look(backups.server(props)).lag_seconds,
        backups=lambda: backups.listed(props, machine),
        authority=lambda: root_certificate(machine.layout),
        secrets=lambda: props.secrets,
        drifted=lambda: _drifted(target, request),
    )
    return probes.look(request, props, observers)


def _process(target: HostTarget, service_id: str) -> tuple[bool, int | None]:
    found = target.machine.supervised.look(service_id)
    if found is not None:
        return found.up, found.pid
    if listens(target.machine.layout.services / service_id / "supervise" / "control"):
        raise UnavailableError(
            f"{service_id} is supervised, but s6-svstat does not say how it is", code="process-unseen"
        )
    return False, None


def _drifted(target: HostTarget, request: Request) -> Sequence[str]:
    """Return what was changed by hand. Where that is nothing, all must have been looked at."""
    changes = [one for one in target.drift(request, _silent) if one.kind is not ChangeKind.SAME]
    changed = [one.name for one in changes if one.properties != (UNSEEN,)]
    if changes and not changed:
        names = ", ".join(one.name for one in changes)
        raise UnavailableError(f"cannot be looked at: {names}", code="unseen")
    return changed


def _query_as_application(props: InstanceProps) -> None:
    if props.profile.database.transport is DatabaseTransport.TLS:
        query_over_tls(
            "select 1",
            host="localhost",
            port=props.ports["database"],
            database=props.database_name,
            user=APP_ROLE,
            password=props.secrets[APP_PASSWORD],
            ca_file=props.layout.secrets(props.opaque) / AUTHORITY,
        )
    else:
        query(backups.server(props), "select 1", database=props.database_name, timeout=5)


def _silent(_: Event) -> None:
    """Show nothing."""
