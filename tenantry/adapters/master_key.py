"""The master key: an age identity in a file that only its owner may read.

It opens the keys of all instances of a host. It is the same file that
``age-keygen`` makes, so one made elsewhere will do, and it may be kept on
another medium and put in place only while tenantry works.
"""

from __future__ import annotations

import os
import secrets
import string
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.adapters.files import check_private, open_regular, remove_file, sync_folder, write_file
from tenantry.errors import RefusedError, SpecError, UnavailableError

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

__all__ = ["create_master_key", "new_password", "read_master_key"]

_CHARACTERS = string.ascii_letters + string.digits  # safe in URLs, shells and connection strings


def create_master_key(path: Path) -> str:
    """Make a master key (0600), and its folder (0700) when missing; return its public half.

    Raises:
        RefusedError: there is a file of that name. It is never overwritten.
        UnavailableError: the file cannot be written.
    """
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(draft, f"# public key: {public}\n{identity}\n".encode("ascii"))
        try:
            path.hardlink_to(draft)  # unlike a rename, this fails when the name is taken
        finally:
            remove_file(draft)
        sync_folder(path.parent)
    except FileExistsError:
        raise RefusedError(
            f"there is a master key already: {path}",
            hint="keep it: without it the vaults that were made with it cannot be opened",
            code="master-key-exists",
        ) from None
    except OSError as error:
        raise UnavailableError(
            f"the master key {path} cannot be written: {os.strerror(error.errno or 0)}",
            hint="name a place that you may write to as master_key_file in tenantry.yaml",
            code="master-key-unwritable",
        ) from error
    return public


def read_master_key(path: Path) -> Identity:
    """Return the master key.

    Raises:
        UnavailableError: it is not there, is no file, or cannot be read.
        RefusedError: somebody else may read it.
        SpecError: the file holds no key.
    """
    import pyrage

    text = _read_private(path)
    words = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(words) == 1:
        try:
            return pyrage.x25519.Identity.from_str(words[0])
        except pyrage.IdentityError:
            pass
    raise SpecError(
        f"{path} holds no master key",
        hint="a master key is a file as age-keygen writes it, with one line AGE-SECRET-KEY-…",
        code="master-key-malformed",
    )


def new_password(length: int = 48) -> str:
    """Return a random password of that many letters and digits (5.95 bits each)."""
    return "".join(secrets.choice(_CHARACTERS) for _ in range(length))


def _read_private(path: Path) -> str:
    try:
        with open_regular(path) as file:
            check_private(path, os.fstat(file.fileno()), what="the master key", code="master-key-open")
            return file.read(65536).decode("utf-8", "replace")
    except FileNotFoundError:
        raise UnavailableError(
            f"there is no master key at {path}",
            hint="put it back from where you keep it; for a new host run: tenantry init",
            code="master-key-absent",
        ) from None
    except OSError as error:
        raise UnavailableError(
            f"the master key {path} cannot be read: {error.strerror}",
            hint="master_key_file in tenantry.yaml names a file; run tenantry as the user who owns it",
            code="master-key-unreadable",
        ) from error
