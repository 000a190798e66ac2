"""Storage accounts of the sandbox, with clients that nobody here wrote."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.storage import StorageManagementClient
from azure.storage.blob import BlobServiceClient

from tests.support.sandbox import Sandbox

_REGION = "westeurope"
_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
_SKU = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": _REGION}


class _Accounts:
    """Accounts in a group of their own, and clients for them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.group = f"rg-{uuid.uuid4().hex[:8]}"
        sandbox.make_group(self.group, _REGION)
        self.client = sandbox.client(StorageManagementClient)

    def make(self, *, role: str = _CONTRIBUTOR, service: dict[str, Any] | None = None, **more: Any) -> str:
        """Make an account; return its name."""
        name = f"st{uuid.uuid4().hex[:12]}"
        made = self.client.storage_accounts.begin_create(
            self.group, name, {**_SKU, "properties": more}
        ).result()
        if service:
            self.client.blob_services.set_service_properties(self.group, name, {"properties": service})
        if role:
            self.assign(made.id, role)
        return name

    def assign(self, scope: str, role: str) -> None:
        definition = f"{self.sandbox.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        self.sandbox.arm().put(
            f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}",
            "2022-04-01",
            {
                "properties": {
                    "roleDefinitionId": definition,
                    "principalId": self.sandbox.told["object_id"],
                    "principalType": "ServicePrincipal",
                }
            },
        )

    def blobs(self, name: str, credential: Any = None) -> BlobServiceClient:
        return BlobServiceClient(
            f"https://{name}.{self.sandbox.told['blob_suffix']}",
            credential or self.sandbox.credential(),
            connection_verify=self.sandbox.told["ca_file"],
            use_env_settings=False,
            retry_total=0,
        )

    def key(self, name: str) -> str:
        return str(self.client.storage_accounts.list_keys(self.group, name).keys_property[0].value)

    @property
    def disk(self) -> Path:
        text = (self.sandbox.private / "sandbox" / "sandbox.json").read_text(encoding="utf-8")
        return Path(json.loads(text)["data"])

    def files_with(self, text: str) -> list[Path]:
        return [one for one in self.disk.rglob("*") if one.is_file() and text.encode() in one.read_bytes()]


@pytest.fixture(scope="module")
def accounts(sandbox: Sandbox) -> Iterator[_Accounts]:
    found = _Accounts(sandbox)
    yield found
    found.client.close()


@pytest.fixture(scope="module")
def keeping(accounts: _Accounts) -> str:
    """An account that keeps what is deleted for a week, without versions."""
    week = {"enabled": True, "days": 7}
    return accounts.make(service={"deleteRetentionPolicy": week, "containerDeleteRetentionPolicy": week})


@pytest.fixture(scope="module")
def plain(accounts: _Accounts) -> str:
    """An account that keeps nothing."""
    return accounts.make()


def test_a_blob_is_written_read_listed_and_deleted(accounts: _Accounts, plain: str) -> None:
    container = accounts.blobs(plain).create_container("first")
    container.upload_blob("a/ü b.txt", b"hello", metadata={"client": "one"})
    assert container.download_blob("a/ü b.txt").readall() == b"hello"
    assert [(one.name, one.size) for one in container.list_blobs()] == [("a/ü b.txt", 5)]
    assert container.get_blob_client("a/ü b.txt").get_blob_properties().metadata == {"client": "one"}
    container.delete_blob("a/ü b.txt")
    assert list(container.list_blobs(include=["deleted"])) == []
    with pytest.raises(ResourceNotFoundError):
        container.download_blob("a/ü b.txt")


def test_a_deleted_blob_is_listed_and_comes_back(accounts: _Accounts, keeping: str) -> None:
    container = accounts.blobs(keeping).create_container("undo")
    container.upload_blob("notes", b"rows", metadata={"a": "b"})
    container.delete_blob("notes")
    assert [one.name for one in container.list_blobs()] == []
    (found,) = container.list_blobs(include=["deleted"])
    assert (found.name, found.deleted, found.remaining_retention_days) == ("notes", True, 7)
    blob = container.get_blob_client("notes")
    blob.undelete_blob()
    assert blob.download_blob().readall() == b"rows"
    told = blob.get_blob_properties()
    assert told.metadata == {"a": "b"}
    assert told.copy.source is None
