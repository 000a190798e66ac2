"""The work behind ``erase run``: show first, erase only when the name is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenantry.cli.confirming import Confirmation
from tenantry.cli.looking import dns_records, problems_of, raise_unreached
from tenantry.cli.render.progress import Progress
from tenantry.cli.signals import stop_politely
from tenantry.cli.wiring import Wiring
from tenantry.errors import Problem, RefusedError, SpecError
from tenantry.journeys.erase import erase
from tenantry.journeys.residues import Kept, look
from tenantry.journeys.residues import tick as look_again
from tenantry.model.status import Asset, Evidence, Residue
from tenantry.ports import Instance
from tenantry.result import Outcome, Result

__all__ = ["erase_instance", "residue_status", "tick"]


def erase_instance(name: str, *, confirm: str, reason: str, workspace: Path | None) -> Result:
    """Show what would be erased, or erase and prove."""
    wiring = Wiring(workspace)
    instance = wiring.register.find(name)
    if instance is None:
        raise SpecError(
            f"there is no instance {name}", hint="tenantry instance list", code="no-such-instance"
        )
    confirmed = _confirmation(name).is_given(confirm)
    wiring.refuse_other_cloud(instance)
    if not confirmed:
        return _shown(instance, wiring.targets.inventory(instance), wiring.targets.obstacles(instance))
    with Progress() as progress, stop_politely(wiring, name):
        absent, evidence = erase(instance, services=wiring.services(progress), reason=reason)
    rows = [_row(one) for one in evidence]
    after = wiring.register.find(name)
    data = {
        "name": name,
        "rehearsal": instance.rehearsal,
        "state": after.state if after else "erased",
        "assets": rows,
        "residues": [_residue(one) for one in wiring.targets.residues(instance)],
        "dns_records": dns_records(instance),
    }
    return Result(
        command="erase run",
        data=data,
        outcome=Outcome.OK if absent else Outcome.NO,
        problems=() if absent else _not_proved(rows),
        exit_code=0 if absent else 1,
    )


def residue_status(name: str, *, workspace: Path | None) -> Result:
    """Tell what is kept of an erased instance, from a fresh look."""
    kept = look(name, services=Wiring(workspace).services())
    return Result(command="erase status", data=_kept(kept))


def tick(*, workspace: Path | None) -> Result:
    """Do what is due: look again for what is kept of erased instances.

    Raises:
        UnavailableError: nothing that is due can be looked at, and what is needed for it cannot be reached.
    """
    wiring = Wiring(workspace)
    with Progress() as progress:
        found, missed = look_again(services=wiring.services(progress))
    if not found:
        raise_unreached(missed)
    # What lived in another cloud than the workspace's is nothing that this workspace's day has to do.
    well = all(isinstance(one, RefusedError) for one in missed)
    return Result(
        command="tick",
        data={"erased": [_kept(one) for one in found]},
        outcome=Outcome.OK if well else Outcome.NO,
        problems=problems_of(missed),
        exit_code=0 if well else 1,
    )


def _kept(kept: Kept) -> dict[str, Any]:
    return {
        "name": kept.instance.name,
        "rehearsal": kept.instance.rehearsal,
        "deleted_at": kept.instance.erased_at,
        "seen_at": kept.seen_at,
        "recoverable_until": kept.recoverable_until,
        "nothing_recoverable": kept.nothing_recoverable,
        "residues": [
            {
                "asset": one.where,
                "type": one.type,
                "kind": one.kind,
                "what": one.what,
                "since": one.since,
                "until": one.until,
                "observed": one.observed,
            }
            for one in kept.residues
        ],
    }


def _shown(instance: Instance, assets: frozenset[Asset], stopping: Mapping[str, Problem]) -> Result:
    """Show what would be erased. What is not would stop it, as it does with --confirm."""
    not_ours = {one.lower() for one in stopping}
    rows = [
        {"id": a.id, "type": a.type, "detail": a.detail}
        for a in sorted(assets, key=lambda a: (a.type, a.id))
        if a.id.lower() not in not_ours
    ]
    data = {
        "name": instance.name,
        "rehearsal": instance.rehearsal,
        "client": instance.client,
        "would_erase": rows,
    }
    return Result(
        command="erase run",
        data=data,
        outcome=Outcome.NO if stopping else Outcome.OK,
        problems=(*stopping.values(),) if stopping else (_confirmation(instance.name).missing,),
        exit_code=1 if stopping else 0,
    )


def _confirmation(name: str) -> Confirmation:
    return Confirmation(
        name=name, hint=f"to erase it irreversibly: tenantry erase run {name} --confirm {name}"
    )


def _row(one: Evidence) -> dict[str, Any]:
    return {
        "id": one.asset.id,
        "type": one.asset.type,
        "method": one.method,
        "absent": one.absent,
        "evidence": one.evidence,
        "at": one.at,
    }


def _residue(one: Residue) -> dict[str, Any]:
    return {"where": one.where, "what": one.what, "since": one.since, "until": one.until}


def _not_proved(rows: list[dict[str, Any]]) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            code="not-absent" if row["absent"] is False else "not-seen",
            message=f"{row['id']} is not proved absent: {row['evidence']}",
            hint="see what it is, remove it by hand if it must go, then run the same command again",
        )
        for row in rows
        if row["absent"] is not True
    )
