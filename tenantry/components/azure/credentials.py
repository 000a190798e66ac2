"""Two vaults: one for the key that encrypts the data, one for the workload's secrets.

Services that encrypt ask for purge protection, so the vault of the key has it,
for the shortest time there is; the one of the secrets has none and can be purged
at once. Both are closed to the outside; secrets are written through Resource
Manager, which needs no way in. It deletes none, and the vault itself lets nobody
in: whoever deploys deletes what no variable has any more, over the private way in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_azure_native import keyvault

from tenantry.components.azure.identity import (
    CRYPTO_USER,
    SECRETS_USER,
    Identities,
    role_assignment,
)
from tenantry.components.azure.network import Link, Network, PrivateEndpoint
from tenantry.components.azure.props import IN_VAULT, AzureProps
from tenantry.model.azure_names import secret_name

__all__ = ["Credentials"]

_KEPT_DAYS = 7  # the shortest that Azure has
_KEY_BITS = 3072


class Credentials(pulumi.ComponentResource):
    """The vaults, the key and the secrets."""

    def __init__(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        net: Network,
        identities: Identities,
        *,
        secrets: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """``secrets`` are the values of the workload's settings that must not stand in them."""
        super().__init__("tenantry:azure:Credentials", "credentials", None, opts)
        self._props, self._group = props, group
        mine = pulumi.ResourceOptions(parent=self)
        self.keys_vault = self._vault("keys-vault", props.names.keys_vault, props.region.name, protected=True)
        self.secrets_vault = self._vault(
            "secrets-vault", props.names.secrets_vault, props.region.name, protected=False
        )
        may_encrypt = role_assignment(
            "key-identity-may-encrypt",
            props,
            role=CRYPTO_USER,
            scope=self.keys_vault.id,
            principal_id=identities.key.principal_id,
            opts=mine,
        )
        self.key = self._key("data-key", self.keys_vault)
        self.key_is_usable: list[pulumi.Resource] = [may_encrypt]
        self.pair_key: keyvault.Key | None = None
        self.pair_vault: keyvault.Vault | None = None
        if props.geo_backup is not None and identities.pair_key is not None:
            self._in_the_pair(props.geo_backup.name, identities)
        may_read = role_assignment(
            "app-may-read-secrets",
            props,
            role=SECRETS_USER,
            scope=self.secrets_vault.id,
            principal_id=identities.app.principal_id,
            opts=mine,
        )
        made = [self.keep(name, value) for name, value in sorted(secrets.items())]
        private_endpoints = [
            PrivateEndpoint(
                props,
                group,
                net,
                Link(title=title, name=called, resource_id=vault.id, kind="vault"),
                opts=mine,
            )
            for title, called, vault in (
                ("keys-vault", props.names.keys_vault, self.keys_vault),
                ("secrets-vault", props.names.secrets_vault, self.secrets_vault),
            )
        ]
        self.readable: Sequence[pulumi.Resource] = [may_read, *made, *private_endpoints]
        self.register_outputs({})

    def _vault(self, name: str, called: str, location: str, *, protected: bool) -> keyvault.Vault:
        return keyvault.Vault(
            name,
            resource_group_name=self._group,
            vault_name=called,
            location=location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=self._props.directory_id,
                sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=_KEPT_DAYS,
                enable_purge_protection=True if protected else None,  # Azure takes no false
                public_network_access="Disabled",
                network_acls=keyvault.NetworkRuleSetArgs(bypass="AzureServices", default_action="Deny"),
            ),
            tags=self._props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _key(self, name: str, vault: keyvault.Vault) -> keyvault.Key:
        return keyvault.Key(
            name,
            resource_group_name=self._group,
            vault_name=vault.name,
            key_name=self._props.names.data_key,
            properties=keyvault.KeyPropertiesArgs(
                kty=keyvault.JsonWebKeyType.RSA,
                key_size=_KEY_BITS,
                key_ops=["wrapKey", "unwrapKey"],
            ),
            tags=self._props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def keep(self, name: str, value: pulumi.Input[str]) -> keyvault.Secret:
        """Put the value of a setting into the vault of the secrets."""
        called = secret_name(name)
        return keyvault.Secret(
            f"{IN_VAULT}{called}",
            resource_group_name=self._group,
            vault_name=self.secrets_vault.name,
            secret_name=called,
            properties=keyvault.SecretPropertiesArgs(value=pulumi.Output.secret(value)),
            tags=self._props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _in_the_pair(self, region: str, identities: Identities) -> None:
        """A second copy of the backups is encrypted with a key in its own region."""
        vault = self._vault("pair-keys-vault", self._props.names.pair_keys_vault, region, protected=True)
        assert identities.pair_key is not None
        self.key_is_usable.append(
            role_assignment(
                "pair-key-identity-may-encrypt",
                self._props,
                role=CRYPTO_USER,
                scope=vault.id,
                principal_id=identities.pair_key.principal_id,
                opts=pulumi.ResourceOptions(parent=self),
            )
        )
        self.pair_key = self._key("pair-data-key", vault)
        self.pair_vault = vault
