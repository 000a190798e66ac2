"""Storage accounts of the sandbox, with clients that nobody here wrote."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.keys import KeyClient
from azure.mgmt.storage import StorageManagementClient
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobServiceClient,
    ContainerClient,
    RetentionPolicy,
    StandardBlobTier,
    generate_container_sas,
)

from tenantry.errors import TenantryError
from tenantry.providers.host.processes import command
from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts import programs
from tenantry.sandbox.planes.blob_azurite import check_installed
from tenantry.sandbox.planes.blob_erasing import overwrite_unreferenced
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
            self.sandbox.assign(made.id, role)
        return name

    @property
    def path(self) -> str:
        return f"{self.sandbox.subscription}/resourceGroups/{self.group}/providers"

    def processes(self) -> list[str]:
        """The Azurites of this sandbox that run."""
        here = str(self.sandbox.disk)
        found = [" ".join(command(int(one.name))) for one in Path("/proc").glob("[0-9]*")]
        return [one for one in found if here in one and "azurite" in one]

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


@pytest.mark.parametrize("kind", ["Standard_GRS", "Standard_RAGRS", "Standard_GZRS", "Standard_RAGZRS"])
def test_an_account_with_a_copy_in_the_pair_tells_where_it_is_until_it_has_none(
    accounts: _Accounts, kind: str
) -> None:
    name, storage = f"st{uuid.uuid4().hex[:12]}", accounts.client.storage_accounts
    storage.begin_create(accounts.group, name, {**_SKU, "sku": {"name": kind}, "properties": {}}).result()
    told = storage.get_properties(accounts.group, name)
    assert (told.secondary_location, told.status_of_secondary) == ("northeurope", "available")
    storage.update(accounts.group, name, {"sku": {"name": "Standard_ZRS"}})
    told = storage.get_properties(accounts.group, name)
    assert (told.secondary_location, told.status_of_secondary) == (None, None)
    storage.delete(accounts.group, name)


def test_a_quota_counts_the_accounts_of_a_region_and_refuses_one_more(accounts: _Accounts) -> None:
    def used() -> tuple[int, int]:
        (one,) = accounts.client.usages.list_by_location(_REGION)
        assert (one.name.value, one.unit) == ("StorageAccounts", "Count")
        return one.current_value, one.limit

    name = accounts.make()
    count, limit = used()
    assert limit == 250
    with accounts.sandbox.client(
        StorageManagementClient, accounts.sandbox.second.rpartition("/")[2]
    ) as other:
        assert [one.current_value for one in other.usages.list_by_location(_REGION)] == [0]
    accounts.sandbox.faults("accounts", str(count))
    try:
        assert used() == (count, count)
        with pytest.raises(HttpResponseError, match="MaxStorageAccountsCountPerSubscriptionExceeded") as full:
            accounts.make()
        assert full.value.status_code == 409
        accounts.client.storage_accounts.update(accounts.group, name, {"tags": {"a": "b"}})
        accounts.client.storage_accounts.delete(accounts.group, name)
        assert used() == (count - 1, count)
        accounts.make()
    finally:
        accounts.sandbox.faults("clear")


def test_a_blob_is_written_read_listed_changed_and_deleted(accounts: _Accounts, plain: str) -> None:
    container = accounts.blobs(plain).create_container("first")
    container.upload_blob("a/ü b.txt", b"hello", metadata={"client": "one"})
    assert container.download_blob("a/ü b.txt").readall() == b"hello"
    assert [(one.name, one.size) for one in container.list_blobs()] == [("a/ü b.txt", 5)]
    blob = container.get_blob_client("a/ü b.txt")
    assert blob.get_blob_properties().metadata == {"client": "one"}
    blob.set_blob_metadata({"client": "two"})
    assert blob.get_blob_properties().metadata == {"client": "two"}
    assert blob.download_blob().readall() == b"hello"
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
    assert (found.name, found.deleted, found.remaining_retention_days) == ("notes", True, 6)
    blob = container.get_blob_client("notes")
    blob.undelete_blob()
    assert blob.download_blob().readall() == b"rows"
    told = blob.get_blob_properties()
    assert told.metadata == {"a": "b"}
    assert told.copy.source is None


def test_blobs_of_every_kind_and_name_come_back(accounts: _Accounts, keeping: str) -> None:
    container = accounts.blobs(keeping).create_container("kinds")
    log, cold, odd = (container.get_blob_client(one) for one in ("log", "cold", "ü & <x>/#?%.txt"))
    log.create_append_blob()
    log.append_block(b"one ")
    log.append_block(b"two")
    cold.upload_blob(b"x", standard_blob_tier=StandardBlobTier.ARCHIVE)
    odd.upload_blob(b"y")
    for blob in (log, cold, odd):
        blob.delete_blob()
        blob.undelete_blob()
    assert log.download_blob().readall() == b"one two"
    assert cold.get_blob_properties().blob_tier == "Archive"
    assert odd.download_blob().readall() == b"y"


def test_a_snapshot_of_what_was_overwritten_is_kept(accounts: _Accounts, keeping: str) -> None:
    container = accounts.blobs(keeping).create_container("over")
    blob = container.get_blob_client("page")
    blob.upload_blob(b"first")
    blob.upload_blob(b"second", overwrite=True)
    kept, present = container.list_blobs(include=["deleted", "snapshots"])
    assert (kept.deleted, bool(kept.snapshot), present.deleted) == (True, True, None)
    blob.undelete_blob()
    old = container.get_blob_client("page", snapshot=kept.snapshot)
    assert (old.download_blob().readall(), blob.download_blob().readall()) == (b"first", b"second")


def test_a_deleted_container_comes_back_with_its_blobs(accounts: _Accounts, keeping: str) -> None:
    service = accounts.blobs(keeping)
    container = service.create_container("whole", metadata={"client": "one"})
    container.upload_blob("x/1", b"1")
    container.upload_blob("x/2", b"2")
    container.delete_blob("x/2")
    container.delete_container()
    assert "whole" not in [one.name for one in service.list_containers()]
    listed = service.list_containers(include_deleted=True)
    (gone,) = [one for one in listed if one.deleted]
    assert gone.name == "whole"
    told = accounts.client.blob_containers.list(accounts.group, keeping, include="deleted")
    assert [(one.name, one.remaining_retention_days) for one in told if one.deleted] == [("whole", 7)]
    back = service.undelete_container(gone.name, str(gone.version))
    assert back.download_blob("x/1").readall() == b"1"
    assert back.get_container_properties().metadata == {"client": "one"}
    assert [one.name for one in back.list_blobs(include=["deleted"])] == ["x/1", "x/2"]


def test_a_large_blob_goes_in_blocks_and_comes_back(accounts: _Accounts, plain: str) -> None:
    container = accounts.blobs(plain).create_container("large")
    content = bytes(range(256)) * 4096 * 8
    blob = container.get_blob_client("big")
    blob.upload_blob(content)  # in one request
    assert blob.download_blob().readall() == content
    blob.stage_block("a", content[:100])
    blob.stage_block("b", content[100:300])
    blob.commit_block_list([BlobBlock("a"), BlobBlock("b")])
    assert blob.download_blob().readall() == content[:300]


def test_several_blobs_are_deleted_in_one_request(accounts: _Accounts, keeping: str) -> None:
    container = accounts.blobs(keeping).create_container("batch")
    for name in ("a", "b c", "d"):
        container.upload_blob(name, b"x")
    answers = list(container.delete_blobs("a", "b c", "none", raise_on_any_failure=False))
    assert [one.status_code for one in answers] == [202, 202, 404]
    assert [one.name for one in container.list_blobs()] == ["d"]
    assert [one.name for one in container.list_blobs(include=["deleted"]) if one.deleted] == ["a", "b c"]


def test_lists_come_in_pages_with_folders_and_deleted_ones(accounts: _Accounts, keeping: str) -> None:
    container = accounts.blobs(keeping).create_container("pages")
    for name in ("a", "f/1", "f/2", "g/1", "z"):
        container.upload_blob(name, b"")
    container.delete_blob("g/1")
    container.delete_blob("z")
    pages = [
        [one.name for one in page]
        for page in container.list_blobs(include=["deleted"], results_per_page=2).by_page()
    ]
    assert pages == [["a", "f/1"], ["f/2", "g/1"], ["z"]]
    walked = container.walk_blobs(include=["deleted"], delimiter="/", results_per_page=2)
    assert sorted(one.name for one in walked) == ["a", "f/", "g/", "z"]


def test_keys_sign_and_a_new_one_replaces_the_old(accounts: _Accounts, plain: str) -> None:
    old = accounts.key(plain)
    with_key = accounts.blobs(plain, {"account_name": plain, "account_key": old})
    container = with_key.create_container("signed")
    container.upload_blob("x y", b"1")
    assert [one.name for one in container.list_blobs(include=["deleted", "versions"])] == ["x y"]
    accounts.client.storage_accounts.regenerate_key(accounts.group, plain, {"keyName": "key1"})
    with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
        container.upload_blob("z", b"1")
    with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
        list(container.list_blobs(include=["deleted"]))
    assert accounts.key(plain) != old


def test_whoever_has_no_role_is_refused_and_a_reader_only_reads(accounts: _Accounts) -> None:
    name = accounts.make(role="", allowSharedKeyAccess=False)
    key = {"account_name": name, "account_key": accounts.key(name)}
    with pytest.raises(HttpResponseError, match="KeyBasedAuthenticationNotPermitted"):
        accounts.blobs(name, key).create_container("xyz")
    service = accounts.blobs(name)
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        service.create_container("xyz")
    accounts.client.blob_containers.create(accounts.group, name, "one", {})
    account = accounts.client.storage_accounts.get_properties(accounts.group, name)
    accounts.sandbox.assign(f"{account.id}/blobServices/default/containers/one", _READER)
    container = service.get_container_client("one")
    assert list(container.list_blobs()) == []
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        container.upload_blob("x", b"")
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        list(service.list_containers())


def test_nobody_comes_in_without_a_name(accounts: _Accounts, plain: str) -> None:
    service = BlobServiceClient(
        f"https://{plain}.{accounts.sandbox.told['blob_suffix']}",
        connection_verify=accounts.sandbox.told["ca_file"],
        use_env_settings=False,
        retry_total=0,
    )
    with pytest.raises(HttpResponseError, match="PublicAccessNotPermitted"):
        service.get_blob_client("first", "x").download_blob()
    with pytest.raises(HttpResponseError, match="NoAuthenticationInformation"):
        list(service.list_containers())
    with pytest.raises(HttpResponseError, match="PublicAccessNotPermitted"):
        accounts.blobs(plain).create_container("open", public_access="blob")


def test_a_closed_account_lets_in_whom_a_rule_names(accounts: _Accounts, plain: str) -> None:
    service = accounts.blobs(plain)

    def change(**properties: Any) -> None:
        accounts.client.storage_accounts.update(accounts.group, plain, {"properties": properties})

    def rules(address: str) -> dict[str, Any]:
        return {"defaultAction": "Deny", "ipRules": [{"value": address, "action": "Allow"}]}

    change(publicNetworkAccess="Disabled")
    with pytest.raises(HttpResponseError, match="AuthorizationFailure"):
        service.create_container("closed")
    change(publicNetworkAccess="Enabled", networkAcls=rules("10.1.2.3"))
    with pytest.raises(HttpResponseError, match="AuthorizationFailure"):
        service.create_container("closed")
    change(networkAcls=rules("127.0.0.0/8"))
    service.create_container("closed")
    change(networkAcls={"defaultAction": "Allow", "ipRules": []})


def test_names_are_checked_and_unique(accounts: _Accounts, plain: str) -> None:
    begin = accounts.client.storage_accounts.begin_create
    with pytest.raises(HttpResponseError, match="AccountNameInvalid"):
        begin(accounts.group, "Has-Hyphen", _SKU)
    other = f"rg-{uuid.uuid4().hex[:8]}"
    accounts.sandbox.make_group(other, _REGION)
    with pytest.raises(HttpResponseError, match="StorageAccountAlreadyTaken"):
        begin(other, plain, _SKU)
    asked = {"name": plain, "type": "Microsoft.Storage/storageAccounts"}  # Azure requires both
    told = accounts.client.storage_accounts.check_name_availability(asked)
    assert (told.name_available, told.reason) == (False, "AlreadyExists")
    with pytest.raises(HttpResponseError, match="InvalidParameter"):
        accounts.client.storage_accounts.check_name_availability({"name": plain})


def test_resource_manager_tells_accounts_services_and_containers(accounts: _Accounts, plain: str) -> None:
    client, group = accounts.client, accounts.group
    assert plain in [one.name for one in client.storage_accounts.list_by_resource_group(group)]
    account = client.storage_accounts.get_properties(group, plain)
    assert account.primary_endpoints.blob == f"https://{plain}.{accounts.sandbox.told['blob_suffix']}/"
    assert (account.allow_blob_public_access, account.minimum_tls_version) == (False, "TLS1_2")
    changed = client.storage_accounts.update(group, plain, {"tags": {"a": "b"}})
    assert (changed.tags, changed.sku.tier) == ({"a": "b"}, "Standard")
    policy = {
        "deleteRetentionPolicy": {"enabled": False},
        "containerDeleteRetentionPolicy": {"enabled": False},
    }
    client.blob_services.set_service_properties(group, plain, {"properties": policy})
    service = client.blob_services.get_service_properties(group, plain)
    assert service.delete_retention_policy.enabled is False
    assert [one.name for one in client.blob_services.list(group, plain)] == ["default"]
    made = client.blob_containers.create(group, plain, "by-arm", {})
    assert made.etag
    accounts.blobs(plain).get_container_client("by-arm").upload_blob("x", b"1")
    accounts.blobs(plain).create_container("by-client")
    names = [one.name for one in client.blob_containers.list(group, plain)]
    assert {"by-arm", "by-client"} <= set(names)
    assert client.blob_containers.get(group, plain, "by-client").last_modified_time
    client.blob_containers.delete(group, plain, "by-arm")
    assert "by-arm" not in [one.name for one in accounts.blobs(plain).list_containers()]


def test_after_the_last_date_no_byte_is_left(accounts: _Accounts, keeping: str) -> None:
    blob_mark, container_mark, stays = (f"marker-{uuid.uuid4().hex}" for _ in range(3))
    service = accounts.blobs(keeping)
    one, other = service.create_container("one"), service.create_container("other")
    one.upload_blob("gone", blob_mark.encode())
    one.upload_blob("stays", stays.encode())
    other.upload_blob("gone", container_mark.encode())
    one.delete_blob("gone")
    one.get_blob_client("gone").undelete_blob()
    assert one.download_blob("gone").readall() == blob_mark.encode()
    one.delete_blob("gone")
    other.delete_container()
    assert accounts.sandbox.files_with(blob_mark)
    assert accounts.sandbox.files_with(container_mark)
    accounts.sandbox.faults("time", "+8d")
    assert not accounts.sandbox.files_with(blob_mark)
    assert not accounts.sandbox.files_with(container_mark)
    assert accounts.sandbox.files_with(stays)
    assert one.download_blob("stays").readall() == stays.encode()
    assert [found.name for found in one.list_blobs(include=["deleted"])] == ["stays"]


def test_what_is_deleted_for_good_leaves_no_byte(accounts: _Accounts, plain: str) -> None:
    overwritten, dropped, stays = (f"marker-{uuid.uuid4().hex}" for _ in range(3))
    service = accounts.blobs(plain)
    one, other = service.create_container("erased"), service.create_container("dropped")
    one.upload_blob("a", overwritten.encode())
    one.upload_blob("b", stays.encode())
    other.upload_blob("a", dropped.encode())
    assert accounts.sandbox.files_with(overwritten)
    one.upload_blob("a", b"nothing", overwrite=True)
    other.delete_container()
    accounts.sandbox.faults("time", "+1m")
    assert not accounts.sandbox.files_with(overwritten)
    assert not accounts.sandbox.files_with(dropped)
    assert one.download_blob("b").readall() == stays.encode()


def test_a_deleted_account_is_kept_for_fourteen_days(accounts: _Accounts) -> None:
    name, mark = accounts.make(), f"marker-{uuid.uuid4().hex}"
    accounts.blobs(name).create_container("one").upload_blob("x", mark.encode())
    accounts.client.storage_accounts.delete(accounts.group, name)
    (kept,) = [one for one in accounts.client.deleted_accounts.list() if one.name == name]
    assert accounts.client.deleted_accounts.get(name, _REGION).deletion_time == kept.deletion_time
    assert accounts.sandbox.files_with(mark)
    path = f"{accounts.path}/Microsoft.Storage/storageAccounts/{name}"
    body = {**_SKU, "properties": {"restoreReference": kept.restore_reference}}
    accounts.sandbox.arm().put(path, "2024-01-01", body)
    accounts.sandbox.assign(path, _CONTRIBUTOR)
    assert accounts.blobs(name).get_blob_client("one", "x").download_blob().readall() == mark.encode()
    accounts.client.storage_accounts.delete(accounts.group, name)
    accounts.client.storage_accounts.begin_create(accounts.group, name, _SKU).result()
    assert list(accounts.client.blob_containers.list(accounts.group, name)) == []
    accounts.sandbox.faults("time", "+15d")
    assert name not in [one.name for one in accounts.client.deleted_accounts.list()]
    assert not accounts.sandbox.files_with(mark)


def test_a_signature_for_a_container_does_what_it_says(accounts: _Accounts, keeping: str) -> None:
    accounts.blobs(keeping).create_container("shared").upload_blob("x", b"1")
    until = datetime.now(UTC) + timedelta(minutes=10)

    def signature(permission: str) -> str:
        key = accounts.key(keeping)
        return generate_container_sas(keeping, "shared", key, permission=permission, expiry=until)

    def blob(permission: str) -> BlobClient:
        credential = AzureSasCredential(signature(permission))
        return accounts.blobs(keeping, credential).get_blob_client("shared", "x")

    assert blob("r").download_blob().readall() == b"1"
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        blob("r").delete_blob()
    blob("d").delete_blob()
    with pytest.raises(HttpResponseError, match="Authorization"):
        blob("r").undelete_blob()
    blob("rw").undelete_blob()
    again = ContainerClient.from_container_url(
        f"https://{keeping}.{accounts.sandbox.told['blob_suffix']}/shared",
        AzureSasCredential(signature("dr")),
        connection_verify=accounts.sandbox.told["ca_file"],
        use_env_settings=False,
    )
    assert [one.status_code for one in again.delete_blobs("x")] == [202]
    blob("rw").undelete_blob()
    assert blob("r").download_blob().readall() == b"1"
    with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
        accounts.blobs(keeping, AzureSasCredential("sv=2024-08-04&ss=b&srt=o&sp=r&sig=AAAA")).get_blob_client(
            "shared", "x"
        ).download_blob()


def test_a_deleted_snapshot_comes_back_with_its_blob(accounts: _Accounts, keeping: str) -> None:
    container = accounts.blobs(keeping).create_container("snaps")
    blob = container.get_blob_client("x")
    blob.upload_blob(b"1")
    time = str(blob.create_snapshot()["snapshot"])
    blob.set_blob_metadata({"a": "b"})
    blob.delete_blob(delete_snapshots="include")
    assert [one.name for one in container.list_blobs(include=["snapshots"])] == []
    blob.undelete_blob()
    listed = [(one.snapshot, one.deleted) for one in container.list_blobs(include=["snapshots"])]
    assert listed == [(time, None), (None, None)]
    assert container.get_blob_client("x", snapshot=time).download_blob().readall() == b"1"


def test_the_service_says_what_resource_manager_says(accounts: _Accounts, keeping: str) -> None:
    account = accounts.client.storage_accounts.get_properties(accounts.group, keeping)
    accounts.sandbox.assign(account.id, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b")
    service = accounts.blobs(keeping)
    assert service.get_service_properties()["delete_retention_policy"].days == 7
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=9))
    told = accounts.client.blob_services.get_service_properties(accounts.group, keeping)
    assert told.delete_retention_policy.days == 9
    assert service.get_account_information()["sku_name"] == "Standard_LRS"
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=7))


@pytest.fixture(scope="module")
def encrypted(accounts: _Accounts) -> tuple[str, KeyClient]:
    """An account that a key encrypts and that keeps versions; made when its identity may use the key."""
    key, user = _key_and_identity(accounts)
    encryption = {
        "keySource": "Microsoft.Keyvault",
        "identity": {"userAssignedIdentity": user["id"]},
        "keyvaultproperties": {"keyname": "data", "keyvaulturi": key.vault_url},
    }
    body = {
        **_SKU,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {user["id"]: {}}},
        "properties": {"encryption": encryption},
    }
    name = f"st{uuid.uuid4().hex[:12]}"
    path = f"{accounts.path}/Microsoft.Storage/storageAccounts/{name}"
    with pytest.raises(TenantryError, match="KeyVaultAuthenticationFailure"):
        accounts.sandbox.arm().put(path, "2024-01-01", body)
    vault = f"{accounts.path}/Microsoft.KeyVault/vaults/{key.vault_url[8:].partition('.')[0]}"
    accounts.sandbox.assign(vault, "e147488a-f6f5-4113-8e2d-b22465e65bf6", user["properties"]["principalId"])
    accounts.sandbox.arm().put(path, "2024-01-01", body)
    accounts.sandbox.assign(path, _CONTRIBUTOR)
    policy = {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 2}}
    accounts.client.blob_services.set_service_properties(accounts.group, name, {"properties": policy})
    return name, key


def test_an_account_cannot_be_read_while_its_key_is_off(
    accounts: _Accounts, encrypted: tuple[str, KeyClient]
) -> None:
    name, key = encrypted
    container = accounts.blobs(name).create_container("one")
    container.upload_blob("x", b"1")
    key.update_key_properties("data", enabled=False)
    with pytest.raises(HttpResponseError, match="KeyVaultEncryptionKeyNotFound"):
        container.download_blob("x")
    key.update_key_properties("data", enabled=True)
    assert container.download_blob("x").readall() == b"1"


def test_an_earlier_version_is_read_promoted_and_deleted(
    accounts: _Accounts, encrypted: tuple[str, KeyClient]
) -> None:
    container = accounts.blobs(encrypted[0]).create_container("versions")
    blob = container.get_blob_client("doc")
    first = blob.upload_blob(b"one")["version_id"]
    second = blob.upload_blob(b"two", overwrite=True)["version_id"]
    listed = [(one.version_id, one.is_current_version) for one in container.list_blobs(include=["versions"])]
    assert listed == [(first, None), (second, True)]
    assert blob.download_blob(version_id=first).readall() == b"one"
    assert blob.get_blob_properties().version_id == second
    blob.delete_blob()
    assert [one.name for one in container.list_blobs()] == []
    assert [one.version_id for one in container.list_blobs(include=["versions"])] == [first, second]
    blob.upload_blob_from_url(f"{blob.url}?versionid={first}")
    assert blob.download_blob().readall() == b"one"
    blob.delete_blob(version_id=second)
    gone = [one for one in container.list_blobs(include=["versions", "deleted"]) if one.deleted]
    assert [one.version_id for one in gone] == [second]
    with pytest.raises(ResourceNotFoundError):
        blob.download_blob(version_id=second)


def _key_and_identity(accounts: _Accounts) -> tuple[KeyClient, dict[str, Any]]:
    """Make a vault with a key that nobody else may use yet, and an identity."""
    arm, sandbox = accounts.sandbox.arm(), accounts.sandbox
    vault = f"kv-{uuid.uuid4().hex[:12]}"
    properties = {
        "tenantId": sandbox.told["directory_id"],
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "softDeleteRetentionInDays": 7,
        "enablePurgeProtection": True,
    }
    path = f"{accounts.path}/Microsoft.KeyVault/vaults/{vault}"
    arm.put(path, "2023-07-01", {"location": _REGION, "properties": properties})
    accounts.sandbox.assign(path, "14b46e9e-c2b7-41b4-b07b-48a6ebf60603")
    client = KeyClient(
        f"https://{vault}.{sandbox.told['vault_suffix']}/",
        sandbox.credential(),
        connection_verify=sandbox.told["ca_file"],
        use_env_settings=False,
    )
    client.create_rsa_key("data", size=2048)
    user = f"{accounts.path}/Microsoft.ManagedIdentity/userAssignedIdentities/id-{vault}"
    return client, arm.put(user, "2023-01-31", {"location": _REGION})


def test_blobs_outlive_a_restart_and_no_process_stays(accounts: _Accounts, keeping: str) -> None:
    container = accounts.blobs(keeping).create_container("restart")
    container.upload_blob("x", b"1")
    container.upload_blob("y", b"2")
    container.delete_blob("y")
    assert accounts.processes()
    accounts.sandbox.command("stop")
    assert accounts.processes() == []
    accounts.sandbox.command("start")
    assert container.download_blob("x").readall() == b"1"
    assert [one.name for one in container.list_blobs(include=["deleted"])] == ["x", "y"]


def test_without_azurite_an_account_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_AZURITE", "nowhere")
    with pytest.raises(ArmFault, match="make setup"):
        check_installed()


def test_erasing_leaves_what_a_blob_refers_to(tmp_path: Path) -> None:
    extents = tmp_path / "__blobstorage__"
    extents.mkdir()
    (extents / "shared").write_bytes(b"gone-stay-gone")
    (extents / "unused").write_bytes(b"gone")
    block = {"persistency": {"id": "shared", "offset": 5, "count": 4}}
    index = {"collections": [{"data": [{"name": "x", "committedBlocksInOrder": [block]}]}]}
    (tmp_path / "__azurite_db_blob__.json").write_text(json.dumps(index))
    assert overwrite_unreferenced(tmp_path) == 14
    assert (extents / "shared").read_bytes() == bytes(5) + b"stay" + bytes(5)
    assert not (extents / "unused").exists()
