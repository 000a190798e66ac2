"""What a team makes before it keeps the engine's state on Azure: an account, a vault and the rights."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient

from tenantry.adapters.azure_state import BlobStore
from tests.support.sandbox import Sandbox

__all__ = ["Team", "make_team"]

_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_USER_OF_KEYS = "12338af0-0e69-4776-bea7-57ae8d297424"
_ACCOUNTS, _VAULTS = "2024-01-01", "2023-07-01"
_CONTAINER = "state"


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team's account and vault in a sandbox."""

    sandbox: Sandbox
    group: str  # id of its resource group
    account: str
    vault: str
    key: str  # URL of a version
    container: str = _CONTAINER

    @property
    def account_id(self) -> str:
        return f"{self.group}/providers/Microsoft.Storage/storageAccounts/{self.account}"

    @property
    def settings(self) -> str:
        """The block state of tenantry.yaml, on one line."""
        return f"{{account: {self.account}, container: {self.container}, key: '{self.key}'}}"

    def store(self, **more: str) -> BlobStore:
        """The store that tenantry makes of these."""
        names = {"account": self.account, "container": self.container, "key": self.key, **more}
        return BlobStore(
            **names,
            suffix=self.sandbox.told["blob_suffix"].lstrip("."),
            credential=self.sandbox.credential(),
            ca_file=Path(self.sandbox.told["ca_file"]),
        )

    def client(self) -> ContainerClient:
        """A client of Microsoft's for the container."""
        return ContainerClient(
            f"https://{self.account}.{self.sandbox.told['blob_suffix'].lstrip('.')}",
            self.container,
            self.sandbox.credential(),
            connection_verify=self.sandbox.told["ca_file"],
            use_env_settings=False,
        )

    def blobs(self) -> list[str]:
        """The names of all blobs, and of what is kept of deleted ones."""
        with self.client() as client:
            listed = client.list_blobs(include=["deleted", "snapshots", "versions"])
            return sorted({str(one.name) for one in listed})

    def serve(self, **service: Any) -> None:
        """Set the account's blob service, as ``deleteRetentionPolicy={…}``."""
        path = f"{self.account_id}/blobServices/default"
        self.sandbox.arm().put(path, _ACCOUNTS, {"properties": service})


def make_team(sandbox: Sandbox) -> Team:
    """Make account, container, vault and key, with the two roles that the how-to names."""
    arm, number = sandbox.arm(), uuid.uuid4().hex[:12]
    group = sandbox.make_group(f"rg-team-{number}")
    team = Team(sandbox=sandbox, group=group, account=f"st{number}", vault=f"kv-{number}", key="")
    sku = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    arm.put(team.account_id, _ACCOUNTS, {**sku, "properties": {"allowSharedKeyAccess": False}})
    arm.put(f"{team.account_id}/blobServices/default/containers/{_CONTAINER}", _ACCOUNTS, {})
    sandbox.assign(team.account_id, _CONTRIBUTOR)
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/{team.vault}"
    properties = {
        "tenantId": sandbox.told["directory_id"],
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
    }
    arm.put(vault, _VAULTS, {"location": "westeurope", "properties": properties})
    key = {"kty": "RSA", "keySize": 2048, "keyOps": ["encrypt", "decrypt"]}
    made = arm.put(f"{vault}/keys/engine", _VAULTS, {"properties": key})
    sandbox.assign(vault, _USER_OF_KEYS)
    return Team(
        sandbox=sandbox,
        group=group,
        account=team.account,
        vault=team.vault,
        key=made["properties"]["keyUriWithVersion"],
    )
