"""The work behind list, show, health and drift."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tenantry.cli.wiring import Wiring
from tenantry.errors import (
    DefectError,
    Problem,
    RefusedError,
    SpecError,
    TenantryError,
    UnavailableError,
    UsageError,
)
from tenantry.journeys.observe import drift, health
from tenantry.journeys.services import Services
from tenantry.model.lifecycle import State
from tenantry.model.spec import TargetKind
from tenantry.model.status import Change, Condition, Truth
from tenantry.ports import Instance
from tenantry.result import Outcome, Result

__all__ = [
    "as_change",
    "as_condition",
    "dns_records",
    "drifted",
    "health_word",
    "listed",
    "looked_at",
    "problems_of",
    "raise_unreached",
    "shown",
]

_AT_ONCE = 8


def listed(*, state: str, unhealthy: bool, workspace: Path | None) -> Result:
    """List the instances from the register."""
    if state and state not in set(State):
        raise UsageError(f"there is no state {state}", hint="states: " + ", ".join(State))
    wiring = Wiring(workspace)
    rows = [_row(one, wiring) for one in wiring.register.instances()]
    rows = [row for row in rows if not state or row["state"] == state]
    rows = [row for row in rows if not unhealthy or row["health"] != "healthy"]
    return Result(command="instance list", data={"instances": rows})


def shown(name: str, *, workspace: Path | None) -> Result:
    """Show one instance from the register."""
    wiring = Wiring(workspace)
    instance = wiring.existing(name)
    data = {
        "name": instance.name,
        "client": instance.client,
        "state": instance.state,
        "target": instance.target,
        "placement": _placement(instance, wiring),
        "cloud": instance.facts.get("cloud", ""),
        "rehearsal": instance.rehearsal,
        "subscription": instance.facts.get("subscription", ""),
        "url": instance.url,
        "isolation": instance.facts.get("isolation", ""),
        "encryption": instance.facts.get("encryption", ""),
        "database": _database(instance),
        "dns_records": dns_records(instance),
        "ca_file": instance.facts.get("ca_file", ""),
        "conditions": [as_condition(one) for one in instance.conditions],
        "observed_at": instance.observed_at,
        "backups": {"last": instance.last_backup},
    }
    return Result(command="instance show", data=data)


def looked_at(names: Sequence[str], *, workspace: Path | None) -> Result:
    """Look at instances now, several at once. One that nobody can look at hides no other.

    Raises:
        TenantryError: the one that was named cannot be looked at.
        UnavailableError: none can be, and what some need for it cannot be reached.
    """
    wiring = Wiring(workspace)
    services = wiring.services()
    chosen = [wiring.existing(name) for name in dict.fromkeys(names)] or [
        one for one in wiring.register.instances() if one.state in (State.ACTIVE, State.SUSPENDED)
    ]
    if len(chosen) > 1:
        wiring.load_for_looks({one.target for one in chosen})
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        seen = list(pool.map(lambda one: _health(one, services), chosen))
    missed = [one for one in seen if isinstance(one, TenantryError)]
    if missed and len(chosen) == len(names) == 1:
        raise missed[0]
    if missed and len(missed) == len(seen):
        raise_unreached(missed)
    rows = [_looked(instance, found) for instance, found in zip(chosen, seen, strict=True)]
    well = all(row["health"] == "healthy" for row in rows)
    return Result(
        command="instance health",
        data={"instances": rows},
        outcome=Outcome.OK if well else Outcome.NO,
        problems=problems_of(missed),
        exit_code=0 if well else 1,
    )


def _health(one: Instance, services: Services) -> Sequence[Condition] | TenantryError:
    """Look at one; return why that cannot be done."""
    try:
        return health(one, services=services)
    except DefectError:
        raise
    except TenantryError as error:
        return error


def _looked(instance: Instance, found: Sequence[Condition] | TenantryError) -> dict[str, Any]:
    problem = asdict(problems_of([found])[0]) if isinstance(found, TenantryError) else None
    conditions = () if isinstance(found, TenantryError) else found
    return {
        "name": instance.name,
        "rehearsal": instance.rehearsal,
        "health": health_word(conditions),
        "conditions": [as_condition(one) for one in conditions],
        "problem": problem,
    }


def raise_unreached(missed: Sequence[TenantryError]) -> None:
    """Raise UnavailableError if one of those that could not be looked at could not be reached."""
    if any(isinstance(one, UnavailableError) for one in missed):
        raise UnavailableError(problems=problems_of(missed))


def problems_of(missed: Sequence[TenantryError]) -> tuple[Problem, ...]:
    """Return what was in the way, each once: many instances may have the same one."""
    return tuple(dict.fromkeys(problem for error in missed for problem in error.problems))


def drifted(name: str, *, workspace: Path | None) -> Result:
    """Say what was changed by hand."""
    wiring = Wiring(workspace)
    changes = drift(wiring.existing(name), services=wiring.services())
    problems = tuple(
        Problem(
            code="drift", message=f"{c.name} was changed by hand", hint=f"tenantry instance deploy {name}"
        )
        for c in changes
    )
    return Result(
        command="instance drift",
        data={"name": name, "changes": [as_change(one) for one in changes]},
        outcome=Outcome.NO if changes else Outcome.OK,
        problems=problems[:1],
        exit_code=1 if changes else 0,
    )


def as_change(one: Change) -> dict[str, Any]:
    """Return a change as JSON data."""
    return {
        "kind": one.kind,
        "type": one.type,
        "name": one.name,
        "properties": list(one.properties),
        "holds_data": one.holds_data,
    }


def as_condition(one: Condition) -> dict[str, Any]:
    """Return a condition as JSON data."""
    return {
        "type": one.type,
        "status": one.status,
        "reason": one.reason,
        "message": one.message,
        "at": one.at,
    }


def dns_records(instance: Instance) -> list[dict[str, str]]:
    """Return the records that the owner of the instance's host name makes, as the last deploy saw them."""
    found: list[dict[str, str]] = json.loads(instance.facts.get("dns_records") or "[]")
    return found


