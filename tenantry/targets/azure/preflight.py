"""What is looked at before anything is created, all at once: each failure has its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_look import Reads
from tenantry.errors import Problem, TenantryError, UnavailableError
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES
from tenantry.model.profile import Service
from tenantry.model.regions import Region
from tenantry.model.residency import AzurePlacement, ZoneRedundancy
from tenantry.targets.azure import capabilities, policies, quotas
from tenantry.targets.azure.capabilities import OLDEST_POSTGRESQL, Capabilities, Feature
from tenantry.targets.azure.clients import Principal
from tenantry.targets.azure.reach import usable
from tenantry.targets.azure.rights import missing_rights

__all__ = ["Wanted", "newest_postgresql", "preflight"]

_PROVIDERS: Final = sorted({kind.arm_type.partition("/")[0] for kind in TYPES.values()})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a new instance needs that an old one has already."""

    names: AzureNames  # that are to be free
    server_sku: str  # of the database, as Standard_D2ds_v5
    placement: AzurePlacement
    planned: Sequence[policies.Planned] = ()  # what policies are asked about
    offered: Capabilities | None = None  # of PostgreSQL, where it was asked already


def preflight(
    arm: Arm,
    subscription_id: str,
    region: Region,
    *,
    services: frozenset[Service],
    wanted: Wanted | None = None,
    principal: Principal | None = None,
    directory_id: str = "",
    more: Sequence[Callable[[], Sequence[Problem]]] = (),
    again: bool = False,
    offers: Reads | None = None,
) -> Sequence[str]:
    """Look at subscription, rights, providers, region, size, quota, names and policies.

    Of a subscription that cannot be used nothing else is told.

    Args:
        arm: Resource Manager.
        subscription_id: of the subscription.
        region: where the instance is to live.
        services: that the workload needs.
        wanted: by a new instance; None for one that is there already.
        principal: whose rights are looked at; None: nobody's, where they were looked at before.
        directory_id: that the subscription must belong to; "" where it was looked at before.
        more: further looks.
        again: the same command has looked at providers and region before.
        offers: reads what PostgreSQL offers there; None: ``arm`` does.

    Returns:
        What could not be looked at, for people.

    Raises:
        UnavailableError: something is in the way; every finding is told.
    """
    subscription = f"/subscriptions/{subscription_id}"
    looks: list[Callable[[], Sequence[Problem]]] = [
        lambda: usable(arm, subscription, principal, directory_id) if directory_id else [],
        *more,
    ]
    if not again:
        looks += [lambda: _providers(arm, subscription), lambda: _region(arm, subscription, region)]
    if principal is not None:
        looks.append(lambda: missing_rights(arm, subscription, principal))
    if Service.DATABASE in services:
        looks.append(lambda: _postgresql(arm, offers or arm, subscription, region, wanted))
    if wanted is not None:
        named = _names(wanted.names, services, wanted.placement)
        looks += [partial(_free, arm, subscription, token, name) for token, name in named]
        if Service.BLOBS in services:
            looks.append(lambda: quotas.account_quota(arm, subscription, region).lacks(quotas.ACCOUNT))
    planned = wanted.planned if wanted is not None else ()
    with ThreadPoolExecutor(len(looks) + len(planned)) as pool:
        asked = pool.map(partial(policies.ask, arm, subscription), planned)
        first, *others = pool.map(_guarded, looks)
        forbidden, notes = policies.findings(subscription, list(asked))
    problems = first or [one for found in (*others, forbidden) for one in found]
    if problems:
        raise UnavailableError(problems=problems)
    return notes


def newest_postgresql(offered: Capabilities, region: Region) -> str:
    """Return the newest major version that a region's capabilities list.

    Raises:
        UnavailableError: none that has support is listed.
    """
    if not offered.versions:
        raise UnavailableError(problems=[_no_postgresql(region)])
    return str(max(offered.versions))


def _guarded(look: Callable[[], Sequence[Problem]]) -> Sequence[Problem]:
    try:
        return look()
    except TenantryError as error:
        return error.problems


def _providers(arm: Arm, subscription: str) -> Sequence[Problem]:
    listed = arm.list(f"{subscription}/providers", "2021-04-01")
    states = {str(one["namespace"]).lower(): one.get("registrationState") for one in listed}
    return [
        Problem(
            code="provider-not-registered",
            message=f"the subscription has not registered {name}",
            hint=f"az provider register --namespace {name}",
        )
        for name in _PROVIDERS
        if states.get(name.lower()) != "Registered"
    ]


