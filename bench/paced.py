"""An instance on Azure at Azure's own pace: what a deploy and an erasure take beyond what must be waited for.

The sandbox works on each write as long as Azure does (``faults pace``), divided
by a scale, and keeps when it worked on it. From these spans the critical path
is computed: the longest chain of writes of which each needs the one before it.
What a command takes beyond it is its own: its start, its looks, its order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from bench.chains import Span, in_ranks, longest
from bench.figures import Figure
from tenantry.adapters.engine_state import Resource
from tenantry.cli.sandboxing import spans
from tenantry.cli.wiring import Wiring
from tenantry.model.azure_names import AzureNames

__all__ = ["needs_of_deploy", "needs_of_erase", "paced"]

_LIMIT = 1.1
_NAME = "paced"


class _Place(Protocol):
    """A workspace with a sandbox that runs."""

    @property
    def workspace(self) -> Path:
        """Its folder."""

    def run(self, *arguments: str) -> float:
        """Run tenantry; return the seconds."""

    def new(self, name: str) -> None:
        """Write a spec."""


def paced(place: _Place, *, scale: int, tell: Callable[[str], None]) -> list[Figure]:
    """Deploy and erase an instance at the pace of Azure, ``scale`` times as fast."""
    place.new(_NAME)
    place.run("sandbox", "faults", "pace", str(scale))
    try:
        tell(f"deploying at the pace of Azure, {scale} times as fast")
        since = time.time()
        deploy = place.run("instance", "deploy", _NAME, "--reason", "to measure it")
        made, names = _made(place.workspace)
        path = longest(needs_of_deploy(_worked(place.workspace, since), made))
        figures = [_figure("deploy", deploy, path, scale, tell)]
        tell("erasing at that pace")
        since = time.time()
        erase = place.run("erase", "run", _NAME, "--confirm", _NAME, "--reason", "to measure it")
        path = longest(needs_of_erase(_worked(place.workspace, since), names))
        figures.append(_figure("erase", erase, path, scale, tell))
    finally:
        place.run("sandbox", "faults", "clear")
    return figures


def _figure(
    what: str, seconds: float, path: tuple[float, Sequence[Span]], scale: int, tell: Callable[[str], None]
) -> Figure:
    needed, chain = path
    told = ", ".join(f"{one.id.rpartition('/')[2]} {one.seconds:.1f}" for one in chain)
    tell(f"{what}: {seconds:.1f} s; its critical path: {needed:.1f} s: {told}")
    return Figure(
        name=f"{what} at Azure's pace x {scale} / its critical path",
        ours=(seconds,),
        baseline=(needed,),
        limit=_LIMIT,
    )


def _worked(workspace: Path, since: float) -> list[Span]:
    """Return what the sandbox worked on, in the order of its start."""
    every = [Span(**{**one, "id": str(one["id"]).lower()}) for one in spans(workspace)]
    return sorted((one for one in every if one.start >= since), key=lambda one: one.start)


def _made(workspace: Path) -> tuple[Sequence[Resource], AzureNames]:
    """Return what the engine made, with what each needed; and the names of the instance."""
    wiring = Wiring(workspace)
    try:
        instance = wiring.existing(_NAME)
        made = wiring.azure.engines.make(instance, {}).resources(instance.opaque)
        return made, wiring.azure.names(instance)
    finally:
        wiring.register.close()


def needs_of_deploy(worked: Sequence[Span], made: Sequence[Resource]) -> Mapping[Span, Collection[Span]]:
    """Return what each write of a deploy needs.

    What the engine made needs what its state says. What came afterwards (the way in
    for the migration, a backup) is work of the database server, which does one thing
    at a time: it needs all that the engine makes of the server, with its private endpoint.
    """
    by_id = {span.id: span for span in reversed(worked) if span.method == "PUT"}  # the first of each
    by_urn = {one.urn: by_id[one.id.lower()] for one in made if one.id.lower() in by_id}
    waited = _waited_for(made)
    needs: dict[Span, Collection[Span]] = {
        span: [by_urn[other] for other in waited[urn] if other in by_urn] for urn, span in by_urn.items()
    }
    servers = {urn for urn, span in by_urn.items() if _SERVER in span.id}
    doors = {
        urn
        for urn, span in by_urn.items()
        if span.id.rpartition("/")[0].endswith(_ENDPOINTS) and servers & waited[urn]
    }
    later: list[Span] = []
    for span in worked:
        if span not in needs:
            needs[span] = [*(by_urn[urn] for urn in servers | doors), *later]
            later.append(span)
    return needs


def _waited_for(made: Sequence[Resource]) -> Mapping[str, set[str]]:
    """Return what each resource waited for, by urns: what it needs itself, and what its parents need."""
    known = {one.urn: one for one in made}

    def of(urn: str) -> set[str]:
        one = known.get(urn)
        return {*one.dependencies, *of(one.parent)} if one is not None else set()

    return {urn: of(urn) for urn in known}


# The order that an erasure has to keep. Each rank waits for the ones before it.
_LOCKS, _WRITERS, _DATA, _KEYS, _GROUP = range(5)
_ENDPOINTS: Final = "/microsoft.network/privateendpoints"
_SERVER: Final = "/microsoft.dbforpostgresql/flexibleservers/"


def needs_of_erase(worked: Sequence[Span], names: AzureNames) -> Mapping[Span, Collection[Span]]:
    """Return what each write of an erasure needs: locks first, then what writes, data, keys, the group."""
    keys = {f"/{name.lower()}" for name in (names.keys_vault, names.pair_keys_vault) if name}

    def rank(one: Span) -> int:
        if "/microsoft.authorization/locks/" in one.id:
            return _LOCKS
        if one.id.endswith("/config/appsettings"):
            return _WRITERS
        if one.id.endswith(tuple(keys)):
            return _KEYS
        return _GROUP if one.id.endswith(f"/resourcegroups/{names.resource_group}".lower()) else _DATA

    return in_ranks({one: (rank(one), "/".join(one.id.split("/")[:9])) for one in worked})
