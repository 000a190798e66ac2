"""List, read and delete the blobs of an instance. Who did and why is journaled first.

What a blob is called may be personal data: no line of the journal has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tenantry.errors import SpecError, UsageError
from tenantry.journeys.services import Services
from tenantry.model.profile import Service
from tenantry.model.status import KeptBlob, StoredBlob
from tenantry.ports import Blobs, Instance, Lease

__all__ = ["delete", "listed", "read"]

_CONTAINER: Final = re.compile(r"(?=.{3,63}$)[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9]))*|\$root|\$web|\$logs")
_LONGEST: Final = 1024  # characters of a blob's name


def listed(
    instance: Instance, container: str, *, prefix: str, services: Services, reason: str
) -> Sequence[StoredBlob]:
    """Return the blobs of a container, "" of all, whose names begin so."""
    _check(prefix or "any", container=container or "$root")
    did = f"listed the blobs of {f'the container {container}' if container else 'all containers'}"
    with _opened(instance, did, services=services, reason=reason) as (blobs, _):
        return blobs.listed(container, prefix)


def read(
    instance: Instance,
    container: str,
    name: str,
    write: Callable[[bytes], object],
    *,
    services: Services,
    reason: str,
) -> None:
    """Write the bytes of a blob, piece by piece; the instance is held until the last one."""
    _check(name, container=container)
    did = f"read a blob of the container {container}"
    with _opened(instance, did, services=services, reason=reason) as (blobs, _):
        for chunk in blobs.read(container, name):
            write(chunk)


def delete(instance: Instance, container: str, name: str, *, services: Services, reason: str) -> KeptBlob:
    """Delete a blob; return what is kept of it."""
    _check(name, container=container)
    did = f"set out to delete a blob of the container {container}"
    with _opened(instance, did, services=services, reason=reason, change=True) as (blobs, lease):
        lease.intent(f"{instance.mark}delete a blob of the container {container}")
        kept = blobs.delete(container, name)
        lease.evidence(f"{instance.mark}the blob is deleted: {_told(kept)}")
    return kept


def _told(kept: KeptBlob) -> str:
    dated = f"kept until {kept.until:%Y-%m-%d}" if kept.until else ""
    endless = f"earlier versions kept without end: {kept.versions}" if kept.versions else ""
    return ", ".join(filter(None, (dated, endless))) or "nothing of it is kept"


def _check(name: str, *, container: str) -> None:
    """Refuse what can be no name; nothing is recorded then.

    Raises:
        UsageError: it cannot.
    """
    if not _CONTAINER.fullmatch(container):
        raise UsageError(
            f"{container!r} can be no name of a container",
            hint="see: tenantry blob list NAME",
            code="bad-container",
        )
    if not 0 < len(name) <= _LONGEST or not _is_text(name):
        raise UsageError(
            f"a blob's name has 1 to {_LONGEST} characters of Unicode",
            hint="see: tenantry blob list NAME CONTAINER",
            code="bad-blob",
        )


def _is_text(name: str) -> bool:
    """Say whether it is text: bytes of the command line that are none come as surrogates."""
    return not any("\ud800" <= one <= "\udfff" for one in name)


@contextmanager
def _opened(
    instance: Instance, did: str, *, services: Services, reason: str, change: bool = False
) -> Iterator[tuple[Blobs, Lease]]:
    """Hold the instance and lend its blobs.

    Raises:
        SpecError: its workload has none.
        BusyError: another operation holds the instance.
    """
    request = services.request(instance)
    if Service.BLOBS not in request.profile.services:
        raise SpecError(
            f"the profile {request.profile.name} of {instance.name} has no blobs",
            hint="folders of a profile are no blobs; see: tenantry instance exec --help",
            code="no-blobs",
        )
    services.note_access(instance, did, reason)
    with (
        services.register.lease(instance, kind="blob", person=services.person, reason=reason) as lease,
        services.target.blobs(request, lease, services.on_event, change=change) as blobs,
    ):
        lease.check()
        yield blobs, lease
