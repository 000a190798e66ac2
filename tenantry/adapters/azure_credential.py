"""One explicit credential for everything that is done on Azure.

A chain that tries one after the other would let preflight, deployment and
observation act as different principals; here the settings name one.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tenantry.adapters.azure_refusals import no_token
from tenantry.adapters.files import check_private, open_regular
from tenantry.errors import SpecError, UnavailableError
from tenantry.model.spec import CredentialKind

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

__all__ = ["Renewable", "make_credential", "read_secret", "token"]

_MOST_BYTES: Final = 64 * 1024
_CLI_SECONDS: Final = 60  # its first start on a busy machine takes longer than the ten that are usual
_ENDS_SOON: Final = 300  # seconds before its end, from which on a token is asked for anew: so do the others


class Renewable:
    """A credential that can forget the tokens that it was given: a service may end one before its time.

    What azure-identity makes keeps a token until shortly before its end, and has no way to drop it.
    """

    def __init__(self, make: Callable[[], TokenCredential], *, where: str = "") -> None:
        """Take what returns the credential with no token yet, and the place that names it, for errors."""
        self._make = make
        self.where = where
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


class _Kept:
    """Keeps the tokens of a credential that keeps none, each by its scopes until shortly before its end.

    Those who ask while the same is being asked for wait for that answer, be it a token or an error.
    An error is kept for nobody else.
    """

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, ...], Future[AccessToken]] = {}

    def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        """Return a token; one with claims or for another directory is never a kept one."""
        if more.get("claims") or more.get("tenant_id"):
            return self._credential.get_token(*scopes, **more)
        with self._lock:
            asked = self._asked.get(scopes)
            waits = asked is not None and _is_good(asked)
            if asked is None or not waits:
                asked = self._asked[scopes] = Future()
        if not waits:
            try:
                asked.set_result(self._credential.get_token(*scopes, **more))
            except BaseException as error:  # noqa: BLE001 - whoever waits must be told, whatever it is
                asked.set_exception(error)
        return asked.result()


def _is_good(asked: Future[AccessToken]) -> bool:
    """Say whether something asked for is on its way, or a token that does not end soon."""
    if not asked.done():
        return True
    return asked.exception() is None and asked.result().expires_on - time.time() > _ENDS_SOON


def make_credential(
    kind: CredentialKind,
    *,
    authority: str,
    directory_id: str,
    client_id: str,
    client_secret_file: Path | None = None,
    certificate_file: Path | None = None,
    token_file: Path | None = None,
    where: str = "",
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
        where: the place at which the file is named, for errors.
        ca_file: what the login's HTTPS is verified with, whatever the environment says of authorities
            and proxies; None: the system's authorities.
        discovery: ask Microsoft whether the authority is one of theirs.

    Raises:
        UnavailableError: a file that is named cannot be read.
        RefusedError: other users may read the secret or the certificate's key.
        SpecError: the file holds something else.
    """
    from azure import identity
    from cryptography.exceptions import UnsupportedAlgorithm

    # It warns on standard error of what the error that follows says.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    common: dict[str, Any] = {"authority": authority}
    if ca_file is not None:
        common |= {"connection_verify": str(ca_file), "use_env_settings": False}
    if not discovery:
        common["disable_instance_discovery"] = True
    made: TokenCredential
    match kind:
        case CredentialKind.SECRET:
            secret = read_secret(client_secret_file, where=where)
            made = identity.ClientSecretCredential(directory_id, client_id, secret, **common)
        case CredentialKind.CERTIFICATE:
            file = _File(key="certificate_file", path=certificate_file, where=where)
            data = file.read(private=True)
            try:
                made = identity.CertificateCredential(
                    directory_id, client_id, certificate_data=data, **common
                )
            except (ValueError, TypeError, UnsupportedAlgorithm):  # its words may hold what the file holds
                raise file.malformed(
                    "no certificate with an unencrypted RSA key, as PEM",
                    hint="take the password off the key with openssl pkey, and put the certificate beside it",
                ) from None
        case CredentialKind.WORKLOAD_IDENTITY:
            proof = _File(key="token_file", path=token_file, where=where)
            proof.text()
            # Read again whenever a token is needed, without the end of its line, which no login takes.
            made = identity.ClientAssertionCredential(directory_id, client_id, proof.text, **common)
        case CredentialKind.MANAGED_IDENTITY:
            # The machine itself is asked, which no proxy reaches. In a cluster a workload's identity would
            # win, which the engine's plugin does not look for.
            made = identity.ManagedIdentityCredential(
                client_id=client_id or None,
                use_env_settings=False,
                _exclude_workload_identity_credential=True,
            )
        case CredentialKind.CLI:
            # It starts a program for each token, and every client asks for one of its own.
            made = _Kept(identity.AzureCliCredential(tenant_id=directory_id, process_timeout=_CLI_SECONDS))
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
        raise no_token(error, where=getattr(credential, "where", "")) from None


def read_secret(path: Path | None, *, where: str = "") -> str:
    """Return the secret in a file of ours, which is named at a place.

    Raises:
        UnavailableError: it cannot be read.
        RefusedError: other users may read it.
        SpecError: it holds something else.
    """
    return _File(key="client_secret_file", path=path, where=where).text(private=True)


@dataclass(frozen=True, kw_only=True)
class _File:
    """The file of a credential, and where the settings name it."""

    key: str
    path: Path | None
    where: str

    def read(self, *, private: bool = False) -> bytes:
        """Return what it holds; a private one must be closed to other users."""
        path = self.path or Path()
        try:
            with open_regular(path) as file:
                if private:
                    check_private(
                        path,
                        os.fstat(file.fileno()),
                        what="the credential",
                        code="credential-file-open",
                        where=self.where,
                    )
                found = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise self._unreadable(error) from None
        if len(found) > _MOST_BYTES:
            raise self.malformed(f"more than {_MOST_BYTES} bytes")
        return found

    def text(self, *, private: bool = False) -> str:
        """Return the one word that it holds."""
        try:
            found = self.read(private=private).decode("ascii").strip()
        except UnicodeDecodeError:
            raise self.malformed("something else than a secret: it is no ASCII") from None
        if not found or any(not "!" <= one <= "~" for one in found):
            raise self.malformed("something else than a secret on one line" if found else "nothing")
        return found

    def malformed(self, what: str, *, hint: str = "see the block azure in tenantry.yaml") -> SpecError:
        """Return the error that it holds something else."""
        return SpecError(
            f"{self.path} holds {what}",
            hint=hint,
            where=self.where,
            code="credential-file-malformed",
        )

    def _unreadable(self, error: OSError) -> UnavailableError:
        # Where there is no such file, its name may be the secret itself, in the wrong place.
        absent = error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
        return UnavailableError(
            f"azure.{self.key} names no file that is there"
            if absent
            else f"{self.path} cannot be read: {error.strerror}",
            hint="see the block azure in tenantry.yaml: it names a file, which holds the secret",
            where=self.where,
            code="no-credential-file",
        )