def health_word(conditions: Sequence[Condition]) -> str:
    """Return healthy, unhealthy or unknown; unknown also when nobody looked yet."""
    statuses = {one.status for one in conditions}
    if Truth.FALSE in statuses:
        return "unhealthy"
    return "unknown" if Truth.UNKNOWN in statuses or not statuses else "healthy"


def _placement(one: Instance, wiring: Wiring) -> str:
    """Return its host, or its region: recorded by a deploy, before that as its spec has it."""
    if one.target == TargetKind.HOST:
        return one.host
    return one.facts.get("region") or one.facts.get("azure_region") or _region_of_spec(one.name, wiring)


def _region_of_spec(name: str, wiring: Wiring) -> str:
    try:
        spec, _ = wiring.spec(name, complete=False)
    except (SpecError, RefusedError):  # gone, spoiled or not permitted any more, which is no matter of a list
        return "unknown"
    return spec.azure.region if spec.azure is not None else "unknown"


def _row(one: Instance, wiring: Wiring) -> dict[str, Any]:
    return {
        "name": one.name,
        "client": one.client,
        "state": one.state,
        "target": one.target,
        "placement": _placement(one, wiring),
        "rehearsal": one.rehearsal,
        "url": one.url,
        "version": one.version,
        "health": health_word(one.conditions),
        "last_backup": one.last_backup,
    }


def _database(instance: Instance) -> dict[str, Any] | None:
    facts = instance.facts
    port = instance.ports.get("database") or int(facts.get("database_port", "0"))
    if not port:
        return None
    return {
        "host": facts.get("database_host", ""),
        "port": port,
        "name": facts.get("database_name", ""),
        "user": facts.get("database_user", ""),
        "ca_file": facts.get("database_ca_file", ""),
    }
