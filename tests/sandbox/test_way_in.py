"""The private way in, against what a closed vault and a closed account refuse."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.secrets import SecretClient

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_blobs import AccountBlobs
from tenantry.errors import FailedError, RefusedError, TenantryError, UnavailableError
from tenantry.model.azure_names import LOCK
from tenantry.model.azure_types import TYPES
from tenantry.model.status import KeptBlob
from tenantry.targets.azure import former_secrets, lent_roles, way_in
from tenantry.targets.azure.files import Files
from tenantry.targets.azure.way_to_blobs import ToBlobs
from tenantry.targets.azure.way_to_vault import OBJECTS, ToVault
from tests.support.sandbox import Sandbox

_REGION = "westeurope"
_CLOSED = {
    "publicNetworkAccess": "Disabled",
    "networkAcls": {"bypass": "AzureServices", "defaultAction": "Deny"},
}
_WEEK = {"deleteRetentionPolicy": {"enabled": True, "days": 7}}
_MOMENT = timedelta(minutes=5)
_LOCKS = "2020-05-01"
_VAULTS = TYPES["azure-native:keyvault:Vault"].version
_STORAGE = TYPES["azure-native:storage:StorageAccount"].version


class _Lease:
    def __init__(self) -> None:
        self.told = list[str]()

    def check(self) -> None: ...

    def intent(self, text: str) -> None:
        self.told.append(text)

    evidence = intent


class _Place:
    """A closed vault and a closed account, each under the lock that an instance's have."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.arm = sandbox, sandbox.arm()
        self.lease: Any = _Lease()
        self.principal = str(sandbox.told["object_id"])
        group, tail = sandbox.make_group(f"rg-{uuid.uuid4().hex[:8]}", _REGION), uuid.uuid4().hex[:10]
        self.vault = f"{group}/providers/Microsoft.KeyVault/vaults/kvs-{tail}"
        self.account = f"{group}/providers/Microsoft.Storage/storageAccounts/st{tail}"
        vault = {
            "tenantId": sandbox.told["directory_id"],
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "softDeleteRetentionInDays": 7,
            **_CLOSED,
        }
        self.arm.put(self.vault, _VAULTS, {"location": _REGION, "properties": vault})
        account = {"location": _REGION, "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
        self.arm.put(self.account, _STORAGE, {**account, "properties": _CLOSED})
        self.arm.put_only(f"{self.account}/blobServices/default", _STORAGE, {"properties": _WEEK})
        self.arm.put(f"{self.account}/blobServices/default/containers/files", _STORAGE, {"properties": {}})
        for one in (self.vault, self.account):
            self.lock(one, LOCK)

    def lock(self, resource: str, name: str) -> None:
        path = f"{resource}/providers/Microsoft.Authorization/locks/{name}"
        self.arm.put(path, _LOCKS, {"properties": {"level": "CanNotDelete", "notes": "why"}})

    def unlock(self, resource: str, name: str) -> None:
        self.arm.delete(f"{resource}/providers/Microsoft.Authorization/locks/{name}", _LOCKS)

    def locks(self, resource: str) -> list[str]:
        listed = self.arm.list(f"{resource}/providers/Microsoft.Authorization/locks", _LOCKS)
        return [one["name"] for one in listed]

    def secret(self, name: str) -> str:
        """Put a secret into the vault, as a deploy does; return its id."""
        path = f"{self.vault}/secrets/{name}"
        self.arm.put(path, _VAULTS, {"properties": {"value": "hidden"}})
        return path

    def to_vault(self) -> ToVault:
        told, name = self.sandbox.told, self.vault.rpartition("/")[2]
        objects = Arm(
            f"https://{name}.{told['vault_suffix']}",
            credential=self.sandbox.credential(),
            scope="https://vault.azure.net/.default",
            ca_file=Path(told["ca_file"]),
        )
        return ToVault(self.arm, self.vault, objects)

    def secrets(self) -> SecretClient:
        """Microsoft's client of the vault's secrets, as the operator's principal."""
        return SecretClient(
            f"https://{self.vault.rpartition('/')[2]}.{self.sandbox.told['vault_suffix']}",
            self.sandbox.credential(),
            connection_verify=self.sandbox.told["ca_file"],
            use_env_settings=False,
        )

    def to_blobs(self, role: str) -> tuple[ToBlobs, AccountBlobs]:
        blobs = AccountBlobs(
            self.account.rpartition("/")[2],
            suffix=self.sandbox.told["blob_suffix"],
            credential=self.sandbox.credential(),
            ca_file=Path(self.sandbox.told["ca_file"]),
        )
        return ToBlobs(self.arm, self.account, blobs, vault=self.to_vault(), role=role), blobs

    def opened(self, way: way_in.Way) -> Any:
        return way_in.opened(way, self.lease, lambda _: None, principal=self.principal)

    def purge(self, *names: str) -> None:
        clients: Any = type("_Clients", (), {"principal": type("_P", (), {"object_id": self.principal})})
        former_secrets.purge(self.to_vault(), clients, names, lease=self.lease, on_event=lambda _: None)

    def is_shut(self) -> bool:
        """Say whether nobody is let in anywhere, and the locks are there."""
        ways = (self.to_vault(), self.to_blobs("")[0])
        locked = all(self.locks(one.id) == [LOCK] for one in ways)
        return locked and all(one.is_closed() and not lent_roles.left(self.arm, one.id) for one in ways)


@pytest.fixture(scope="module")
def place(sandbox: Sandbox) -> Iterator[_Place]:
    found = _Place(sandbox)
    yield found
    found.arm.close()


def test_a_secret_is_deleted_and_purged_by_the_way_in_alone(place: _Place) -> None:
    secret, way = place.secret("former"), place.to_vault()
    with pytest.raises(RefusedError) as refused:
        way.objects.delete("/secrets/former", OBJECTS)
    assert refused.value.code == "forbidden-by-connection"
    place.purge("former")
    assert place.is_shut()
    assert place.arm.get(secret, _VAULTS) is None
    place.secret("former")  # one that was only deleted would keep its name: 409


def test_a_value_can_be_read_inside_and_by_nobody_outside(place: _Place) -> None:
    """Nothing of the product does so; whoever opens the way must know that it could."""
    place.secret("kept")
    with place.secrets() as secrets:
        with pytest.raises(HttpResponseError, match="ForbiddenByConnection"):
            secrets.get_secret("kept")
        with place.opened(place.to_vault()):
            assert secrets.get_secret("kept").value == "hidden"
        with pytest.raises(HttpResponseError, match="ForbiddenByConnection"):
            secrets.get_secret("kept")
    assert place.is_shut()


def test_secrets_that_are_deleted_or_gone_already_are_no_hindrance(place: _Place) -> None:
    """A run that was killed in between leaves the one or the other."""
    place.secret("halfway")
    way = place.to_vault()
    with place.opened(way):
        way.objects.delete("/secrets/halfway", OBJECTS)
    place.purge("halfway", "never-there")
    assert place.secret("halfway")


def test_blobs_are_read_and_deleted_by_the_way_in_alone(place: _Place) -> None:
    way, blobs = place.to_blobs(lent_roles.BLOB_CONTRIBUTOR)
    with pytest.raises(RefusedError, match="AuthorizationFailure"):
        blobs.containers()
    with place.opened(way):
        blobs._client.get_blob_client("files", "one.txt").upload_blob(b"one")
        assert [(one.name, one.size_bytes) for one in blobs.listed("files", "on")] == [("one.txt", 3)]
        assert blobs.listed("files", "tw") == []
        assert b"".join(blobs.chunks("files", "one.txt")) == b"one"
        assert (blobs.delete("files", "one.txt"), blobs.delete("files", "one.txt")) == (True, False)
        assert [days for _, days in blobs.left("files", "one.txt").deleted] == [6], "whole ones of seven"
        with pytest.raises(FailedError) as missing:
            list(blobs.chunks("files", "a-persons-name.txt"))
        assert "a-persons-name" not in missing.value.message, "it would stand in the journal"
    assert place.is_shut()
    with pytest.raises(RefusedError, match="AuthorizationFailure"):
        blobs.containers()


def test_a_deleted_blob_is_told_with_the_days_of_its_deletion_and_with_the_versions_that_it_leaves(
    place: _Place,
) -> None:
    service = f"{place.account}/blobServices/default"
    way, blobs = place.to_blobs(lent_roles.BLOB_CONTRIBUTOR)
    with place.opened(way):
        files = Files(blobs, place.lease, now=place.arm.now)
        blobs._client.get_blob_client("files", "dated").upload_blob(b"one")
        until = files.delete("files", "dated").until
        assert until is not None
        assert timedelta(days=7) - _MOMENT < until - place.arm.now() < timedelta(days=7) + _MOMENT
        policy = {"deleteRetentionPolicy": {"enabled": True, "days": 1}, "isVersioningEnabled": True}
        place.arm.put_only(service, _STORAGE, {"properties": policy})
        try:
            assert files.delete("files", "dated") == KeptBlob(until=until), "as when it was deleted"
            for content in (b"one", b"two"):
                blobs._client.get_blob_client("files", "many").upload_blob(content, overwrite=True)
            assert files.delete("files", "many") == KeptBlob(until=None, versions=2)
            assert files.delete("files", "many") == KeptBlob(until=None, versions=2), "it may be repeated"
        finally:
            place.arm.put_only(service, _STORAGE, {"properties": _WEEK})
        with pytest.raises(FailedError) as missing:
            files.delete("files", "never-there")
        assert missing.value.code == "no-blob"


def test_whoever_only_reads_may_not_delete(place: _Place) -> None:
    way, blobs = place.to_blobs(lent_roles.BLOB_READER)
    with place.opened(way), pytest.raises(RefusedError, match="AuthorizationPermissionMismatch"):
        blobs.delete("files", "one.txt")


def test_a_role_that_comes_into_force_late_is_waited_for(place: _Place) -> None:
    way, blobs = place.to_blobs(lent_roles.BLOB_READER)
    way.pauses = (0.5,)
    place.sandbox.faults("lag", "4")
    try:
        with place.opened(way):
            assert "files" in blobs.containers()
    finally:
        place.sandbox.faults("clear")
    assert place.is_shut()


def test_what_a_killed_run_left_is_withdrawn_and_what_others_gave_stays(place: _Place) -> None:
    way, _ = place.to_blobs("")
    way.allow("127.0.0.1")
    place.to_vault().allow("127.0.0.1")
    for resource, role in (
        (place.account, lent_roles.BLOB_CONTRIBUTOR),
        (place.vault, lent_roles.SECRETS_OFFICER),
    ):
        lent_roles.lend(place.arm, resource, role=role, principal=place.principal)
    place.sandbox.assign(place.account, lent_roles.BLOB_READER)
    assert not place.is_shut(), "a control"
    for one in (way, place.to_vault()):
        way_in.shut(one, place.lease)
    lent_roles.withdraw(place.arm, place.vault.partition("/providers/")[0], lease=place.lease)
    assert place.is_shut()
    listed = place.arm.list(
        f"{place.account}/providers/Microsoft.Authorization/roleAssignments", "2022-04-01"
    )
    (theirs,) = [one for one in listed if one["id"].lower().startswith(place.account.lower())]
    with place.opened(place.to_blobs(lent_roles.BLOB_READER)[0]):
        pass  # the same role for the same principal: Azure takes no second one
    assert place.arm.get(theirs["id"], "2022-04-01") is not None
    place.unlock(place.account, LOCK)
    place.arm.delete(theirs["id"], "2022-04-01")
    place.lock(place.account, LOCK)


@pytest.mark.parametrize("locked", ["vault", "account"])
def test_nothing_is_opened_where_somebody_elses_lock_would_forbid_to_close_it(
    place: _Place, locked: str
) -> None:
    resource = str(getattr(place, locked))
    place.lock(resource, "theirs")
    try:
        with pytest.raises(FailedError) as refused, place.opened(place.to_blobs(lent_roles.BLOB_READER)[0]):
            pass
        assert (refused.value.code, "theirs" in refused.value.message) == ("scope-locked", True)
    finally:
        place.unlock(resource, "theirs")
    assert place.is_shut()


def test_a_service_that_lets_nobody_in_is_told_and_closed_again(place: _Place) -> None:
    class _Walled(ToVault):
        patience_seconds = 1.0

        def allow(self, address: str) -> None:
            super().allow("" if address else address)  # the rule never comes

    way = _Walled(place.arm, place.vault, place.to_vault().objects)
    way.pauses = (0.3,)
    with pytest.raises(UnavailableError) as told, place.opened(way):
        pass
    assert (told.value.code, "Client address: 127." in told.value.message) == ("no-way-in", True)
    assert place.is_shut()


def test_an_error_inside_closes_it_as_well(place: _Place) -> None:
    with pytest.raises(TenantryError, match="inside"), place.opened(place.to_vault()):
        raise FailedError("inside")
    assert place.is_shut()
