"""One explicit credential for everything that is done on Azure.

A chain that tries one after the other would let preflight, deployment and
observation act as different principals; here the settings name one.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tenantry.adapters.azure_answers import first_line
from tenantry.adapters.files import check_private
from tenantry.errors import SpecError, UnavailableError
from tenantry.model.spec import CredentialKind

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

__all__ = ["Renewable", "make_credential", "no_token", "read_secret", "token"]

_MOST_BYTES: Final = 64 * 1024


class Renewable:
    """A credential that can forget the tokens that it was given: a service may end one before its time.

    What azure-identity makes keeps a token until shortly before its end, and has no way to drop it.
    """

    def __init__(self, make: Callable[[], TokenCredential]) -> None:
        """``make`` returns the credential with no token yet."""
        self._make = make
        self._lock = threading.Lock()
        self._current = make()
        self.age = 0  # how often it was renewed

    def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        """Return a token as the credential itself does."""
        return self._current.get_token(*scopes, **more)

    def renew(self, age: int) -> None:
        """Forget all tokens, unless that was done since the credential was so old."""
        with self._lock:
            if self.age == age:
                self._current = self._make()
                self.age += 1


def make_credential(
    kind: CredentialKind,
    *,
    authority: str,
    directory_id: str,
    client_id: str,
    client_secret_file: Path | None = None,
    certificate_file: Path | None = None,
    token_file: Path | None = None,
    ca_file: Path | None = None,
    discovery: bool = True,
) -> TokenCredential:
    """Return the credential; no token is asked for yet.

    Args:
        kind: which one.
        authority: URL of the login.
        directory_id: of the directory that the principal belongs to.
        client_id: of the application or the user-assigned identity; "" where the kind needs none.
        client_secret_file: of kind secret.
        certificate_file: of kind certificate.
        token_file: of kind workload-identity.
        ca_file: what the login's HTTPS is verified with; None: the system's authorities.
        discovery: ask Microsoft whether the authority is one of theirs.

    Raises:
        UnavailableError: a file that is named cannot be read.
        RefusedError: other users may read the secret or the certificate's key.
        SpecError: the file holds something else.
    """
    from azure import identity

    # It warns on standard error of what the error that follows says.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    common: dict[str, Any] = {"authority": authority}
    if ca_file is not None:
        common["connection_verify"] = str(ca_file)
    if not discovery:
        common["disable_instance_discovery"] = True
    made: TokenCredential
    match kind:
        case CredentialKind.SECRET:
            secret = read_secret(client_secret_file)
            made = identity.ClientSecretCredential(directory_id, client_id, secret, **common)
        case CredentialKind.CERTIFICATE:
            data = _read(certificate_file, private=True)
            try:
                made = identity.CertificateCredential(
                    directory_id, client_id, certificate_data=data, **common
                )
            except (ValueError, TypeError):  # its words may hold what the file holds
                raise _malformed(
                    certificate_file, "no certificate with an unencrypted RSA key, as PEM"
                ) from None
        case CredentialKind.WORKLOAD_IDENTITY:
            _text(_read(token_file), token_file)  # it is read again whenever a token is needed
            made = identity.WorkloadIdentityCredential(
                tenant_id=directory_id, client_id=client_id, token_file_path=str(token_file), **common
            )
        case CredentialKind.MANAGED_IDENTITY:
            made = identity.ManagedIdentityCredential(client_id=client_id or None)
        case CredentialKind.CLI:
            made = identity.AzureCliCredential(tenant_id=directory_id)
    return made


def token(credential: TokenCredential, scope: str) -> str:
    """Return a token for a scope, a fresh one where the last one ends soon.

    Raises:
        UnavailableError: the login gives none; its text names no secret.
    """
    from azure.core.exceptions import AzureError

    try:
        return credential.get_token(scope).token
    except (AzureError, OSError) as error:  # a token file may be gone meanwhile
        raise no_token(error) from None


def no_token(error: Exception) -> UnavailableError:
    """Return the login's refusal as an error of ours."""
    return UnavailableError(
        f"Azure's login gave no token: {first_line(error)}",
        hint="see the block azure in tenantry.yaml: directory, credential and its file",
        code="no-token",
    )


def read_secret(path: Path | None) -> str:
    """Return the secret in a file of ours.

    Raises:
        UnavailableError: it cannot be read, or holds something else.
    """
    return _text(_read(path, private=True), path)


def _read(path: Path | None, *, private: bool = False) -> bytes:
    """Return what a file holds; a private one must be closed to other users."""
    try:
        with (path or Path()).open("rb") as file:
            if private:
                check_private(
                    path or Path(),
                    os.fstat(file.fileno()),
                    what="the credential",
                    code="credential-file-open",
                )
            found = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be read: {error.strerror}",
            hint="see the block azure in tenantry.yaml",
            code="no-credential-file",
        ) from None
    if len(found) > _MOST_BYTES:
        raise _malformed(path, f"more than {_MOST_BYTES} bytes")
    return found


def _text(data: bytes, path: Path | None) -> str:
    try:
        found = data.decode("ascii").strip()
    except UnicodeDecodeError:
        raise _malformed(path, "something else than a secret: it is no ASCII") from None
    if not found or any(not "!" <= one <= "~" for one in found):
        raise _malformed(path, "something else than a secret on one line" if found else "nothing")
    return found


def _malformed(path: Path | None, what: str) -> SpecError:
    return SpecError(
        f"{path} holds {what}", hint="see the block azure in tenantry.yaml", code="credential-file-malformed"
    )
