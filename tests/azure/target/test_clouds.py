"""The table of clouds, held against where Microsoft's own packages look for each.

What they do not have is held against the Azure CLI's table, in tests/sandbox/clients/test_azure_cli.py.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from azure.core import AzureClouds
from azure.identity import AzureAuthorityHosts
from azure.identity._internal.shared_token_cache import KNOWN_ALIASES
from azure.mgmt.core.tools import get_arm_endpoints

from tenantry.config.azure import VAULTS
from tenantry.model.spec import CloudName
from tenantry.targets.azure.clouds import CLOUDS, Cloud

_LOGINS = {
    CloudName.PUBLIC: AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
    CloudName.GOVERNMENT: AzureAuthorityHosts.AZURE_GOVERNMENT,
    CloudName.CHINA: AzureAuthorityHosts.AZURE_CHINA,
}
_MANAGERS = {
    CloudName.PUBLIC: AzureClouds.AZURE_PUBLIC_CLOUD,
    CloudName.GOVERNMENT: AzureClouds.AZURE_US_GOVERNMENT,
    CloudName.CHINA: AzureClouds.AZURE_CHINA_CLOUD,
}
_clouds = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=[name.value for name in CLOUDS])


def test_every_cloud_of_microsofts_has_a_row() -> None:
    assert set(CLOUDS) == set(CloudName) - {CloudName.SANDBOX} == set(_LOGINS) == set(_MANAGERS)
    assert [cloud.name for cloud in CLOUDS.values()] == list(CLOUDS)


@_clouds
def test_a_login_is_one_that_azure_identity_takes_for_the_clouds(cloud: Cloud) -> None:
    """Azure's in China has two names; msal calls the one that azure-identity has by itself deprecated."""
    url, known = urlsplit(cloud.login), _LOGINS[cloud.name]
    assert (url.scheme, url.path) == ("https", "")
    assert url.netloc in KNOWN_ALIASES[known]
    assert url.netloc == known or cloud.name is CloudName.CHINA


@_clouds
def test_resource_manager_is_where_azure_mgmt_core_looks_for_it(cloud: Cloud) -> None:
    known = get_arm_endpoints(_MANAGERS[cloud.name])
    assert cloud.arm == known["resource_manager"].rstrip("/")
    assert cloud.metadata == f"{cloud.arm}/metadata/endpoints"
    # The government's takes tokens for its address as well as for the name that azure-mgmt-core asks for.
    assert known["credential_scopes"] == [cloud.arm_scope] or cloud.name is CloudName.GOVERNMENT


def test_a_workspace_takes_keys_of_the_vaults_that_its_cloud_has() -> None:
    assert {name: VAULTS[name] for name in CLOUDS} == {name: one.vault_suffix for name, one in CLOUDS.items()}


def test_no_two_clouds_have_a_place_in_common() -> None:
    places = [
        place
        for one in CLOUDS.values()
        for place in (
            *(one.arm, one.login, one.vault_suffix, one.postgres_suffix, one.sites_suffix),
            *(one.blob_suffix, one.logs),
        )
    ]
    assert len(set(places)) == 7 * len(CLOUDS)
