"""Bring an instance to what its spec asks for, and look that it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tenantry.errors import FailedError, RefusedError
from tenantry.journeys.services import Services
from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec
from tenantry.model.status import Change, ChangeKind, Condition, Truth
from tenantry.ports import Event, Instance, Lease, Request

__all__ = ["deploy", "preview"]

_DEPLOYABLE = frozenset({State.PROVISIONING, State.ACTIVE, State.SUSPENDED})
_ANSWER_SECONDS = 45.0  # the longest that what was started may take to answer


def preview(
    spec: InstanceSpec, profile: Profile, *, services: Services, new: Callable[[], Instance]
) -> Sequence[Change]:
    """Return what deploy would change. Nothing is recorded, and nothing is made that stays.

    The looks before it may write what they then remove, such as an object in a store of the team's.
    """
    services.target.check(spec, profile)
    found = services.register.find(spec.name)
    instance = found if found is not None and found.erased_at is None else new()
    request = Request(spec=spec, profile=profile, instance=instance)
    return [
        change
        for change in services.target.preview(request, services.on_event)
        if change.kind is not ChangeKind.SAME
    ]


def deploy(
    spec: InstanceSpec,
    profile: Profile,
    *,
    services: Services,
    add: Callable[[], Instance],
    digest: str,
    url: str = "",
    reason: str = "",
) -> tuple[Instance, Sequence[Condition]]:
    """Deploy one instance: apply, first backup, then health.

    Every step may be repeated; a run that was killed is finished by the same call.

    Args:
        spec: what is asked for.
        profile: of the workload.
        services: the ports to work through.
        add: records a new instance in the register, or returns the one that is there.
        digest: of spec and profile; what was asked for, for the journal.
        url: where people reach the instance; it follows the spec's host name. Empty: as it is.
        reason: why, for the journal.

    Returns:
        The instance, and its conditions as they were seen at the end.

    Raises:
        RefusedError: the instance is being closed or erased, or data would be lost.
        FailedError: something did not come up; the message names the step.
    """
    services.target.check(spec, profile)
    instance = add()
    if instance.state not in _DEPLOYABLE:
        raise RefusedError(
            f"{spec.name} is {instance.state}; it cannot be deployed",
            hint=f"finish its erasure: tenantry erase run {spec.name} --confirm {spec.name}",
            code="illegal-transition",
        )
    register = services.register
    with register.lease(instance, kind="deploy", person=services.person, reason=reason) as lease:
        if url and instance.url != url:
            instance = register.update(spec.name, url=url)
        request = Request(spec=spec, profile=profile, instance=instance)
        lease.intent(f"{instance.mark}deploy {spec.profile} {spec.version or profile.version}, spec {digest}")
        facts = services.target.apply(request, lease, services.on_event)
        lease.check()
        instance = register.update(
            spec.name,
            facts={**instance.facts, **facts},
            version=spec.version or profile.version,
            profile=spec.profile,
            client=spec.client.name,
            spec_digest=digest,
        )
        _first_backup(Request(spec=spec, profile=profile, instance=instance), services, lease)
        if instance.state is State.PROVISIONING:
            instance = register.update(spec.name, state=State.ACTIVE)
        services.on_event(Event(text="looking at its health"))
        conditions = _settled(Request(spec=spec, profile=profile, instance=instance), services)
        register.observe(spec.name, conditions, at=services.clock.now())
        bad = [c for c in conditions if c.status is not Truth.TRUE]
        lease.evidence(f"{instance.mark}conditions: " + ", ".join(f"{c.type}={c.status}" for c in conditions))
        if bad:
            lease.finish("failed", f"{bad[0].type}: {bad[0].message}")
    current = register.find(spec.name)
    if current is None:
        raise FailedError(f"{spec.name} vanished from the register while it was deployed")
    return current, conditions


def _first_backup(request: Request, services: Services, lease: Lease) -> None:
    if not services.target.lacks_backup(request):
        if request.instance.last_backup is None:
            # A run that was killed took it and did not get to say so.
            there = services.target.backups(request)
            newest = max((one.finished for one in there), default=None)
            services.register.update(request.spec.name, last_backup=newest)
        return
    services.on_event(Event(text="taking the first backup"))
    lease.intent("first full backup")
    made = services.target.back_up(request, lease, services.on_event)
    services.register.update(request.spec.name, last_backup=max(b.finished for b in made))
    lease.evidence("backups: " + ", ".join(b.id for b in made))


def _settled(request: Request, services: Services) -> Sequence[Condition]:
    """Probe until all is well, or what was started has had its time to answer: nobody waits for people."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while True:
        conditions = services.target.probe(request)
        well = all(c.status is Truth.TRUE or c.awaits_people for c in conditions)
        if well or time.monotonic() > deadline:
            return conditions
        time.sleep(0.5)
