"""What the plugin azure-native is told where the engine starts it: as whom it works, where, and the way out.

By its environment, which is built from nothing for the engine. It names the one subscription of
the instance and the one credential of the workspace; a plugin that chose by itself could work as
somebody else, or elsewhere. Nothing of it gets into the stack's state.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tenantry.adapters.azure_credential import read_secret
from tenantry.model.spec import CloudName, CredentialKind
from tenantry.targets.azure import proxies
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.clouds import Access

__all__ = ["network_environment", "plugin_environment", "plugin_settings"]

_CLOUDS: Final[Mapping[CloudName, str]] = {
    CloudName.PUBLIC: "public",
    CloudName.GOVERNMENT: "usgovernment",
    CloudName.CHINA: "china",
}
# The Azure CLI is a program of the person who logged in with it.
_OF_THE_CLI: Final = (
    *("PATH", "HOME", "AZURE_CONFIG_DIR"),
    *("REQUESTS_CA_BUNDLE", "AZURE_CORE_INSTANCE_DISCOVERY"),
)
_AUTHORITIES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def network_environment(access: Access) -> dict[str, str]:
    """Return the variables by which the engine, and what it starts, get out as our own requests do.

    None where the cloud has authorities of its own: our requests look at no variable then.

    Raises:
        SpecError: a proxy's URL is none that all take.
    """
    if access.cloud.ca_file is not None:
        return {}
    found = proxies.environment()
    authorities = next((os.environ[name] for name in _AUTHORITIES if os.environ.get(name)), "")
    if authorities:
        found["SSL_CERT_DIR" if Path(authorities).is_dir() else "SSL_CERT_FILE"] = authorities
    return found


@contextmanager
def plugin_settings(clients: Clients) -> Iterator[Mapping[str, str]]:
    """Lend the variables that the plugin reads, for as long as the engine runs.

    A managed identity is found by variables and addresses of the machine, which differ from service to
    service; so its tokens come through us, and the plugin can find no other identity.

    Raises:
        UnavailableError: the file of the credential cannot be read.
    """
    from tenantry.adapters.azure_tokens import token_endpoint

    found = plugin_environment(clients.access)
    if clients.access.credential is not CredentialKind.MANAGED_IDENTITY:
        yield found
        return
    with token_endpoint(clients.credential, ()) as lent:
        yield {**found, **lent}


def plugin_environment(access: Access) -> dict[str, str]:
    """Return the variables that the plugin reads, the credential among them.

    Raises:
        UnavailableError: the file of the credential cannot be read.
    """
    found = {
        "ARM_SUBSCRIPTION_ID": access.subscription_id,
        "ARM_TENANT_ID": access.directory_id,
        **_cloud(access),
    }
    if access.client_id:
        found["ARM_CLIENT_ID"] = access.client_id
    match access.credential:
        case CredentialKind.SECRET:
            found["ARM_CLIENT_SECRET"] = read_secret(access.client_secret_file, where=access.where)
        case CredentialKind.CERTIFICATE:
            found["ARM_CLIENT_CERTIFICATE_PATH"] = str(access.certificate_file)
        case CredentialKind.WORKLOAD_IDENTITY:
            found |= {"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN_FILE_PATH": str(access.token_file)}
        case CredentialKind.MANAGED_IDENTITY:
            found["ARM_USE_MSI"] = "true"
        case CredentialKind.CLI:
            found |= {name: os.environ[name] for name in _OF_THE_CLI if name in os.environ}
    return found


def _cloud(access: Access) -> dict[str, str]:
    if access.cloud.name in _CLOUDS:
        return {"ARM_ENVIRONMENT": _CLOUDS[access.cloud.name]}
    found = {
        "ARM_METADATA_HOSTNAME": urlsplit(access.cloud.metadata).netloc,
        "ARM_DISABLE_INSTANCE_DISCOVERY": "true",
    }
    if access.cloud.ca_file is not None:
        found["SSL_CERT_FILE"] = str(access.cloud.ca_file)
    return found
