"""A host name of the client's own on a site: what Azure sees of it, and how it is brought to be served.

Nothing is remembered of how far it came: each look asks Azure. The DNS is seen
through Azure's eyes too, because its verdict counts and not our resolver's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.components.azure.props import AzureProps, Binding
from tenantry.errors import TenantryError
from tenantry.model.azure_types import TYPES, resource_id
from tenantry.model.status import Change, ChangeKind
from tenantry.ports import Event, Lease, OnEvent
from tenantry.targets.azure import locks

__all__ = [
    "ABSENT",
    "RECORDS",
    "SERVED",
    "Seen",
    "certificate",
    "facts",
    "is_renewal",
    "look",
    "next_stage",
    "settle",
    "unbind",
]

# Facts of an instance.
SERVED: Final = "served_host"  # the name of its own that it is served under; "": App Service's
RECORDS: Final = "dns_records"  # that its name needs, as JSON: [{"name", "type", "value"}]

_SITE: Final = "azure-native:web:WebApp"
_CERTIFICATE: Final = "azure-native:web:Certificate"
_BINDING: Final = "azure-native:web:WebAppHostNameBinding"
_PATIENCE_SECONDS: Final = 60.0
_WITH_TLS: Final = frozenset({"SniEnabled", "IpBasedEnabled"})


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What Azure says of a name."""

    binding: Binding = Binding.NONE
    made: bool = False  # the site is there
    ready: bool = False  # it is not bound, and may be: its records are there
    taken_by: str = ""  # the app that has the name; "": nobody
    records: Sequence[Mapping[str, str]] = ()  # that the name's owner makes, and keeps

    @property
    def wanted(self) -> str:
        """The records in words."""
        return ", ".join(f"{one['type']} {one['name']} → {one['value']}" for one in self.records)


ABSENT: Final = Seen()


def look(arm: Reads, props: AzureProps) -> Seen:
    """Ask Azure: one call when the name is served, two before, none where no name is asked for."""
    if not props.hostname:
        return ABSENT
    site = _id(_SITE, {"name": props.names.site}, props)
    found = arm.get(site, TYPES[_SITE].version)
    if found is None:
        return ABSENT
    properties = found.get("properties") or {}
    seen = Seen(made=True, records=_records(props.hostname, properties))
    states = {str(one.get("name")).lower(): one for one in properties.get("hostNameSslStates") or ()}
    state = states.get(props.hostname)
    if state is None:
        return _analyzed(arm, site, props, seen, own=str(properties.get("defaultHostName")))
    if state.get("sslState") in _WITH_TLS:
        return replace(seen, binding=Binding.SECURED)
    made = certificate(arm, props).get("thumbprint")
    return replace(seen, binding=Binding.CERTIFIED if made else Binding.BOUND)


def certificate(arm: Reads, props: AzureProps) -> Mapping[str, Any]:
    """Return what Azure tells of the name's certificate, nothing where there is none."""
    identity = _id(_CERTIFICATE, {"name": props.names.certificate(props.hostname)}, props)
    found = arm.get(identity, TYPES[_CERTIFICATE].version) or {}
    properties: Mapping[str, Any] = found.get("properties") or {}
    return properties


def next_stage(seen: Seen) -> Binding:
    """Return how the name is to be declared: one stage on where that can be, else as it is."""
    match seen.binding:
        case Binding.NONE:
            return Binding.CERTIFIED if seen.ready else Binding.NONE
        case Binding.BOUND:
            return Binding.CERTIFIED
        case _:
            return Binding.SECURED


