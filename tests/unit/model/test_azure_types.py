from __future__ import annotations

import pytest

from tenantry.components.azure.tokens import TOKENS
from tenantry.model.azure_types import TYPES, resource_id

_GROUP = "/subscriptions/s/resourceGroups/rg"


def test_every_type_that_the_components_make_is_listed_and_no_other() -> None:
    assert set(TYPES) == TOKENS


@pytest.mark.parametrize(
    ("token", "inputs", "expected"),
    [
        ("resources:ResourceGroup", {"resourceGroupName": "rg"}, _GROUP),
        (
            "storage:BlobContainer",
            {"resourceGroupName": "rg", "accountName": "st", "containerName": "files"},
            f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/st/blobServices/default/containers/files",
        ),
        (
            "web:WebAppFtpAllowed",
            {"resourceGroupName": "rg", "name": "app"},
            f"{_GROUP}/providers/Microsoft.Web/sites/app/basicPublishingCredentialsPolicies/ftp",
        ),
        (
            "authorization:ManagementLockByScope",
            {"scope": f"{_GROUP}/providers/Microsoft.KeyVault/vaults/kv", "lockName": "keep"},
            f"{_GROUP}/providers/Microsoft.KeyVault/vaults/kv/providers/Microsoft.Authorization/locks/keep",
        ),
    ],
)
def test_an_id_is_made_of_the_inputs_of_its_path(token: str, inputs: dict[str, str], expected: str) -> None:
    assert resource_id(f"azure-native:{token}", inputs, "s") == expected
