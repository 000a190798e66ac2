"""The clouds: a table of end points, and the only place that tells one Azure from another.

The sandbox is a row like the others. Its end points are known once it runs, so
they are read from the file that it writes; whatever is made there is marked a
rehearsal.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tenantry.adapters.azure_credential import read_secret
from tenantry.adapters.processes import identity, is_alive
from tenantry.errors import SpecError, UnavailableError
from tenantry.model.spec import AzureSettings, CloudName, CredentialKind

__all__ = ["CLOUD", "CLOUDS", "Access", "Cloud", "access", "endpoints", "trusting"]

CLOUD: Final = "cloud"  # a fact of an instance: in which it was made
_ANEW: Final = "start the sandbox anew: tenantry sandbox stop, then tenantry sandbox start"
# What the sandbox tells its clients, all of it text.
_TOLD: Final = (
    *("arm", "login", "metadata", "vault_suffix", "postgres_suffix", "sites_suffix", "blob_suffix", "logs"),
    *("ca_file", "directory_id", "subscription_id", "client_id"),
    *("object_id", "client_secret_file", "certificate_file", "token_file"),
    *(
        "identity_host",
        "identity_endpoint",
        "identity_header_file",
        "identity_client_id",
        "identity_object_id",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Where one Azure is reached."""

    name: CloudName
    arm: str  # Resource Manager, without a slash at the end
    login: str
    metadata: str
    vault_suffix: str  # host names end in it; without a dot in front
    postgres_suffix: str
    sites_suffix: str
    blob_suffix: str
    logs: str  # the query service of Log Analytics
    ca_file: Path | None = None  # None: the authorities that the system trusts
    discovery: bool = True  # the login is one that Microsoft's own directory knows
    rehearsal: bool = False

    @property
    def facts(self) -> Mapping[str, str]:
        """What is recorded of an instance that is made here: which cloud, and whether to rehearse."""
        return {CLOUD: self.name.value, "rehearsal": "true" if self.rehearsal else ""}

    @property
    def arm_scope(self) -> str:
        """What a token for Resource Manager is asked for."""
        return f"{self.arm}/.default"

    @property
    def vault_scope(self) -> str:
        """What a token for vaults is asked for."""
        return f"https://{self.vault_suffix}/.default"


@dataclass(frozen=True, kw_only=True)
class Access:
    """A subscription in a cloud, and as whom it is worked on."""

    cloud: Cloud
    subscription_id: str
    directory_id: str
    credential: CredentialKind
    client_id: str = ""
    client_secret_file: Path | None = field(default=None, repr=False)
    certificate_file: Path | None = None
    token_file: Path | None = None
    where: str = ""  # the place at which the credential's file is named

    @property
    def scope(self) -> str:
        """The subscription as a resource id."""
        return f"/subscriptions/{self.subscription_id}"


CLOUDS: Final[Mapping[CloudName, Cloud]] = {
    CloudName.PUBLIC: Cloud(
        name=CloudName.PUBLIC,
        arm="https://management.azure.com",
        login="https://login.microsoftonline.com",
        metadata="https://management.azure.com/metadata/endpoints",
        vault_suffix="vault.azure.net",
        postgres_suffix="postgres.database.azure.com",
        sites_suffix="azurewebsites.net",
        blob_suffix="blob.core.windows.net",
        logs="https://api.loganalytics.io",
    ),
    CloudName.GOVERNMENT: Cloud(
        name=CloudName.GOVERNMENT,
        arm="https://management.usgovcloudapi.net",
        login="https://login.microsoftonline.us",
        metadata="https://management.usgovcloudapi.net/metadata/endpoints",
        vault_suffix="vault.usgovcloudapi.net",
        postgres_suffix="postgres.database.usgovcloudapi.net",
        sites_suffix="azurewebsites.us",
        blob_suffix="blob.core.usgovcloudapi.net",
        logs="https://api.loganalytics.us",
    ),
    CloudName.CHINA: Cloud(
        name=CloudName.CHINA,
        arm="https://management.chinacloudapi.cn",
        login="https://login.partner.microsoftonline.cn",
        metadata="https://management.chinacloudapi.cn/metadata/endpoints",
        vault_suffix="vault.azure.cn",
        postgres_suffix="postgres.database.chinacloudapi.cn",
        sites_suffix="chinacloudsites.cn",
        blob_suffix="blob.core.chinacloudapi.cn",
        logs="https://api.loganalytics.azure.cn",
    ),
}


