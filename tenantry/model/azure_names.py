"""Names of everything that an instance consists of on Azure.

A name is made of a client code, a region code and a random suffix. The suffix
is made once per creation and kept until the instance is erased: names of
vaults, servers, accounts and sites are taken in the whole cloud, and soft-deleted
ones stay taken. No name holds personal data: Resource Manager keeps names
anywhere in the world, and activity logs keep them for 90 days.

Limits: facts page C1, tested in tests/unit/model/test_azure_names.py.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from tenantry.errors import DefectError

__all__ = ["LOCK", "AzureNames", "client_code", "random_suffix", "secret_name"]

LOCK = "tenantry-holds-data"  # the name of every lock of an instance; where it is differs
_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"  # as in tenantry.model.names
_SUFFIX_LENGTH = 6
_CODE_LENGTH = 8  # with a region code of 4 and the suffix, a vault's name has 24 characters: its limit
_CODE = re.compile(r"[a-z][a-z0-9]{0,7}")
_REGION_CODE = re.compile(r"[a-z][a-z0-9]{0,3}")
_SUFFIX = re.compile(r"[a-z0-9]{4,6}")


def random_suffix() -> str:
    """Return a fresh suffix of 6 characters: one of 729 million."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX_LENGTH))


def client_code(instance: str) -> str:
    """Return a code of at most 8 letters and digits for an instance's name; two may have the same."""
    return instance.replace("-", "")[:_CODE_LENGTH]


def secret_name(name: str) -> str:
    """Return what a variable or one of tenantry's own secrets is called in a vault."""
    return re.sub(r"[^0-9A-Za-z]", "-", name)


@dataclass(frozen=True, kw_only=True)
class AzureNames:
    """The names of one instance's resources."""

    code: str  # of the client
    region_code: str
    suffix: str
    resource_group: str
    # network
    network: str
    app_subnet: str
    endpoints_subnet: str
    app_rules: str  # security groups
    endpoints_rules: str
    # identities
    app_identity: str  # of the workload
    key_identity: str  # of the services that encrypt; the workload never uses the key
    pair_key_identity: str
    # vaults
    keys_vault: str
    pair_keys_vault: str
    secrets_vault: str
    data_key: str
    # data
    server: str
    database: str
    storage: str
    container: str
    cache: str
    # workload
    plan: str
    site: str
    portal: str
    # monitoring
    workspace: str
    insights: str
    availability: str
    action_group: str
    budget: str

    @classmethod
    def of(cls, client: str, region: str, suffix: str) -> AzureNames:
        """Return all names.

        Args:
            client: 1 to 8 letters a-z and digits, as ``client_code`` makes it.
            region: the region's code, 1 to 4 letters and digits: "we".
            suffix: 4 to 6 letters and digits, as ``random_suffix`` makes it.

        Raises:
            DefectError: one of them is not so.
        """
        for text, pattern in ((client, _CODE), (region, _REGION_CODE), (suffix, _SUFFIX)):
            if pattern.fullmatch(text) is None:
                raise DefectError(f"{text!r} cannot be part of a name on Azure")
        dashed, plain = f"{client}-{region}-{suffix}", f"{client}{region}{suffix}"
        return cls(
            code=client,
            region_code=region,
            suffix=suffix,
            resource_group=f"rg-{dashed}",
            network=f"vnet-{dashed}",
            app_subnet="snet-app",
            endpoints_subnet="snet-endpoints",
            app_rules=f"nsg-app-{dashed}",
            endpoints_rules=f"nsg-endpoints-{dashed}",
            app_identity=f"id-app-{dashed}",
            key_identity=f"id-key-{dashed}",
            pair_key_identity=f"id-pairkey-{dashed}",
            keys_vault=f"kvk-{dashed}",
            pair_keys_vault=f"kvp-{dashed}",
            secrets_vault=f"kvs-{dashed}",
            data_key="data",
            server=f"psql-{dashed}",
            database="app",
            storage=f"st{plain}",
            container="files",
            cache=f"amr-{dashed}",
            plan=f"asp-{dashed}",
            site=f"app-{dashed}",
            portal=f"stapp-{dashed}",
            workspace=f"log-{dashed}",
            insights=f"appi-{dashed}",
            availability=f"test-{dashed}",
            action_group=f"ag-{dashed}",
            budget=f"budget-{dashed}",
        )

    def endpoint(self, of: str) -> str:
        """Return the name of the private endpoint of a resource."""
        return f"pep-{of}"

    def certificate(self, hostname: str) -> str:
        """Return the name of the certificate of a host name; another host name's has another."""
        digest = hashlib.sha256(hostname.encode()).hexdigest()[:8]
        return f"cert-{self.code}-{self.region_code}-{self.suffix}-{digest}"

    def alert(self, about: str) -> str:
        """Return the name of an alert rule."""
        return f"alert-{about}-{self.code}-{self.region_code}-{self.suffix}"
