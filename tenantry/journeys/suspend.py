"""Stop an instance's workload, and start it again. Database, backups and health go on."""

from __future__ import annotations

import dataclasses

from tenantry.errors import RefusedError
from tenantry.journeys.services import Services
from tenantry.model.lifecycle import State, check_transition
from tenantry.ports import Instance

__all__ = ["resume", "suspend"]


def suspend(instance: Instance, *, services: Services, reason: str) -> Instance:
    """Stop the workload; the state becomes suspended once it is seen to be stopped."""
    return _move(instance, State.SUSPENDED, services=services, reason=reason)


def resume(instance: Instance, *, services: Services, reason: str) -> Instance:
    """Start the workload; the state becomes active once it is seen to be up."""
    return _move(instance, State.ACTIVE, services=services, reason=reason)


def _move(instance: Instance, state: State, *, services: Services, reason: str) -> Instance:
    if instance.state is State.PROVISIONING:
        raise RefusedError(
            f"{instance.name} was never deployed to its end; there is nothing to suspend or resume",
            hint=f"tenantry instance deploy {instance.name}",
            code="illegal-transition",
        )
    check_transition(instance.name, instance.state, state)
    kind = "suspend" if state is State.SUSPENDED else "resume"
    with services.register.lease(instance, kind=kind, person=services.person, reason=reason) as lease:
        lease.intent(f"{instance.mark}{kind} the workload")
        request = services.request(dataclasses.replace(instance, state=state))
        act = services.target.suspend if state is State.SUSPENDED else services.target.resume
        act(request, lease, services.on_event)
        lease.evidence(f"{kind}: seen")
        return services.register.update(instance.name, state=state)
