"""The state of the engine as blobs of a team's storage account, under a key of a team's vault.

Implements ``tenantry.adapters.engine_store.Store``. Account, container, vault and key are the
team's own: nothing here makes, changes or deletes them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tenantry.adapters import azure_storage
from tenantry.adapters.azure_answers import first_line, storage_code
from tenantry.errors import RefusedError, TenantryError, UnavailableError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["BlobStore"]

_STORAGE: Final = "https://storage.azure.com"  # in every cloud
_KEPT: Final = ["deleted", "snapshots", "versions"]
_LOOKS: Final = ".tenantry-"  # what names begin with that ``check`` writes
_ABANDONED: Final = timedelta(hours=1)  # then who wrote it was killed before it removed it
_ROLE: Final = (
    'give the principal the role "Storage Blob Data Contributor" on the container, and let its address in'
)
_HINTS: Final[Mapping[str, str]] = {
    "ContainerNotFound": "make the container, or mend azure.state in tenantry.yaml",
    "ResourceNotFound": "make the container, or mend azure.state in tenantry.yaml",
    "AuthorizationFailure": _ROLE,
    "AuthorizationPermissionMismatch": _ROLE,
}


class BlobStore:
    """Blobs in one container; secrets are under a data key per stack, which a key of a vault wraps."""

    def __init__(
        self,
        *,
        account: str,
        container: str,
        suffix: str,
        key: str,
        credential: TokenCredential,
        ca_file: Path | None = None,
    ) -> None:
        """Make a store; nothing is asked for yet.

        Args:
            account: name of the storage account.
            container: that holds the state of this workspace, and nothing else.
            suffix: what the host names of accounts end in, as blob.core.windows.net.
            key: URL of a version of the key, as https://NAME.vault.azure.net/keys/KEY/VERSION.
            credential: of the workspace.
            ca_file: what HTTPS is verified with; None: the system's authorities.
        """
        self._account, self._container, self._suffix = account, container, suffix
        self._key = urlsplit(key)
        self._credential, self._ca_file = credential, ca_file

    @property
    def url(self) -> str:
        """The container in the engine's words."""
        return f"azblob://{self._container}?storage_account={self._account}&domain={self._suffix}"

    @property
    def secrets_provider(self) -> str:
        """The key in the engine's words."""
        return f"azurekeyvault://{self._key.netloc}{self._key.path}"

    @property
    def remedy(self) -> str:
        """What the container has besides."""
        return "put a whole copy in its place: NAME.bak beside it, or the newest under .pulumi/history"

    @contextmanager
    def lent(self) -> Iterator[Mapping[str, str]]:
        """Lend the engine tokens of the workspace's principal."""
        from tenantry.adapters.azure_tokens import token_endpoint

        vaults = f"https://{self._key.netloc.partition('.')[2]}"
        trust = {} if self._ca_file is None else {"SSL_CERT_FILE": str(self._ca_file)}
        quiet = {"PULUMI_DIY_BACKEND_NO_LEGACY_WARNING": "true"}  # saves a list per run
        with token_endpoint(self._credential, (_STORAGE, vaults)) as found:
            yield {**found, **trust, **quiet}

    def exists(self, name: str) -> bool:
        """Say whether there is such a blob. A container that is not there is an error, not a no."""
        with self._told(name), _MissingIsFine():
            self._blobs.get_blob_client(name).get_blob_properties()
            return True
        return False

    def read(self, name: str) -> str | None:
        """Return the text of a blob."""
        with self._told(name), _MissingIsFine():
            raw: bytes = self._blobs.download_blob(name).readall()
            return raw.decode()
        return None

    def write(self, name: str, text: str) -> None:
        """Make or replace a blob."""
        with self._told(name):
            self._blobs.upload_blob(name, text.encode(), overwrite=True)

    def names(self, folder: str) -> Sequence[str]:
        """Return the blobs of a folder."""
        from azure.storage.blob import BlobPrefix

        with self._told(folder):
            found = list(self._blobs.walk_blobs(name_starts_with=f"{folder}/"))
        return sorted(str(one.name) for one in found if not isinstance(one, BlobPrefix))

    def remove(self, name: str) -> None:
        """Delete a blob with its snapshots."""
        with self._told(name), _MissingIsFine():
            self._blobs.delete_blob(name, delete_snapshots="include")

    def tidy(self, word: re.Pattern[str]) -> None:
        """Do nothing: a blob is written whole or not at all."""

    def having(self, word: re.Pattern[str]) -> Sequence[str]:
        """Return the blobs, deleted ones that are kept and versions too."""
        with self._told(self._container):
            listed = {str(one.name) for one in self._blobs.list_blobs(include=_KEPT)}
        return sorted(name for name in listed if word.search(name))

    def where(self, name: str) -> str:
        """Return the address of a blob."""
        return f"https://{self._account}.{self._suffix}/{self._container}/{name}"

    def check(self) -> None:
        """Write, read and delete a blob of our own, and look whether Azure keeps anything of it.

        Such a blob that an earlier look left, because it was killed, is deleted as well.

        Raises:
            UnavailableError: the container cannot be reached, or not worked on.
            RefusedError: what is deleted there is kept, so that no erasure could be true.
        """
        # In a folder of its own: with a hierarchical namespace that would be left.
        folder = f"{_LOOKS}{uuid.uuid4().hex}"
        name = f"{folder}/look"
        self.write(name, "tenantry looks whether this container can hold its state\n")
        self.read(name)
        self.remove(name)
        with self._told(name):
            found = list(self._blobs.list_blobs(name_starts_with=_LOOKS, include=_KEPT))
        if any(one.name.startswith(folder) for one in found):
            raise RefusedError(
                f"the account {self._account} keeps what is deleted in {self._container}: an erasure could "
                "not remove an instance's state",
                hint="take an account without soft delete of blobs, versions and hierarchical namespace: "
                "az storage account blob-service-properties update --account-name "
                f"{self._account} --enable-delete-retention false --enable-versioning false",
                code="state-kept",
            )
        for one in found:
            if datetime.now(UTC) - one.last_modified > _ABANDONED:
                self.remove(one.name)

    @cached_property
    def _blobs(self) -> Any:
        from azure.storage.blob import ContainerClient

        return ContainerClient(
            f"https://{self._account}.{self._suffix}",
            self._container,
            self._credential,
            **azure_storage.options(self._ca_file),
        )

    def _told(self, name: str) -> AbstractContextManager[None]:
        return azure_storage.told(lambda error: self._error(error, name))

    def _error(self, error: Exception, name: str) -> TenantryError:
        code = storage_code(error)
        hint = _HINTS.get(code, "see azure.state in tenantry.yaml, and that the network lets you out")
        if isinstance(error, OSError):
            hint = "see that the file is there: the credential's, or what REQUESTS_CA_BUNDLE names"
        return UnavailableError(
            f"{self.where(name)}: {code + ': ' if code else ''}{first_line(error)}",
            hint=hint,
            code="state-unreachable",
        )


class _MissingIsFine:
    """Goes on after the answer that a blob is not there; a missing container is something else."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Say whether the error is that answer."""
        return error is not None and storage_code(error) == "BlobNotFound"
