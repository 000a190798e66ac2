"""Vaults of the sandbox, with clients that nobody here wrote."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm
from azure.keyvault.secrets import SecretClient
from azure.mgmt.keyvault import KeyVaultManagementClient

from tests.support.sandbox import Sandbox

_REGION = "westeurope"
_OFFICERS = ("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "14b46e9e-c2b7-41b4-b07b-48a6ebf60603")


class _Vaults:
    """Vaults in a group of their own, and clients for them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.group = f"rg-{uuid.uuid4().hex[:8]}"
        sandbox.make_group(self.group, _REGION)
        self.client = sandbox.client(KeyVaultManagementClient)

    def make(self, *, officer: bool = True, **more: Any) -> str:
        """Make a vault; return its name."""
        name = f"kv-{uuid.uuid4().hex[:12]}"
        properties = {
            "tenantId": self.sandbox.told["directory_id"],
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "softDeleteRetentionInDays": 7,
            **more,
        }
        made = self.client.vaults.begin_create_or_update(
            self.group, name, {"location": _REGION, "properties": properties}
        ).result()
        for role in _OFFICERS if officer else ():
            self.sandbox.assign(made.id, role)
        return name

    def secrets(self, name: str) -> SecretClient:
        return SecretClient(self._url(name), self.sandbox.credential(), **self._options())

    def keys(self, name: str) -> KeyClient:
        return KeyClient(self._url(name), self.sandbox.credential(), **self._options())

    def crypto(self, key: Any) -> CryptographyClient:
        return CryptographyClient(key.id, self.sandbox.credential(), **self._options())

    def _url(self, name: str) -> str:
        return f"https://{name}.{self.sandbox.told['vault_suffix']}"

    def _options(self) -> dict[str, Any]:
        return {"connection_verify": self.sandbox.told["ca_file"], "use_env_settings": False}


@pytest.fixture(scope="module")
def vaults(sandbox: Sandbox) -> Iterator[_Vaults]:
    found = _Vaults(sandbox)
    yield found
    found.client.close()


def test_a_secret_is_set_read_listed_changed_and_has_versions(vaults: _Vaults) -> None:
    client = vaults.secrets(vaults.make())
    first = client.set_secret("database", "one")
    client.set_secret("database", "two", tags={"a": "b"})
    assert client.get_secret("database").value == "two"
    assert client.get_secret("database", first.properties.version).value == "one"
    assert [one.name for one in client.list_properties_of_secrets()] == ["database"]
    assert len(list(client.list_properties_of_secret_versions("database"))) == 2
    client.update_secret_properties("database", content_type="text/plain", tags={"c": "d"})
    changed = client.get_secret("database")
    assert (changed.value, changed.properties.content_type, changed.properties.tags) == (
        "two",
        "text/plain",
        {"c": "d"},
    )


def test_a_deleted_secret_is_listed_recovered_and_purged(vaults: _Vaults) -> None:
    client = vaults.secrets(vaults.make())
    client.set_secret("token", "value")
    client.begin_delete_secret("token").wait()
    with pytest.raises(ResourceNotFoundError):
        client.get_secret("token")
    assert [one.name for one in client.list_deleted_secrets()] == ["token"]
    client.begin_recover_deleted_secret("token").wait()
    assert client.get_secret("token").value == "value"
    client.begin_delete_secret("token").wait()
    client.purge_deleted_secret("token")
    assert list(client.list_deleted_secrets()) == []


def test_a_key_is_made_read_listed_and_deleted(vaults: _Vaults) -> None:
    client = vaults.keys(vaults.make())
    made = client.create_rsa_key("data", size=2048)
    assert client.get_key("data").id == made.id
    assert [one.name for one in client.list_properties_of_keys()] == ["data"]
    client.begin_delete_key("data").wait()
    assert list(client.list_properties_of_keys()) == []
    assert [one.name for one in client.list_deleted_keys()] == ["data"]
    with pytest.raises(ResourceNotFoundError):
        client.get_key("data")


def test_a_key_wraps_and_unwraps_and_its_private_part_stays_inside(vaults: _Vaults) -> None:
    client = vaults.keys(vaults.make())
    key = client.create_rsa_key("data", size=2048)
    assert not getattr(key.key, "d", None)
    crypto = vaults.crypto(key)
    wrapped = crypto.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"the data key").encrypted_key
    assert crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped).key == b"the data key"


def test_a_role_on_one_key_is_for_that_key_alone(vaults: _Vaults) -> None:
    name = vaults.make(officer=False)
    group = f"{vaults.sandbox.subscription}/resourceGroups/{vaults.group}"
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
    for key in ("mine", "other"):
        body = {"properties": {"kty": "RSA", "keySize": 2048, "keyOps": ["encrypt", "decrypt"]}}
        vaults.sandbox.arm().put(f"{vault}/keys/{key}", "2023-07-01", body)
    vaults.sandbox.assign(f"{vault}/keys/mine", "12338af0-0e69-4776-bea7-57ae8d297424")
    client = vaults.keys(name)
    crypto = vaults.crypto(client.get_key("mine"))
    sealed = crypto.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"a data key").ciphertext
    assert crypto.decrypt(EncryptionAlgorithm.rsa_oaep_256, sealed).plaintext == b"a data key"
    with pytest.raises(HttpResponseError, match="not authorized"):
        client.get_key("other")


