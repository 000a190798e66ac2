"""The vault of a host: one encrypted file of secrets per instance, in the age format.

    <folder>/keys/<opaque>.age   the instance's key, encrypted to the master key
    <folder>/<opaque>.age        its secrets as JSON, encrypted to the instance's key

Both can be opened without us: ``age -d -i master.key keys/X.age > key`` and
``age -d -i key X.age``. Whoever destroys the key of an instance has destroyed
its secrets, wherever copies of the second file are. That the bytes of a removed
file are gone from the disk is not claimed.

A new vault gets its key under the name ``keys/<opaque>.age.new``, then its
first secrets, then the key its final name. So a key without a file of secrets
means that the file was lost, and never that a kill came in between: lost
secrets are reported and not made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry import faults
from tenantry.adapters.files import remove_file, sync_folder, write_file
from tenantry.adapters.master_key import create_master_key, new_password, read_master_key
from tenantry.errors import FailedError, UnavailableError

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

__all__ = ["FileVault", "create_master_key", "new_password", "read_master_key", "vault_files"]

_FORMAT = 1


class FileVault:
    """Implements ``tenantry.ports.SecretStore`` for one instance.

    Threads and processes may use one vault at once; they write one after the other.
    Every method raises UnavailableError when the vault cannot be opened: the master
    key is absent or another one, or a file is lost, damaged or not writable.
    """

    def __init__(self, folder: Path, *, opaque: str, master_key_file: Path) -> None:
        """Name the vault; nothing is read or made yet.

        Args:
            folder: holds the vaults of all instances; made (0700) when it is missing.
            opaque: opaque name of the instance.
            master_key_file: as ``create_master_key`` makes it.
        """
        self._folder = folder
        self._opaque = opaque
        self._master_key_file = master_key_file
        self._file = folder / f"{opaque}.age"
        self._key = folder / "keys" / f"{opaque}.age"
        self._new_key = folder / "keys" / f"{opaque}.age.new"

    def __repr__(self) -> str:
        return f"FileVault({self._opaque})"

    def names(self) -> Sequence[str]:
        """Return the names of the secrets, sorted."""
        return sorted(self._read())

    def get(self, name: str) -> str:
        """Return a secret. Raise FailedError if there is none of that name."""
        secrets = self._read()
        if name not in secrets:
            raise FailedError(
                f"the vault of {self._opaque} has no secret {name}",
                hint="see: tenantry credentials list",
                code="no-secret",
            )
        return secrets[name]

    def put(self, values: Mapping[str, str]) -> None:
        """Store secrets, all or none, durably."""
        with self._locked():
            self._write({**self._read(), **values})

    def ensure(self, makers: Mapping[str, Callable[[], str]]) -> Mapping[str, str]:
        """Make and store each secret that is not there yet; return all that makers names.

        If a maker raises, nothing is stored.
        """
        with self._locked():
            secrets = self._read()
            made = {name: make() for name, make in makers.items() if name not in secrets}
            if made:
                secrets = {**secrets, **made}
                self._write(secrets)
        return {name: secrets[name] for name in makers}

    def remove(self, names: Sequence[str]) -> None:
        """Take secrets out, durably; names that are not there are ignored."""
        with self._locked():
            secrets = self._read()
            kept = {name: value for name, value in secrets.items() if name not in names}
            if kept != secrets:
                self._write(kept)

    def destroy(self) -> None:
        """Destroy the instance's key, then its file. Needs no master key, and may be repeated."""
        with self._locked():
            for path in (self._new_key, self._key, self._file):
                faults.point("before vault removal")
                with self._on_disk():
                    remove_file(path)
            faults.point("after vault removal")

    def _read(self) -> dict[str, str]:
        """Return all secrets; none when no vault was ever finished."""
        with self._on_disk():
            if not self._is_finished():
                return {}
            document = json.loads(self._decrypt(self._file, self._identity()))
        if document["tenantry"] != _FORMAT:
            raise UnavailableError(
                f"the vault of {self._opaque} was written by a newer tenantry",
                hint="use the tenantry that wrote it, or a newer one",
                code="vault-newer",
            )
        return dict(document["secrets"])

    def _is_finished(self) -> bool:
        if self._key.exists():
            if not self._file.exists():
                raise self._lost(f"its file {self._file} is gone")
            return True
        if self._file.exists() and not self._new_key.exists() and not self._key.exists():
            # The last look is for a writer who finished the vault between the first one and here.
            raise self._lost(f"its key {self._key} is gone")
        return False

    def _write(self, secrets: Mapping[str, str]) -> None:
        import pyrage

        document = json.dumps({"tenantry": _FORMAT, "secrets": dict(secrets)}, sort_keys=True)
        faults.point("before vault write")
        with self._on_disk():
            fresh = not self._key.exists()
            identity = self._make_identity() if fresh else self._identity()
            write_file(self._file, pyrage.encrypt(document.encode("utf-8"), [identity.to_public()]))
            if fresh:
                faults.point("before vault key")
                self._new_key.replace(self._key)
                sync_folder(self._key.parent)
        faults.point("after vault write")

    def _make_identity(self) -> Identity:
        import pyrage

        master = read_master_key(self._master_key_file)
        identity = pyrage.x25519.Identity.generate()
        write_file(self._new_key, pyrage.encrypt(f"{identity}\n".encode("ascii"), [master.to_public()]))
        return identity

    def _identity(self) -> Identity:
        import pyrage

        text = self._decrypt(self._key, read_master_key(self._master_key_file))
        try:
            return pyrage.x25519.Identity.from_str(text.decode("ascii").strip())
        except (pyrage.IdentityError, UnicodeDecodeError):
            raise self._lost(f"its key {self._key} is damaged") from None

    def _decrypt(self, path: Path, identity: Identity) -> bytes:
        import pyrage

        try:
            content: bytes = pyrage.decrypt(path.read_bytes(), [identity])
        except FileNotFoundError:
            raise self._lost(f"{path} is gone") from None
        except pyrage.DecryptError as error:
            if path == self._key and "No matching keys" in str(error):
                raise UnavailableError(
                    f"this master key ({self._master_key_file}) does not open the vault of {self._opaque}",
                    hint="name the master key that the vault was made with as master_key_file "
                    "in tenantry.yaml",
                    code="master-key-wrong",
                ) from None
            raise self._lost(f"{path} is damaged") from None
        return content

    def _lost(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"the vault of {self._opaque} cannot be opened: {why}",
            hint="put the vault's folder back from a copy; its secrets are not made anew, "
            "because data may be encrypted with them",
            code="vault-lost",
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Exclude other writers. One lock for all vaults: an erased one leaves none behind."""
        with self._on_disk():
            for folder in (self._folder, self._key.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"the vault in {self._folder} cannot be used: {os.strerror(error.errno or 0)}",
                hint="look at the folder's owner and the room on its disk; then run the same command again",
                code="vault-io",
            ) from error


def vault_files(folder: Path, *, opaque: str) -> Sequence[Path]:
    """Return the files in the vault's folder that belong to an instance, unfinished ones too."""
    found: list[Path] = []
    for place in (folder, folder / "keys"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found += [path for path in place.iterdir() if opaque in path.name]
    return sorted(found)
