"""One target for journeys that work on instances of either kind: each call goes where its instance lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from tenantry.errors import Problem
from tenantry.model.profile import Profile
from tenantry.model.spec import InstanceSpec, TargetKind
from tenantry.model.status import Asset, BackupRecord, Change, Condition, EraseMethod, Evidence, Residue
from tenantry.ports import Blobs, Hold, Instance, Lease, OnEvent, Request, Target

__all__ = ["Targets"]


class Targets:
    """Implements ``tenantry.ports.Target``; each target is made when it is first needed."""

    def __init__(self, makers: Mapping[TargetKind, Callable[[], Target]]) -> None:
        self._makers = makers

    def of(self, kind: str) -> Target:
        """Return the target of a kind; a maker keeps what it made."""
        return self._makers[TargetKind(kind)]()

    def check(self, spec: InstanceSpec, profile: Profile) -> None:
        """See the port."""
        self.of(spec.target).check(spec, profile)

    def shares(self, spec: InstanceSpec) -> Mapping[str, int]:
        """See the port."""
        return self.of(spec.target).shares(spec)

    def overfull(self, wanted: Sequence[tuple[InstanceSpec, Profile]]) -> Mapping[str, Sequence[Problem]]:
        """See the port."""
        found: dict[str, Sequence[Problem]] = {}
        for kind in dict.fromkeys(spec.target for spec, _ in wanted):
            mine = [(spec, profile) for spec, profile in wanted if spec.target is kind]
            found.update(self.of(kind).overfull(mine))
        return found

    def preview(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """See the port."""
        return self._at(request).preview(request, on_event)

    def apply(self, request: Request, lease: Lease, on_event: OnEvent) -> Mapping[str, str]:
        """See the port."""
        return self._at(request).apply(request, lease, on_event)

    def drift(self, request: Request, on_event: OnEvent) -> Sequence[Change]:
        """See the port."""
        return self._at(request).drift(request, on_event)

    def probe(self, request: Request) -> Sequence[Condition]:
        """See the port."""
        return self._at(request).probe(request)

    def suspend(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """See the port."""
        self._at(request).suspend(request, lease, on_event)

    def resume(self, request: Request, lease: Lease, on_event: OnEvent) -> None:
        """See the port."""
        self._at(request).resume(request, lease, on_event)

    def back_up(self, request: Request, lease: Lease, on_event: OnEvent) -> Sequence[BackupRecord]:
        """See the port."""
        return self._at(request).back_up(request, lease, on_event)

    def lacks_backup(self, request: Request) -> bool:
        """See the port."""
        return self._at(request).lacks_backup(request)

    def backups(self, request: Request) -> Sequence[BackupRecord]:
        """See the port."""
        return self._at(request).backups(request)

    def logs(self, request: Request, *, process: str, lines: int) -> Sequence[str]:
        """See the port."""
        return self._at(request).logs(request, process=process, lines=lines)

    def execute(self, request: Request, command: Sequence[str], hold: Hold, on_event: OnEvent) -> int:
        """See the port."""
        return self._at(request).execute(request, command, hold, on_event)

    def blobs(
        self, request: Request, lease: Lease, on_event: OnEvent, *, change: bool
    ) -> AbstractContextManager[Blobs]:
        """See the port."""
        return self._at(request).blobs(request, lease, on_event, change=change)

    def inventory(self, instance: Instance) -> frozenset[Asset]:
        """See the port."""
        return self.of(instance.target).inventory(instance)

    def obstacles(self, instance: Instance) -> Mapping[str, Problem]:
        """See the port."""
        return self.of(instance.target).obstacles(instance)

    def erase_steps(self, instance: Instance) -> Sequence[tuple[str, EraseMethod, Callable[[OnEvent], None]]]:
        """See the port."""
        return self.of(instance.target).erase_steps(instance)

    def prove_absent(
        self, instance: Instance, known: frozenset[Asset], on_event: OnEvent
    ) -> Sequence[Evidence]:
        """See the port."""
        return self.of(instance.target).prove_absent(instance, known, on_event)

    def now(self, instance: Instance) -> datetime:
        """See the port."""
        return self.of(instance.target).now(instance)

    def residues(self, instance: Instance) -> Sequence[Residue]:
        """See the port."""
        return self.of(instance.target).residues(instance)

    def _at(self, request: Request) -> Target:
        """The place where an instance lives is the register's word, not a changed spec's."""
        return self.of(request.instance.target)