def settle(
    arm: Arm,
    props: AzureProps,
    seen: Seen,
    declare: Callable[[AzureProps], None],
    *,
    lease: Lease,
    on_event: OnEvent,
) -> tuple[AzureProps, Seen]:
    """Declare one stage after the other, until the name is served or does not come further.

    What keeps it from that (a certificate that is not issued) is told and does not fail
    the deploy: the instance answers under its other name.

    Args:
        arm: Resource Manager.
        props: as they were declared before.
        seen: what was seen before that; ABSENT where nobody has looked.
        declare: runs the engine on other props.
        lease: of the deploy.
        on_event: hears of each stage.
    """
    if not seen.made:
        seen = look(arm, props)
    while (stage := next_stage(seen)) is not seen.binding:
        on_event(Event(text=f"host name {props.hostname}: {stage}"))
        lease.intent(f"host name: {stage}")
        try:
            declare(replace(props, binding=stage))
        except TenantryError as error:
            lease.check()
            if error.code == "interrupted":
                raise
            on_event(Event(text=f"the host name is not served: {error.message}"))
            lease.evidence(f"host name not {stage}: {error.message}")
            return props, look(arm, props)
        before, seen = seen, look(arm, props)
        lease.evidence(f"host name: {seen.binding}")
        props = replace(props, binding=seen.binding)
        if seen.binding is before.binding:
            break
    return props, seen


def unbind(arm: Arm, props: AzureProps, bound: Collection[str], *, lease: Lease, on_event: OnEvent) -> None:
    """Unbind host names that are asked for no more, under the site's delete lock, which forbids that.

    The engine would unbind them too, but it puts the lock back first.

    Args:
        arm: Resource Manager.
        props: with the name that is asked for; "": none.
        bound: the ids of the bindings that the engine made.
        lease: of the deploy.
        on_event: hears of each.

    Raises:
        FailedError: somebody else locked the site.
    """
    kind = TYPES[_BINDING]
    site = _id(_SITE, {"name": props.names.site}, props)
    for one in bound:
        host = one.rpartition("/")[2]
        if host == props.hostname:
            continue
        on_event(Event(text=f"unbinding the host name {host}"))
        lease.intent(f"host name: unbind {host}")
        locks.delete_part(arm, one, kind.version, of=site, lease=lease)
        _see_that_it_is_gone(arm, one)
        lease.evidence(f"host name: {host} is not bound")


def _see_that_it_is_gone(arm: Arm, binding: str) -> None:
    """Look until a binding is not seen any more: else the engine deletes it again, under the lock."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while arm.get(binding, TYPES[_BINDING].version) is not None and time.monotonic() < deadline:
        time.sleep(1)


def is_renewal(change: Change) -> bool:
    """Say whether a change is that App Service renewed the certificate: nobody's hand."""
    renewed = frozenset({"thumbprint"})
    return (
        change.type == _BINDING
        and change.kind is ChangeKind.UPDATE
        and frozenset(change.properties) == renewed
    )


def facts(props: AzureProps, seen: Seen) -> Mapping[str, str]:
    """Return what the register keeps."""
    served = props.hostname if props.binding is Binding.SECURED else ""
    return {SERVED: served, RECORDS: json.dumps([dict(one) for one in seen.records])}


def _analyzed(arm: Reads, site: str, props: AzureProps, seen: Seen, *, own: str) -> Seen:
    """Return what is seen of a name that is not bound."""
    path = f"{site}/analyzeCustomHostname"
    answer = arm.get(path, TYPES[_SITE].version, hostName=props.hostname) or {}
    told = answer.get("properties") or {}
    leads = {str(one).rstrip(".").lower() for one in told.get("cNameRecords") or ()}
    taken = str(told.get("conflictingAppResourceId") or "")
    if told.get("hasConflictAcrossSubscription") or told.get("hasConflictOnScaleUnit"):
        taken = taken or "an app in another subscription"
    passed = told.get("customDomainVerificationTest") == "Passed" and own.lower() in leads
    return replace(seen, ready=passed and not taken, taken_by=taken)


def _records(hostname: str, site: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    return (
        {"name": hostname, "type": "CNAME", "value": str(site.get("defaultHostName") or "")},
        {
            "name": f"asuid.{hostname}",
            "type": "TXT",
            "value": str(site.get("customDomainVerificationId") or ""),
        },
    )


def _id(token: str, inputs: Mapping[str, str], props: AzureProps) -> str:
    whole = {"resourceGroupName": props.names.resource_group, **inputs}
    return resource_id(token, whole, props.subscription_id)
