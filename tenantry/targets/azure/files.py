"""The blobs of one instance while the way in to them is open. Implements ``tenantry.ports.Blobs``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from tenantry.adapters.azure_blobs import AccountBlobs
from tenantry.components.azure.props import AzureProps
from tenantry.errors import FailedError
from tenantry.model.azure_types import TYPES
from tenantry.model.status import StoredBlob
from tenantry.ports import Lease, OnEvent
from tenantry.targets.azure import lent_roles, way_in, ways
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.way_to_blobs import ToBlobs

__all__ = ["Files", "opened"]

_SERVICE: Final = TYPES["azure-native:storage:BlobServiceProperties"]


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
        yield Files(blobs, way, lease)


class Files:
    """What may be done with them."""

    def __init__(self, blobs: AccountBlobs, way: ToBlobs, lease: Lease) -> None:
        self._blobs, self._way, self._lease = blobs, way, lease

    def listed(self, container: str, prefix: str) -> Sequence[StoredBlob]:
        """See the port."""
        containers = [container] if container else self._blobs.containers()
        return [blob for one in containers for blob in self._blobs.listed(one, prefix)]

    def read(self, container: str, name: str) -> Iterator[bytes]:
        """See the port."""
        for chunk in self._blobs.chunks(container, name):
            self._lease.check()
            yield chunk

    def delete(self, container: str, name: str) -> datetime | None:
        """See the port."""
        was_there = self._blobs.delete(container, name)
        at = self._blobs.deleted(container, name)
        if at is None:
            if was_there:
                return None
            raise FailedError(
                f"the container {container} has no blob of that name, and keeps none that was deleted",
                hint="see: tenantry blob list NAME CONTAINER; a name is case-sensitive",
                code="no-blob",
            )
        return at + timedelta(days=self._kept_days())

    def _kept_days(self) -> int:
        """Return for how many days Azure keeps what is deleted, as it says."""
        service = self._way.arm.get(f"{self._way.id}/blobServices/default", _SERVICE.version) or {}
        policy = (service.get("properties") or {}).get("deleteRetentionPolicy") or {}
        return int(policy.get("days") or 0) if policy.get("enabled") else 0
