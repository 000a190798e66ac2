"""What the components of an instance on Azure are told: plain values, decided before.

Nothing here asks Azure. What is known only when resources are there (keys of an
account, addresses) is an output inside the components.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_sizes import AzureSize
from tenantry.model.profile import Profile, Service
from tenantry.model.regions import Region
from tenantry.model.residency import AzurePlacement, has_standby

__all__ = [
    "ADMINISTRATOR",
    "APP_PASSWORD",
    "APP_ROLE",
    "IN_VAULT",
    "STORAGE_PERCENT",
    "SYSTEM_CA_FILE",
    "AzureProps",
    "Binding",
    "Suffixes",
    "marked",
]

ADMINISTRATOR = "tenantry_admin"  # of the database server; only the way in of an operation uses it
APP_ROLE = "app_1"  # the workload's login; made over SQL, not here
APP_PASSWORD = "database.app.password"  # noqa: S105 - the name of a secret
IN_VAULT = "secret-"  # what the engine's name of a secret begins with; then its name in the vault
STORAGE_PERCENT = 85  # of the server's storage: from here on people are told, and health is not well
SYSTEM_CA_FILE = "/etc/ssl/certs/ca-certificates.crt"  # of App Service's images, which are Debian


def marked(tags: Mapping[str, str], *, rehearsal: bool) -> dict[str, str]:
    """Return tags with the mark of what is only rehearsed."""
    return {**tags, **({"rehearsal": "true"} if rehearsal else {})}


class Binding(StrEnum):
    """How far an instance's own host name is bound to its site."""

    NONE = "not bound"
    BOUND = "bound"
    CERTIFIED = "bound, with a certificate"
    SECURED = "served with its certificate"


@dataclass(frozen=True, kw_only=True)
class Suffixes:
    """What host names end in, without a dot in front: they differ between clouds."""

    vault: str = "vault.azure.net"
    postgres: str = "postgres.database.azure.com"
    sites: str = "azurewebsites.net"
    blob: str = "blob.core.windows.net"
    cache: str = "redis.azure.net"


@dataclass(frozen=True, kw_only=True)
class AzureProps:
    """One instance on Azure."""

    instance: str  # its name, as the workload may show it
    names: AzureNames
    region: Region
    pair: Region | None  # only used where the placement asks for a copy there
    placement: AzurePlacement
    subscription_id: str
    directory_id: str
    tags: Mapping[str, str]  # no personal data
    sizes: AzureSize
    profile: Profile
    version: str  # of the workload
    hostname: str  # of its own, that the spec asks for; "": the site's is enough
    settings: Mapping[str, str]  # values of fixed, client and organisation variables, by name
    secrets: Mapping[str, str] = field(repr=False)  # of generated and secret variables, and APP_PASSWORD
    administrator_password: str = field(repr=False)  # of the database server
    log_retention_days: int = 90
    emails: tuple[str, ...] = ()  # that alerts go to
    webhook: str = ""
    monthly_budget: int = 0  # in the subscription's currency; 0: none
    budget_start: str = ""  # first day of the month of creation, "2026-11-01T00:00:00Z"; "": no budget
    running: bool = True  # False: the instance is suspended, its site does not answer
    rehearsal: bool = False
    suffixes: Suffixes = field(default_factory=Suffixes)
    postgres_version: str = "17"  # the newest that the region's capabilities list
    standby_offered: bool = True  # False: Azure offered none in the region when the instance was made
    database_ca_file: str = (
        SYSTEM_CA_FILE  # as the workload sees it; a cloud with a CA of its own: in the package
    )
    binding: Binding = Binding.NONE  # of ``hostname``; only after its DNS records are there

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of every resource."""
        return marked(self.tags, rehearsal=self.rehearsal)

    @property
    def zone_redundant(self) -> bool:
        """Whether the database gets a standby in a second zone."""
        return has_standby(self.placement, self.region, offered=self.standby_offered)

    @property
    def geo_backup(self) -> Region | None:
        """The region of the second copy of the backups, None without one."""
        return self.pair if self.placement.geo_redundant_backup else None

    @property
    def server_host(self) -> str:
        """The database server's full host name, the same inside and outside of the network."""
        return f"{self.names.server}.{self.suffixes.postgres}"

    @property
    def blobs_url(self) -> str:
        """The URL of the blob storage, without a slash at the end."""
        return f"https://{self.names.storage}.{self.suffixes.blob}"

    @property
    def site_host(self) -> str:
        """The site's own host name, which it has beside ``hostname``."""
        return f"{self.names.site}.{self.suffixes.sites}"

    @property
    def public_host(self) -> str:
        """The host name that people use."""
        if self.binding is not Binding.SECURED:
            return self.site_host
        _, colon, port = self.suffixes.sites.partition(":")
        return self.hostname + colon + port

    @property
    def url(self) -> str:
        """The instance's URL, without a slash at the end."""
        return f"https://{self.public_host}"

    def vault_uri(self, vault: str) -> str:
        """Return a vault's URL, with a slash at the end as Azure writes it."""
        return f"https://{vault}.{self.suffixes.vault}/"

    def needs(self, service: Service) -> bool:
        """Say whether the profile needs a service."""
        return service in self.profile.services

    def uses(self, source: str) -> bool:
        """Say whether a variable of the profile is derived from a source."""
        return any(variable.source == source for variable in self.profile.variables)
