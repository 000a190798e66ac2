"""What was observed of an instance on a host after it was applied."""

from __future__ import annotations

from collections.abc import Mapping

from tenantry.components.host.database import APP_ROLE
from tenantry.components.host.props import InstanceProps
from tenantry.model.spec import TlsMode
from tenantry.ports import Request
from tenantry.providers.host import guard, limits
from tenantry.providers.host.proxy import root_certificate
from tenantry.targets.host.machine import Machine
from tenantry.targets.host.values import database_host

__all__ = ["observed_facts"]


def observed_facts(
    request: Request, props: InstanceProps, *, machine: Machine, encryption: str
) -> Mapping[str, str]:
    """Return the facts that ``instance show`` tells; each was looked at, not taken from the spec."""
    facts = {"isolation": _isolation(props, machine), "encryption": encryption}
    if "database" in request.instance.ports:
        facts |= {
            "database_host": database_host(request, machine.layout),
            "database_name": props.database_name,
            "database_user": APP_ROLE,
            "database_ca_file": str(machine.layout.secrets(props.opaque) / "database.authority.certificate"),
        }
    if props.spec.tls.mode is TlsMode.OWN_CA:
        facts["ca_file"] = str(root_certificate(machine.layout))
    return facts


def _isolation(props: InstanceProps, machine: Machine) -> str:
    if not props.as_root:
        return "none: everything runs as the invoking user (run tenantry as root for a user per instance)"
    parts = [f"Unix user {props.opaque}"]
    parts.append(
        "firewall" if guard.observe(machine.executor, machine.layout, props.opaque) else "no firewall"
    )
    held = sorted(limits.enforced(machine.layout, props.opaque))
    parts.append("limits: " + (", ".join(held) or "none"))
    return ", ".join(parts)