def test_a_disabled_secret_is_listed_and_not_read(vaults: _Vaults) -> None:
    client = vaults.secrets(vaults.make())
    client.set_secret("token", "one", enabled=False)
    assert [one.name for one in client.list_properties_of_secrets()] == ["token"]
    with pytest.raises(HttpResponseError, match="not allowed on a disabled secret"):
        client.get_secret("token")


def test_a_disabled_key_unwraps_nothing(vaults: _Vaults) -> None:
    client = vaults.keys(vaults.make())
    key = client.create_rsa_key("data", size=2048)
    crypto = vaults.crypto(key)
    wrapped = crypto.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"the data key").encrypted_key
    client.update_key_properties("data", enabled=False)
    with pytest.raises(HttpResponseError, match="not allowed on a disabled key"):
        crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)


def test_the_numbers_of_a_curve_have_their_whole_length(vaults: _Vaults) -> None:
    client = vaults.keys(vaults.make())
    # Half of the points on this curve begin with a zero byte.
    keys: list[Any] = [client.create_ec_key(f"sign{number}", curve="P-521").key for number in range(6)]
    assert {len(number) for key in keys for number in (key.x, key.y)} == {66}


def test_a_key_of_a_protected_vault_is_not_purged(vaults: _Vaults) -> None:
    client = vaults.keys(vaults.make(enablePurgeProtection=True))
    client.create_rsa_key("data", size=2048)
    client.begin_delete_key("data").wait()
    with pytest.raises(HttpResponseError, match="purge protection is enabled"):
        client.purge_deleted_key("data")


def test_whoever_has_no_role_gets_nothing(vaults: _Vaults) -> None:
    client = vaults.secrets(vaults.make(officer=False))
    with pytest.raises(HttpResponseError, match="not authorized"):
        client.set_secret("x", "y")


def test_a_closed_vault_takes_no_connection_and_one_with_rules_names_the_address(vaults: _Vaults) -> None:
    closed = vaults.secrets(vaults.make(publicNetworkAccess="Disabled"))
    with pytest.raises(HttpResponseError, match="Public network access is disabled"):
        closed.set_secret("x", "y")
    ruled = vaults.make(networkAcls={"defaultAction": "Deny", "bypass": "AzureServices"})
    with pytest.raises(HttpResponseError, match=r"Client address: 127\.") as refused:
        vaults.secrets(ruled).set_secret("x", "y")
    address = str(refused.value).partition("Client address: ")[2].split()[0]
    rules = {"defaultAction": "Deny", "bypass": "AzureServices", "ipRules": [{"value": address}]}
    vaults.client.vaults.update(vaults.group, ruled, {"properties": {"networkAcls": rules}})
    assert vaults.secrets(ruled).set_secret("x", "y").value == "y"


def test_a_deleted_vault_keeps_its_name_and_is_recovered_with_its_secrets_and_keys(vaults: _Vaults) -> None:
    name = vaults.make()
    vaults.secrets(name).set_secret("x", "y")
    key = {"properties": {"kty": "RSA", "keySize": 2048}}
    made_key = vaults.client.keys.create_if_not_exist(vaults.group, name, "data", key)
    vaults.client.vaults.delete(vaults.group, name)
    assert name in [one.name for one in vaults.client.vaults.list_deleted()]
    told = vaults.client.vaults.check_name_availability({"name": name, "type": "Microsoft.KeyVault/vaults"})
    assert told.name_available is False
    tenant = vaults.sandbox.told["directory_id"]
    body = {
        "location": _REGION,
        "properties": {"tenantId": tenant, "sku": {"family": "A", "name": "standard"}},
    }
    with pytest.raises(HttpResponseError, match="deleted state"):
        vaults.client.vaults.begin_create_or_update(vaults.group, name, body).result()
    body["properties"] = {**body["properties"], "createMode": "recover"}  # type: ignore[dict-item]
    made = vaults.client.vaults.begin_create_or_update(vaults.group, name, body).result()
    for role in _OFFICERS:  # role assignments do not come back with a vault
        vaults.sandbox.assign(made.id, role)
    assert vaults.secrets(name).get_secret("x").value == "y"
    assert vaults.client.keys.get(vaults.group, name, "data").key_uri == made_key.key_uri


def test_a_purged_vault_is_in_no_byte_of_the_sandbox(vaults: _Vaults) -> None:
    name = vaults.make()
    marker = f"marker-{uuid.uuid4().hex}"
    vaults.secrets(name).set_secret("x", marker)
    assert vaults.sandbox.files_with(marker)
    vaults.client.vaults.delete(vaults.group, name)
    vaults.client.vaults.begin_purge_deleted(name, _REGION).result()
    assert name not in [one.name for one in vaults.client.vaults.list_deleted()]
    assert not vaults.sandbox.files_with(marker)


def test_a_protected_vault_is_not_purged_before_its_date(vaults: _Vaults) -> None:
    name = vaults.make(enablePurgeProtection=True)
    vaults.client.vaults.delete(vaults.group, name)
    with pytest.raises(HttpResponseError, match="DeletedVaultPurge"):
        vaults.client.vaults.begin_purge_deleted(name, _REGION).result()
    assert name in [one.name for one in vaults.client.vaults.list_deleted()]