def access(settings: AzureSettings, *, private: Path) -> Access:
    """Return the cloud of a workspace with its subscription and credential.

    Args:
        settings: the block ``azure`` of the workspace.
        private: the workspace's private folder, where the sandbox of the workspace writes its end points.

    Raises:
        UnavailableError: the sandbox of this workspace does not run, or a file of its is gone or spoiled.
        RefusedError: other users may read its secret.
    """
    if settings.cloud is CloudName.SANDBOX:
        return _sandbox(settings, private / "sandbox")
    return Access(
        cloud=CLOUDS[settings.cloud],
        subscription_id=settings.subscription,
        directory_id=settings.directory,
        credential=settings.credential,
        client_id=settings.client_id,
        client_secret_file=settings.client_secret_file,
        certificate_file=settings.certificate_file,
        token_file=settings.token_file,
        where=settings.credential_where,
    )


def endpoints(folder: Path) -> Mapping[str, str]:
    """Return what a running sandbox tells its clients in its folder.

    Raises:
        UnavailableError: it does not run, or the file does not tell all that is needed.
    """
    if not _runs(folder / "process"):
        raise UnavailableError(
            "the sandbox of this workspace does not run",
            hint="start it: tenantry sandbox start",
            code="no-sandbox",
        )
    file = folder / "endpoints.json"
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = None
    told = told if isinstance(told, dict) else {}
    found = {name: one for name in _TOLD if isinstance(one := told.get(name), str) and one}
    if len(found) < len(_TOLD):
        raise UnavailableError(
            f"{file} does not say where the sandbox of this workspace is", hint=_ANEW, code="no-sandbox"
        )
    return found


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Return what verifies HTTPS with the sandbox's authority.

    Raises:
        UnavailableError: the authority's certificate cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(str(ca_file))
    except OSError as error:  # ssl.SSLError is one
        raise UnavailableError(
            f"the authority's certificate {ca_file} cannot be read", hint=_ANEW, code="certificate-unreadable"
        ) from error
    return context


def _sandbox(settings: AzureSettings, folder: Path) -> Access:
    told = endpoints(folder)
    trusting(Path(told["ca_file"]))  # the libraries tell it as a fault of their caller
    kind = settings.credential
    if kind is CredentialKind.SECRET and settings.client_secret_file is None:
        _check_secret(Path(told["client_secret_file"]))
    cloud = Cloud(
        name=CloudName.SANDBOX,
        arm=told["arm"].rstrip("/"),
        login=told["login"].rstrip("/"),
        metadata=told["metadata"],
        vault_suffix=told["vault_suffix"].lstrip("."),
        postgres_suffix=told["postgres_suffix"].lstrip("."),
        sites_suffix=told["sites_suffix"].lstrip("."),
        blob_suffix=told["blob_suffix"].lstrip("."),
        logs=told["logs"],
        ca_file=Path(told["ca_file"]),
        discovery=False,
        rehearsal=True,
    )
    return Access(
        cloud=cloud,
        subscription_id=told["subscription_id"],
        directory_id=told["directory_id"],
        credential=kind,
        # A managed identity is the machine's: whoever gives the tokens knows which.
        client_id="" if kind is CredentialKind.MANAGED_IDENTITY else told["client_id"],
        client_secret_file=settings.client_secret_file or Path(told["client_secret_file"]),
        certificate_file=settings.certificate_file or Path(told["certificate_file"]),
        token_file=settings.token_file or Path(told["token_file"]),
        where=settings.credential_where or str(folder / "endpoints.json"),
    )


def _runs(file: Path) -> bool:
    """Say whether the process lives that a file tells of: its pid, and its start in the kernel's ticks."""
    try:
        number, start = file.read_text(encoding="ascii").split()
        pid = int(number)
        now = identity(pid)
    except (OSError, ValueError):
        return False
    return now.rpartition(":")[2] == start and is_alive(pid, now)


def _check_secret(file: Path) -> None:
    """See that the secret is there: the settings, which a client would be sent to, do not name it."""
    try:
        read_secret(file)
    except (SpecError, UnavailableError) as error:
        raise UnavailableError(
            f"{file} does not hold the sandbox's secret", hint=_ANEW, code=error.code
        ) from None
