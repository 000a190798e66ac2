"""One explicit credential for everything that is done on Azure.

A chain that tries one after the other would let preflight, deployment and
observation act as different principals; here the settings name one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry.errors import UnavailableError
from tenantry.model.spec import CredentialKind

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["make_credential", "token"]


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
    """
    from azure import identity

    common: dict[str, Any] = {"authority": authority}
    if ca_file is not None:
        common["connection_verify"] = str(ca_file)
    if not discovery:
        common["disable_instance_discovery"] = True
    made: TokenCredential
    match kind:
        case CredentialKind.SECRET:
            secret = _read(client_secret_file)
            made = identity.ClientSecretCredential(directory_id, client_id, secret, **common)
        case CredentialKind.CERTIFICATE:
            _read(certificate_file, text=False)
            made = identity.CertificateCredential(
                directory_id, client_id, certificate_path=str(certificate_file), **common
            )
        case CredentialKind.WORKLOAD_IDENTITY:
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
    except AzureError as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnavailableError(
            f"Azure's login gave no token: {first[:300]}",
            hint="see the block azure in tenantry.yaml: directory, credential and its file",
            code="no-token",
        ) from None


def _read(path: Path | None, *, text: bool = True) -> str:
    try:
        found = (path or Path()).read_bytes()
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be read: {error.strerror}",
            hint="see the block azure in tenantry.yaml",
            code="no-credential-file",
        ) from None
    return found.decode().strip() if text else ""
