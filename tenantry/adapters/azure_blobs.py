"""The blobs of a storage account, listed, read and deleted as whoever has a role there.

Names of blobs may be personal data, so no error here has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tenantry.adapters import azure_storage
from tenantry.adapters.azure_answers import first_line, storage_code
from tenantry.errors import FailedError, RefusedError, TenantryError, UnavailableError
from tenantry.model.status import StoredBlob

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["AccountBlobs", "Left"]

_REFUSED: Final = frozenset({"AuthorizationFailure", "AuthorizationPermissionMismatch"})


@dataclass(frozen=True, kw_only=True)
class Left:
    """What an account keeps of a blob that was deleted."""

    deleted: Sequence[tuple[datetime, int]]  # when; whole days that it can be recovered, rounded down
    versions: int  # earlier ones that nobody deleted


class AccountBlobs:
    """A client of one account."""

    def __init__(
        self, account: str, *, suffix: str, credential: TokenCredential, ca_file: Path | None = None
    ) -> None:
        """Make a client; nothing is asked for yet.

        Args:
            account: its name.
            suffix: what the host names of accounts end in, as blob.core.windows.net.
            credential: of the workspace.
            ca_file: what HTTPS is verified with; None: the system's authorities.
        """
        self._account, self._suffix = account, suffix
        self._credential, self._ca_file = credential, ca_file

    def containers(self) -> Sequence[str]:
        """Return the names of all containers."""
        with self._told(""):
            return sorted(str(one.name) for one in self._client.list_containers())

    def listed(self, container: str, prefix: str) -> Sequence[StoredBlob]:
        """Return the blobs of a container whose names begin so, in the order of their names."""
        with self._told(container):
            found = self._client.get_container_client(container).list_blobs(name_starts_with=prefix or None)
            return [
                StoredBlob(
                    container=container,
                    name=str(one.name),
                    size_bytes=int(one.size),
                    changed=one.last_modified,
                    type=str(one.content_settings.content_type or ""),
                )
                for one in found
            ]

    def chunks(self, container: str, name: str) -> Iterator[bytes]:
        """Yield the bytes of a blob, as it was when the first were read."""
        with self._told(container):
            yield from self._client.get_blob_client(container, name).download_blob().chunks()

    def delete(self, container: str, name: str) -> bool:
        """Delete a blob with its snapshots; return whether there was one."""
        try:
            with self._told(container):
                self._client.get_blob_client(container, name).delete_blob(delete_snapshots="include")
        except FailedError as error:
            if error.code != "no-blob":
                raise
            return False
        return True

    def left(self, container: str, name: str) -> Left:
        """Return what is kept of the blob of a name that was deleted."""
        with self._told(container):
            client = self._client.get_container_client(container)
            every = client.list_blobs(name_starts_with=name, include=["deleted", "snapshots", "versions"])
            mine = [one for one in every if one.name == name]
        # Each as it was kept when it was deleted, whatever the account's policy says now.
        deleted = [(one.deleted_time, int(one.remaining_retention_days or 0)) for one in mine if one.deleted]
        older = [one for one in mine if one.version_id and not (one.deleted or one.is_current_version)]
        return Left(deleted=deleted, versions=len(older))

    @cached_property
    def _client(self) -> Any:
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(
            f"https://{self._account}.{self._suffix}",
            self._credential,
            **azure_storage.options(self._ca_file),
        )

    def _told(self, container: str) -> AbstractContextManager[None]:
        return azure_storage.told(lambda error: self._error(error, container))

    def _error(self, error: Exception, container: str) -> TenantryError:
        code = storage_code(error)
        if code == "BlobNotFound":
            return FailedError(
                f"the container {container} has no blob of that name",
                hint="see: tenantry blob list NAME CONTAINER; a name is case-sensitive",
                code="no-blob",
            )
        if code in {"ContainerNotFound", "InvalidResourceName", "InvalidUri"}:
            return FailedError(
                f"the account {self._account} has no container {container}",
                hint="see: tenantry blob list NAME",
                code="no-container",
            )
        if code in _REFUSED:
            return RefusedError(
                f"{self._account} refuses: {code}",
                hint="a role may not be in force everywhere yet: run the same command again",
                code="blobs-refused",
            )
        why = f"{code}: {type(error).__name__}" if code else first_line(error)
        return UnavailableError(
            f"the blobs of {self._account} cannot be reached: {why}",
            hint="see that the network lets you out; then run the same command again",
            code="blobs-unreachable",
        )
