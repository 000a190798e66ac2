"""User-assigned identities, and role assignments with names that stay the same."""

from __future__ import annotations

import uuid
from typing import Final

import pulumi
from pulumi_azure_native import authorization, managedidentity

from tenantry.components.azure.props import AzureProps

__all__ = [
    "BLOB_CONTRIBUTOR",
    "CRYPTO_USER",
    "SECRETS_USER",
    "Identities",
    "role_assignment",
]

# Built-in roles, by their ids, which are the same in every directory.
SECRETS_USER: Final = "4633458b-17de-408a-b874-0445c86b69e6"
CRYPTO_USER: Final = "e147488a-f6f5-4113-8e2d-b22465e65bf6"  # Key Vault Crypto Service Encryption User
BLOB_CONTRIBUTOR: Final = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_NAMESPACE: Final = uuid.UUID("6f2e1b1c-7a53-4f0e-9a0d-0c1b6a1e5d11")


class Identities(pulumi.ComponentResource):
    """One identity for the workload, one for the services that encrypt: the workload never uses the key."""

    def __init__(self, props: AzureProps, group: pulumi.Input[str], *, opts: pulumi.ResourceOptions) -> None:
        super().__init__("tenantry:azure:Identities", "identities", None, opts)
        self.app = self._identity("app-identity", props.names.app_identity, props, group, props.region.name)
        self.key = self._identity("key-identity", props.names.key_identity, props, group, props.region.name)
        self.pair_key: managedidentity.UserAssignedIdentity | None = None
        if props.geo_backup is not None:
            self.pair_key = self._identity(
                "pair-key-identity", props.names.pair_key_identity, props, group, props.geo_backup.name
            )
        self.register_outputs({})

    def _identity(
        self, name: str, called: str, props: AzureProps, group: pulumi.Input[str], location: str
    ) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            name,
            resource_group_name=group,
            resource_name_=called,
            location=location,
            tags=props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )


def role_assignment(
    name: str,
    props: AzureProps,
    *,
    role: str,
    scope: pulumi.Input[str],
    principal_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> authorization.RoleAssignment:
    """Give a principal a role at one resource, under a name that a second run finds again."""
    return authorization.RoleAssignment(
        name,
        scope=scope,
        role_assignment_name=str(uuid.uuid5(_NAMESPACE, f"{props.names.resource_group}/{name}")),
        role_definition_id=(
            f"/subscriptions/{props.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        ),
        principal_id=principal_id,
        principal_type="ServicePrincipal",
        opts=opts,
    )
