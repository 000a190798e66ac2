"""The blobs of one instance while the way in to them is open. Implements ``tenantry.ports.Blobs``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from tenantry.adapters.azure_blobs import AccountBlobs
from tenantry.components.azure.props import AzureProps
from tenantry.errors import FailedError
from tenantry.model.status import KeptBlob, StoredBlob
from tenantry.ports import Lease, OnEvent
from tenantry.targets.azure import lent_roles, way_in, ways
from tenantry.targets.azure.clients import Clients

__all__ = ["Files", "opened"]

_DAY: Final = timedelta(days=1)
_CLOCKS: Final = timedelta(minutes=1)  # by which two of Azure's may differ


@contextmanager
def opened(
    clients: Clients, props: AzureProps, lease: Lease, on_event: OnEvent, *, change: bool
) -> Iterator[Files]:
    """Let this machine reach the blobs for as long as the block runs.

    Raises:
        TenantryError: as ``tenantry.targets.azure.way_in.opened``.
    """
    blobs = ways.account_blobs(clients, props.names)
    role = lent_roles.BLOB_CONTRIBUTOR if change else lent_roles.BLOB_READER
    way = ways.to_blobs(clients, props.names, blobs, role=role)
    with way_in.opened(way, lease, on_event, principal=clients.principal.object_id):
        yield Files(blobs, lease, now=clients.now)


class Files:
    """What may be done with them."""

    def __init__(self, blobs: AccountBlobs, lease: Lease, *, now: Callable[[], datetime]) -> None:
        self._blobs, self._lease, self._now = blobs, lease, now

    def listed(self, container: str, prefix: str) -> Sequence[StoredBlob]:
        """See the port."""
        containers = [container] if container else self._blobs.containers()
        return [blob for one in containers for blob in self._blobs.listed(one, prefix)]

    def read(self, container: str, name: str) -> Iterator[bytes]:
        """See the port."""
        for chunk in self._blobs.chunks(container, name):
            self._lease.check()
            yield chunk

    def delete(self, container: str, name: str) -> KeptBlob:
        """See the port."""
        was_there = self._blobs.delete(container, name)
        left = self._blobs.left(container, name)
        if not (was_there or left.deleted or left.versions):
            raise FailedError(
                f"the container {container} has no blob of that name, and keeps none that was deleted",
                hint="see: tenantry blob list NAME CONTAINER; a name is case-sensitive",
                code="no-blob",
            )
        now = self._now()
        ends = [_end(at, days, now=now) for at, days in left.deleted]
        return KeptBlob(until=max(ends, default=None), versions=left.versions)


def _end(deleted: datetime, days_left: int, *, now: datetime) -> datetime:
    """Return when what was deleted goes, never too early.

    Azure keeps it for whole days from its deletion, and tells of what is left of them the whole ones.
    """
    gone = max(now - deleted, timedelta()) + _CLOCKS
    return deleted + timedelta(days=days_left + gone // _DAY + 1)