def _region(arm: Arm, subscription: str, region: Region) -> Sequence[Problem]:
    for one in arm.list(f"{subscription}/locations", "2022-12-01"):
        if one["name"] == region.name:
            physical = (one.get("metadata") or {}).get("regionType") == "Physical"
            return [] if physical else [_no_region(region, "is not a physical region")]
    return [_no_region(region, "is not among the subscription's locations")]


def _no_region(region: Region, why: str) -> Problem:
    return Problem(
        code="no-region",
        message=f"{region.name} {why}",
        hint="ask Microsoft for access to it, or take another: tenantry region list",
    )


def _postgresql(
    arm: Arm, offers: Reads, subscription: str, region: Region, wanted: Wanted | None
) -> Sequence[Problem]:
    """Look whether a region has PostgreSQL; for a new server its size, quota and features, too."""
    offered = (wanted.offered if wanted else None) or capabilities.ask(offers, subscription, region)
    if not offered.versions:
        return [_no_postgresql(region)]
    if wanted is None:
        return []
    sizes = _size(arm, subscription, region, wanted.server_sku, offered.sizes)
    return [*sizes, *_features(offered, region, wanted.placement)]


def _features(offered: Capabilities, region: Region, placement: AzurePlacement) -> Iterator[Problem]:
    """Look whether a region has what a spec insists on; a standby that is only preferred is left out."""
    if placement.zone_redundancy is ZoneRedundancy.REQUIRED and offered.lacks_standby(placement):
        beside = "" if offered.lacks(Feature.STANDBY) else " of a database with geo-redundant backups"
        yield Problem(
            code="no-zone-redundancy",
            message=f"{region.name} offers this subscription no standby in a second zone{beside}",
            hint="write azure.zone_redundancy: preferred, take another region, or ask Microsoft for access",
        )
    if placement.geo_redundant_backup and offered.lacks(Feature.GEO_BACKUP):
        yield Problem(
            code="no-geo-backup",
            message=f"{region.name} offers this subscription no geo-redundant backups",
            hint="write azure.geo_redundant_backup: false, or take another region",
        )


def _no_postgresql(region: Region) -> Problem:
    return Problem(
        code="no-postgresql",
        message=f"{region.name} offers no PostgreSQL from {OLDEST_POSTGRESQL} on to this subscription",
        hint="take another region, or ask Microsoft for access to it",
    )


def _size(
    arm: Arm, subscription: str, region: Region, sku: str, offered: Mapping[str, int]
) -> Sequence[Problem]:
    """Look whether a region has the database's size, and the quota enough cores for one more of it."""
    if sku not in offered:
        return [
            Problem(
                code="sku-not-available",
                message=f"{region.name} offers no database of the size {sku} to this subscription",
                hint=f"take another size or another region; it has {', '.join(sorted(offered)) or 'none'}",
            )
        ]
    return quotas.core_quota(arm, subscription, region).lacks(quotas.cores(sku, offered[sku]))


def _names(
    names: AzureNames, services: frozenset[Service], placement: AzurePlacement
) -> Iterator[tuple[str, str]]:
    """Return the token and name of each resource whose name must be free in the whole cloud.

    Not the cache's: Azure has no such question for Microsoft.Cache/redisEnterprise, and the one of
    Microsoft.Cache knows Microsoft.Cache/Redis alone. A portal's host name is made up by Azure.
    """
    yield "keyvault:Vault", names.keys_vault
    yield "keyvault:Vault", names.secrets_vault
    if placement.geo_redundant_backup:
        yield "keyvault:Vault", names.pair_keys_vault
    yield "web:WebApp", names.site
    if Service.DATABASE in services:
        yield "dbforpostgresql:Server", names.server
    if Service.BLOBS in services:
        yield "storage:StorageAccount", names.storage


def _free(arm: Arm, subscription: str, token: str, name: str) -> Sequence[Problem]:
    kind = TYPES[f"azure-native:{token}"]
    path = f"{subscription}/providers/{kind.arm_type.partition('/')[0]}/checkNameAvailability"
    answer = arm.post(path, kind.version, {"name": name, "type": kind.arm_type})
    match answer.get("nameAvailable"):
        case True:
            return []
        case False:
            return [_taken(name, str(answer.get("message", "")))]
    raise UnavailableError(
        f"Azure does not say whether the name {name} is free",
        hint="run the command again",
        code="unreadable-answer",
    )


def _taken(name: str, why: str) -> Problem:
    return Problem(
        code="name-taken",
        message=f"the name {name} is taken: {why}".rstrip(": "),
        hint="run the command again: another suffix is drawn for an instance that does not exist yet",
    )
