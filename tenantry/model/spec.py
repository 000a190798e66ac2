"""What a person asks for: the spec of an instance and the workspace's settings.

Frozen values only; ``tenantry.config`` reads them from YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tenantry.model.regions import CloudName
from tenantry.model.residency import AzurePlacement, Residency

__all__ = [
    "SIZES",
    "AtOnce",
    "AzureSettings",
    "Backups",
    "Client",
    "CloudName",
    "CredentialKind",
    "HostSettings",
    "InstanceSpec",
    "Limits",
    "Size",
    "TargetKind",
    "TeamState",
    "Tls",
    "TlsMode",
    "Workspace",
]


class TargetKind(StrEnum):
    """Where an instance lives."""

    HOST = "host"
    AZURE = "azure"


class TlsMode(StrEnum):
    """Where the certificate of the instance's host name comes from."""

    OWN_CA = "own-ca"  # an authority that the host's proxy keeps
    ACME = "acme"
    FILES = "files"


class Size(StrEnum):
    """A name for a set of Limits."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that one instance may take of a host."""

    memory_mib: int
    cpu_percent: int  # of one core
    disk_gib: int
    connections: int  # to the database


SIZES: Mapping[Size, Limits] = {
    Size.SMALL: Limits(memory_mib=1024, cpu_percent=100, disk_gib=2, connections=30),
    Size.MEDIUM: Limits(memory_mib=4096, cpu_percent=200, disk_gib=20, connections=60),
    Size.LARGE: Limits(memory_mib=16384, cpu_percent=400, disk_gib=100, connections=120),
}


@dataclass(frozen=True, kw_only=True)
class Client:
    """The organisation served. Names and addresses stay in the spec and the register."""

    name: str
    country: str  # ISO 3166-1 alpha-2
    contact: str  # an address that is read
    agreement: str = ""  # reference of the data processing agreement
    languages: tuple[str, ...] = ("en",)  # BCP 47
    recipient_key: str = ""  # age recipient that exports are encrypted to


@dataclass(frozen=True, kw_only=True)
class Tls:
    """HTTPS at the instance's host name."""

    mode: TlsMode = TlsMode.OWN_CA
    certificate_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Backups:
    """How long backups are kept and how old they may grow before health says so."""

    keep_full: int = 4  # full backups of the database
    keep_snapshots: int = 14  # snapshots of the folders
    max_age_hours: int = 26
    archive_timeout_seconds: int = 60  # the most that can be lost


@dataclass(frozen=True, kw_only=True)
class InstanceSpec:
    """The wanted instance. ``where`` says which file it came from."""

    name: str
    client: Client
    target: TargetKind
    profile: str
    hostname: str = ""  # "": the one that Azure gives; never on a host
    size: Size = Size.SMALL
    limits: Limits = field(default_factory=lambda: SIZES[Size.SMALL])
    version: str = ""  # of the workload; empty: the profile's own
    tls: Tls = field(default_factory=Tls)
    backups: Backups = field(default_factory=Backups)
    log_retention_days: int = 90
    settings: Mapping[str, str] = field(default_factory=dict)
    encryption_required: bool = False  # refuse a host that cannot encrypt the data folder
    residency: Residency = field(default_factory=Residency)
    azure: AzurePlacement | None = None  # None: the target is another
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    """How tenantry uses the machine that it runs on."""

    root: Path
    runtime: Path  # on tmpfs: secrets and sockets, gone after a reboot
    country: str = ""  # where the machine stands, ISO 3166-1 alpha-2; "": nobody said so
    bind: str = "127.0.0.1"
    https_port: int = 443
    http_port: int = 80
    uid_base: int = 210000
    port_base: int = 20000
    acme_directory: str = ""
    acme_email: str = ""
    acme_ca_file: Path | None = None


class CredentialKind(StrEnum):
    """Who tenantry is towards Azure, in the order in which settings are looked at."""

    WORKLOAD_IDENTITY = "workload-identity"  # a federated token in a file, as CI systems write it
    CERTIFICATE = "certificate"
    SECRET = "secret"  # noqa: S105 - a kind, not a secret
    MANAGED_IDENTITY = "managed-identity"  # of the virtual machine that tenantry runs on
    CLI = "cli"  # whoever is logged in with `az login`


@dataclass(frozen=True, kw_only=True)
class TeamState:
    """Where a team keeps the state of the engine: its own account and vault, made beforehand."""

    account: str  # name of the storage account
    container: str
    key: str  # URL of one version of a key; RSA


@dataclass(frozen=True, kw_only=True)
class AtOnce:
    """How many instances one command deploys at the same time, at the most.

    Resource Manager gives a principal back 25 reads a second in a subscription. An engine asks for each
    of up to 32 operations every ten seconds: eight engines make as many calls. Capacity, and the limits
    of most services, are a region's.
    """

    subscription: int = 8
    region: int = 4  # of one subscription


@dataclass(frozen=True, kw_only=True)
class AzureSettings:
    """The subscription that the workspace's instances live in, and who works on it."""

    cloud: CloudName = CloudName.PUBLIC
    subscription: str = ""  # of the sandbox: "", it has one
    directory: str = ""
    credential: CredentialKind = CredentialKind.CLI
    client_id: str = ""
    client_secret_file: Path | None = None
    certificate_file: Path | None = None
    token_file: Path | None = None
    credential_where: str = ""  # where the credential's file is named: tenantry.yaml:9:23
    emails: tuple[str, ...] = ()  # that alerts go to
    webhook: str = ""
    monthly_budget: int = 0  # per instance, in the subscription's currency; 0: none
    state: TeamState | None = None  # None: files in the workspace
    at_once: AtOnce = AtOnce()


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A folder with specs, and the settings in its tenantry.yaml."""

    folder: Path
    organisation: str
    contact: str
    host_name: str  # names this host in the register
    register_url: str
    master_key_file: Path
    host: HostSettings
    settings: Mapping[str, str] = field(default_factory=dict)
    profile_folders: tuple[Path, ...] = ()
    azure: AzureSettings | None = None  # None: nothing is kept on Azure

    @property
    def private(self) -> Path:
        """The folder (0700) that holds register, vault and engine state."""
        return self.folder / ".tenantry"

    @property
    def specs(self) -> Path:
        """The folder of the instances' specs."""
        return self.folder / "instances"
