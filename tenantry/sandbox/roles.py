"""Built-in roles: what each allows, as Microsoft describes them; the same in every directory.

Those that tenantry assigns or asks for, not all. Resource Manager of the sandbox
does not hold its own principal to them: preflight reads them, as on Azure.
"""

from __future__ import annotations

import re
from typing import Any

from tenantry.sandbox.answers import Answer
from tenantry.sandbox.kinds import ArmFault

__all__ = ["OWNER", "answer"]

_PATH = re.compile(
    r"^(?P<scope>/.+)?/providers/microsoft\.authorization/roledefinitions(?:/(?P<name>[0-9a-f-]{36}))?$",
    re.IGNORECASE,
)
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
_AUTHORIZATION = "Microsoft.Authorization"
# id → name, actions, what is taken from them, data actions
_ROLES: dict[str, tuple[str, list[str], list[str], list[str]]] = {
    OWNER: ("Owner", ["*"], [], []),
    "b24988ac-6180-42a0-ab88-20f7382dd24c": (
        "Contributor",
        ["*"],
        [
            f"{_AUTHORIZATION}/*/Delete",
            f"{_AUTHORIZATION}/*/Write",
            f"{_AUTHORIZATION}/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
        ],
        [],
    ),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": ("Reader", ["*/read"], [], []),
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": (
        "User Access Administrator",
        ["*/read", f"{_AUTHORIZATION}/*", "Microsoft.Support/*"],
        [],
        [],
    ),
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": (
        "Role Based Access Control Administrator",
        [
            f"{_AUTHORIZATION}/roleAssignments/write",
            f"{_AUTHORIZATION}/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
        [],
        [],
    ),
    "a68e7c17-0ab2-4c09-9a58-125dae29748c": (
        "Key Vault Purge Operator",
        [
            "Microsoft.KeyVault/locations/deletedVaults/read",
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/locations/operationResults/read",
            "Microsoft.KeyVault/deletedVaults/read",
        ],
        [],
        [],
    ),
    "4633458b-17de-408a-b874-0445c86b69e6": (
        "Key Vault Secrets User",
        [],
        [],
        [
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
    ),
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": (
        "Key Vault Secrets Officer",
        [
            f"{_AUTHORIZATION}/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
            "Microsoft.KeyVault/checkNameAvailability/read",
            "Microsoft.KeyVault/deletedVaults/read",
            "Microsoft.KeyVault/locations/*/read",
            "Microsoft.KeyVault/vaults/*/read",
            "Microsoft.KeyVault/operations/read",
        ],
        [],
        ["Microsoft.KeyVault/vaults/secrets/*"],
    ),
    "12338af0-0e69-4776-bea7-57ae8d297424": (
        "Key Vault Crypto User",
        [],
        [],
        [
            "Microsoft.KeyVault/vaults/keys/read",
            "Microsoft.KeyVault/vaults/keys/update/action",
            "Microsoft.KeyVault/vaults/keys/backup/action",
            "Microsoft.KeyVault/vaults/keys/encrypt/action",
            "Microsoft.KeyVault/vaults/keys/decrypt/action",
            "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action",
            "Microsoft.KeyVault/vaults/keys/sign/action",
            "Microsoft.KeyVault/vaults/keys/verify/action",
        ],
    ),
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": (
        "Storage Blob Data Reader",
        [
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        [],
        ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
    ),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": (
        "Storage Blob Data Contributor",
        [
            "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        [],
        [
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/move/action",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
        ],
    ),
}


def answer(method: str, path: str, filter_: str) -> Answer | None:
    """Answer for role definitions; None when the path is somebody else's."""
    found = _PATH.match(path)
    if found is None or method != "GET":
        return None
    scope = found["scope"] or ""
    if found["name"]:
        return Answer(200, _told(scope, found["name"].lower()))
    wanted = re.search(r"roleName eq '([^']*)'", filter_)
    names = [one for one in _ROLES if wanted is None or _ROLES[one][0] == wanted[1]]
    return Answer(200, {"value": [_told(scope, one) for one in names]})


def _told(scope: str, name: str) -> dict[str, Any]:
    if name not in _ROLES:
        raise ArmFault(
            404,
            "RoleDefinitionDoesNotExist",
            f"The specified role definition with ID '{name}' does not exist.",
        )
    title, actions, less, data = _ROLES[name]
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": title,
            "type": "BuiltInRole",
            "description": title,
            "assignableScopes": ["/"],
            "permissions": [
                {"actions": actions, "notActions": less, "dataActions": data, "notDataActions": []}
            ],
        },
    }
