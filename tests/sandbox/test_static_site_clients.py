"""Static sites as azure-mgmt-web and a reader see them."""

from __future__ import annotations

import io
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.storage import StorageManagementClient
from azure.mgmt.web import WebSiteManagementClient
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from tests.support.plain_http import ask
from tests.support.sandbox import Sandbox

_REGION = "westeurope"


class _StaticSites:
    """Static sites in a group of their own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.group = f"rg-{uuid.uuid4().hex[:8]}"
        sandbox.make_group(self.group, _REGION)
        self.client = sandbox.client(WebSiteManagementClient).static_sites

    def make(self) -> Any:
        name = f"stapp-{uuid.uuid4().hex[:10]}"
        wanted = {"location": _REGION, "sku": {"name": "Free", "tier": "Free"}, "properties": {}}
        return self.client.begin_create_or_update_static_site(self.group, name, wanted).result()

    def read(self, site: Any, path: str = "/") -> tuple[int, str, str]:
        answer = ask(f"https://{site.default_hostname}{path}", ca_file=self.sandbox.told["ca_file"])
        if answer.status >= 400:
            return answer.status, "", ""
        return answer.status, answer.headers["content-type"], answer.text

    def archive(self, files: dict[str, str]) -> str:
        """Put an archive into a storage account; return an address that lets anybody read it."""
        account = f"st{uuid.uuid4().hex[:12]}"
        wanted = {
            "location": _REGION,
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "properties": {"allowSharedKeyAccess": True},
        }
        storage = self.sandbox.client(StorageManagementClient)
        storage.storage_accounts.begin_create(self.group, account, wanted).result()
        key = storage.storage_accounts.list_keys(self.group, account).keys_property[0].value
        address = storage.storage_accounts.get_properties(self.group, account).primary_endpoints.blob
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as opened:
            for name, text in files.items():
                opened.writestr(name, text)
        service = BlobServiceClient(address, credential=key, connection_verify=self.sandbox.told["ca_file"])
        with service, service.create_container("packages").get_blob_client("portal.zip") as blob:
            blob.upload_blob(packed.getvalue())
            token = generate_blob_sas(
                account,
                "packages",
                "portal.zip",
                account_key=key,
                permission=BlobSasPermissions(read=True),
                expiry=datetime.now(UTC) + timedelta(hours=1),
            )
            return f"{blob.url}?{token}"


@pytest.fixture(scope="module")
def sites(sandbox: Sandbox) -> _StaticSites:
    return _StaticSites(sandbox)


@pytest.fixture(scope="module")
def site(sites: _StaticSites) -> Any:
    return sites.make()


def test_a_new_one_is_read_listed_and_waits_for_content(sites: _StaticSites, site: Any) -> None:
    assert sites.client.get_static_site(sites.group, site.name).sku.name == "Free"
    assert site.name in [one.name for one in sites.client.list()]
    assert site.name in [one.name for one in sites.client.get_static_sites_by_resource_group(sites.group)]
    status, _, text = sites.read(site)
    assert (status, "waits for its content" in text) == (200, True)


def test_it_has_a_deployment_token_that_can_be_changed(sites: _StaticSites, site: Any) -> None:
    before = sites.client.list_static_site_secrets(sites.group, site.name).properties["apiKey"]
    sites.client.reset_static_site_api_key(
        sites.group, site.name, {"properties": {"shouldUpdateRepository": False}}
    )
    assert sites.client.list_static_site_secrets(sites.group, site.name).properties["apiKey"] != before


def test_it_serves_the_files_of_an_archive_and_nothing_beside_them(sites: _StaticSites) -> None:
    site = sites.make()
    url = sites.archive({"index.html": "<p>portal", "assets/app.js": "start()", "VERSION.json": "{}"})
    wanted = {"properties": {"appZipUrl": url, "provider": "tests"}}
    sites.client.begin_create_zip_deployment_for_static_site(sites.group, site.name, wanted).result()
    assert sites.read(site) == (200, "text/html; charset=utf-8", "<p>portal")
    assert sites.read(site, "/assets/app.js")[::2] == (200, "start()")
    assert sites.read(site, "/missing")[0] == 404
    assert sites.read(site, "/..%2f..%2f..%2fetc/passwd")[0] == 404


def test_an_address_without_an_archive_is_refused(sites: _StaticSites, site: Any) -> None:
    wanted = {"properties": {"appZipUrl": f"{sites.sandbox.told['arm']}/metadata/endpoints"}}
    with pytest.raises(HttpResponseError, match="appZipUrl"):
        sites.client.begin_create_zip_deployment_for_static_site(sites.group, site.name, wanted).result()


def test_a_deleted_one_is_gone_at_once(sites: _StaticSites) -> None:
    site = sites.make()
    sites.client.begin_delete_static_site(sites.group, site.name).result()
    with pytest.raises(ResourceNotFoundError):
        sites.client.get_static_site(sites.group, site.name)
