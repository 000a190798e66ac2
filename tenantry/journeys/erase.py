"""Erase an instance so that nothing can be recovered, and prove by looking that it is gone.

The order is the target's: writers stop, credentials are revoked, the engine
destroys, keys are destroyed, the stack goes with its history, and its own
passphrase last, since without it nothing before it can be repeated after a
kill. What counts is the look afterwards: it does not ask the engine, and it
covers the whole host, so that a stray which nobody recorded is found as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tenantry.errors import DefectError, FailedError
from tenantry.journeys.services import Services
from tenantry.model.lifecycle import State
from tenantry.model.status import Asset, Evidence
from tenantry.ports import Event, Instance, Lease

__all__ = ["erase"]

_WAY_IN = {State.ACTIVE: State.CLOSING, State.SUSPENDED: State.CLOSING}


def erase(instance: Instance, *, services: Services, reason: str) -> tuple[bool, Sequence[Evidence]]:
    """Erase, then prove. An instance that is erased already is only proved again.

    Returns:
        Whether every asset was seen to be absent, and the evidence for each.

    Raises:
        FailedError: something that is not the instance's is in the way. Where that is seen at once,
            the instance stays as it is.
    """
    if instance.state is State.ERASED:
        evidence = services.target.prove_absent(instance, _recorded(instance), services.on_event)
        return _all_absent(evidence), evidence
    with services.register.lease(instance, kind="erase", person=services.person, reason=reason) as lease:

        def tell(event: Event) -> None:
            if event.recorded:
                lease.intent(f"{instance.mark}erase: {event.text}")
            services.on_event(event)

        if stopping := services.target.obstacles(instance):
            raise FailedError(problems=[*stopping.values()])
        instance = _enter(instance, services=services)
        known = _recorded(instance) | services.target.inventory(instance)
        _remember(instance, known, services=services)
        lease.intent(f"{instance.mark}erase: " + _as_text(known))
        for name, method, act in services.target.erase_steps(instance):
            lease.check()
            lease.intent(f"{instance.mark}erase: {name}")
            services.on_event(Event(text=name))
            act(tell)
            lease.evidence(f"{instance.mark}erase: {name}: done ({method})")
        services.on_event(Event(text="looking whether anything is left"))
        evidence = services.target.prove_absent(instance, known, services.on_event)
        for residue in services.target.residues(instance):
            until = f"{residue.until:%Y-%m-%d}" if residue.until else "unknown"
            dates = f"{instance.mark}residue since {residue.since:%Y-%m-%d} until {until}"
            lease.evidence(f"{dates}: {residue.where}: {residue.what}")
        return _conclude(instance, evidence, lease=lease, services=services), evidence


def _enter(instance: Instance, *, services: Services) -> Instance:
    """Take the instance to erasing; on the way it is closing."""
    if instance.state in _WAY_IN:
        instance = services.register.update(instance.name, state=_WAY_IN[instance.state])
    return services.register.update(instance.name, state=State.ERASING)


def _conclude(instance: Instance, evidence: Sequence[Evidence], *, lease: Lease, services: Services) -> bool:
    for one in evidence:
        what = f"{instance.mark}{one.asset.type} {one.asset.id}"
        lease.evidence(f"{what}: absent={one.absent}: {one.evidence}")
    if not _all_absent(evidence):
        left = [one.asset.id for one in evidence if not one.absent]
        lease.finish("failed", f"{len(left)} not proved absent: {left[0]}")
        return False
    now = services.target.now(instance)  # what is kept of it goes by the same clock
    services.register.update(instance.name, state=State.ERASED, erased_at=now)
    return True


def _all_absent(evidence: Sequence[Evidence]) -> bool:
    if not evidence:
        raise DefectError("an erasure looked at nothing")
    return all(one.absent is True for one in evidence)


def _recorded(instance: Instance) -> frozenset[Asset]:
    return frozenset(Asset(**row) for row in json.loads(instance.facts.get("assets", "[]")))


def _remember(instance: Instance, known: frozenset[Asset], *, services: Services) -> None:
    """Keep what there was: after a kill, the next run could not see it any more."""
    facts = {**instance.facts, "assets": _as_text(known)}
    services.register.update(instance.name, facts=facts)


def _as_text(assets: frozenset[Asset]) -> str:
    rows = [{"id": a.id, "type": a.type, "detail": a.detail} for a in sorted(assets, key=lambda a: a.id)]
    return json.dumps(rows, separators=(",", ":"))
