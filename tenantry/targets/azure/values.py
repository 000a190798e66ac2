"""From spec, register and vault to what the components are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tenantry.components.azure.props import (
    ADMINISTRATOR,
    APP_PASSWORD,
    AzureProps,
    Binding,
    Suffixes,
)
from tenantry.config.profile import resolved_settings
from tenantry.config.regions import find_region, region_code
from tenantry.errors import DefectError, SpecError, UnavailableError
from tenantry.model.azure_names import AzureNames, client_code
from tenantry.model.azure_sizes import AZURE_SIZES
from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile, Service
from tenantry.model.regions import CloudName, Region
from tenantry.model.spec import InstanceSpec, Workspace
from tenantry.ports import Instance, Request, SecretStore
from tenantry.targets.azure import host_name
from tenantry.targets.azure.cautions import offers_standby
from tenantry.targets.azure.clouds import Access
from tenantry.targets.generated import new_password, variable_makers

__all__ = [
    "ADMINISTRATOR",
    "ADMINISTRATOR_PASSWORD",
    "DEPLOY_PASSWORD",
    "OPERATION",
    "REGION",
    "SUBSCRIPTION",
    "SUFFIX",
    "VERSION",
    "azure_props",
    "check_cache",
    "ensure_secrets",
    "is_made",
    "made_up_secrets",
    "names_of",
    "region_of",
    "tags_of",
]

ADMINISTRATOR_PASSWORD: Final = "database.administrator.password"  # noqa: S105 - names of secrets
DEPLOY_PASSWORD: Final = "database.deploy.password"  # noqa: S105
_OWN: Final = (ADMINISTRATOR_PASSWORD, DEPLOY_PASSWORD, APP_PASSWORD)

# Facts of an instance, decided once when it is created and kept until it is erased.
SUFFIX: Final = "azure_suffix"
OPERATION: Final = "azure_operation"  # that created it
REGION: Final = "azure_region"
SUBSCRIPTION: Final = "subscription"  # told to people, too
VERSION: Final = "azure_postgresql"


def region_of(spec: InstanceSpec) -> Region:
    """Return the region that a spec asks for."""
    if spec.azure is None:
        raise DefectError(f"{spec.name} has no placement on Azure")
    found = find_region(spec.azure.region)
    if found is None:
        raise DefectError(f"{spec.azure.region} is not in the catalogue")  # the spec was checked
    return found


def is_made(instance: Instance) -> bool:
    """Say whether names were drawn for an instance; before that nothing of it was asked for."""
    return SUFFIX in instance.facts


def names_of(instance: Instance, region: str) -> AzureNames:
    """Return the names of everything that an instance consists of.

    Raises:
        UnavailableError: they were never drawn.
    """
    if not is_made(instance):
        raise UnavailableError(
            f"{instance.name} was never made: nothing of it is on Azure",
            hint=f"make it: tenantry instance deploy {instance.name}",
            code="not-made",
        )
    return AzureNames.of(client_code(instance.name), region_code(region), instance.facts[SUFFIX])


def tags_of(instance: Instance) -> dict[str, str]:
    """Return the tags of everything that an instance consists of; no personal data."""
    operation = instance.facts.get(OPERATION, "")
    return {"instance": instance.opaque, "client": client_code(instance.name), "operation": operation}


def azure_props(
    request: Request,
    *,
    workspace: Workspace,
    access: Access,
    secrets: Mapping[str, str],
) -> AzureProps:
    """Return the props of the instance's program; the instance's facts must be there."""
    spec, profile, instance = request.spec, request.profile, request.instance
    settings = workspace.azure
    region = region_of(spec)
    if settings is None or spec.azure is None:
        raise DefectError(f"{spec.name} has no placement on Azure")
    return AzureProps(
        instance=spec.name,
        names=names_of(instance, region.name),
        region=region,
        pair=find_region(region.pair),
        placement=spec.azure,
        subscription_id=access.subscription_id,
        directory_id=access.directory_id,
        tags=tags_of(instance),
        sizes=AZURE_SIZES[spec.size],
        profile=profile,
        version=spec.version or profile.version,
        hostname=spec.hostname,
        binding=_binding(spec, instance),
        settings=resolved_settings(profile, spec, workspace),
        secrets={name: value for name, value in secrets.items() if name not in _OWN or name == APP_PASSWORD},
        administrator_password=secrets[ADMINISTRATOR_PASSWORD],
        log_retention_days=spec.log_retention_days,
        emails=settings.emails or (workspace.contact,),
        webhook=settings.webhook,
        monthly_budget=settings.monthly_budget,
        budget_start=f"{instance.created_at:%Y-%m}-01T00:00:00Z",
        running=instance.state is not State.SUSPENDED,
        rehearsal=access.cloud.rehearsal,
        suffixes=_suffixes(access),
        postgres_version=instance.facts.get(VERSION, "17"),
        standby_offered=offers_standby(instance.facts),
    )


def _binding(spec: InstanceSpec, instance: Instance) -> Binding:
    """Return how the name stood at the end of the last deploy; a deploy looks for itself."""
    served = spec.hostname and instance.facts.get(host_name.SERVED) == spec.hostname
    return Binding.SECURED if served else Binding.NONE


def ensure_secrets(store: SecretStore, profile: Profile) -> Mapping[str, str]:
    """Make what is missing of the instance's secrets; return all of them."""
    already = dict.fromkeys(store.names(), new_password)  # never called: they are there
    return store.ensure({**already, **dict.fromkeys(_OWN, _database_password), **variable_makers(profile)})


def made_up_secrets(profile: Profile) -> Mapping[str, str]:
    """Return a value for each secret, for a preview of an instance that is not there; none is kept."""
    makers = {**dict.fromkeys(_OWN, _database_password), **variable_makers(profile)}
    return {name: make() for name, make in makers.items()}


def _database_password() -> str:
    """Return a password with the classes of characters that Azure asks for."""
    return f"Aa1-{new_password()}"


def check_cache(spec: InstanceSpec, profile: Profile, region: Region) -> None:
    """Refuse a cache where Azure has none to give.

    Raises:
        SpecError: the region's cloud has no Azure Managed Redis that is published.
    """
    if Service.CACHE in profile.services and region.cloud is not CloudName.PUBLIC:
        raise SpecError(
            f"the profile {profile.name} needs a cache, and Azure Managed Redis is published for the public "
            f"cloud only, not for that of {region.name}",
            hint="take a profile without a cache, or another target",
            where=spec.where,
            code="no-cache",
        )


def _suffixes(access: Access) -> Suffixes:
    cloud = access.cloud
    return Suffixes(
        vault=cloud.vault_suffix,
        postgres=cloud.postgres_suffix,
        sites=cloud.sites_suffix,
        blob=cloud.blob_suffix,
    )
