"""What is decided once for an instance, kept in the register, and used from then on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tenantry.components.azure.props import marked
from tenantry.model.azure_names import AzureNames, random_suffix
from tenantry.model.azure_sizes import AZURE_SIZES, portal_region
from tenantry.model.profile import Service
from tenantry.model.regions import Region
from tenantry.model.residency import AzurePlacement
from tenantry.ports import Event, OnEvent, Request
from tenantry.targets.azure import capabilities, preflight, values
from tenantry.targets.azure.cautions import NO_STANDBY, cautions
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.policies import Planned

__all__ = ["missing_facts", "planned_resources"]


def missing_facts(
    clients: Clients, request: Request, *, operation: str, on_event: OnEvent
) -> Mapping[str, str]:
    """Return what is not decided yet of an instance; nothing of it is recorded here.

    Subscription, rights, providers and region are not looked at: the target's check has done that.

    Args:
        clients: of the subscription that it lives in, or is to live in.
        request: the instance, with its spec.
        operation: that makes it.
        on_event: told what could not be looked at.

    Raises:
        UnavailableError: something is in the way of a new instance; where it is a name that is
            taken, the next run draws another suffix.
    """
    subscription = clients.access.subscription_id
    if values.is_made(request.instance):
        known = values.SUBSCRIPTION in request.instance.facts
        return {} if known else {values.SUBSCRIPTION: subscription}
    spec, services = request.spec, request.profile.services
    region = values.region_of(spec)
    facts = {
        **clients.access.cloud.facts,
        values.SUBSCRIPTION: subscription,
        values.REGION: region.name,
        values.SUFFIX: random_suffix(),
        values.OPERATION: operation,
    }
    placement = spec.azure or AzurePlacement()
    offered = None
    if Service.DATABASE in services:
        offered = capabilities.ask(clients.offers, f"/subscriptions/{subscription}", region)
        facts[values.VERSION] = preflight.newest_postgresql(offered, region)
        if offered.lacks_standby(placement):
            facts[NO_STANDBY] = "yes"
    instance = dataclasses.replace(request.instance, facts=facts)
    names = values.names_of(instance, region.name)
    pair = region.pair if placement.geo_redundant_backup else ""
    tags = marked(values.tags_of(instance), rehearsal=clients.access.cloud.rehearsal)
    wanted = preflight.Wanted(
        names=names,
        server_sku=AZURE_SIZES[spec.size].server_sku,
        placement=placement,
        offered=offered,
        planned=planned_resources(names, region, services=services, tags=tags, pair=pair),
    )
    for note in preflight.preflight(
        clients.arm, subscription, region, services=services, wanted=wanted, again=True
    ):
        on_event(Event(text=note))
    told = cautions(spec, request.profile, {})  # whoever works on the spec tells these
    for one in cautions(spec, request.profile, facts):
        if one not in told:
            on_event(Event(text=one.message))
    return facts


def planned_resources(
    names: AzureNames,
    region: Region,
    *,
    services: frozenset[Service],
    tags: Mapping[str, str],
    pair: str = "",
) -> list[Planned]:
    """Return a resource of each type with a region that an instance consists of, per region.

    Policies are asked about these. ``pair`` is the region of the second copy of the backups.
    """
    here, anywhere = region.name, "Global"
    found = [
        ("resources:ResourceGroup", names.resource_group, here),
        ("network:VirtualNetwork", names.network, here),
        ("network:NetworkSecurityGroup", names.app_rules, here),
        ("network:PrivateEndpoint", names.endpoint(names.keys_vault), here),
        ("privatedns:PrivateZone", "", anywhere),  # its name is Azure's, not ours
        ("managedidentity:UserAssignedIdentity", names.app_identity, here),
        ("keyvault:Vault", names.keys_vault, here),
        ("operationalinsights:Workspace", names.workspace, here),
        ("applicationinsights:Component", names.insights, here),
        ("applicationinsights:WebTest", names.availability, here),
        ("monitor:ActionGroup", names.action_group, anywhere),
        ("monitor:MetricAlert", names.alert("availability"), anywhere),
        ("monitor:ScheduledQueryRule", names.alert("exceptions"), here),
        ("web:AppServicePlan", names.plan, here),
        ("web:WebApp", names.site, here),
    ]
    if Service.DATABASE in services:
        found.append(("dbforpostgresql:Server", names.server, here))
    if Service.BLOBS in services:
        found.append(("storage:StorageAccount", names.storage, here))
    if Service.CACHE in services:
        found.append(("redisenterprise:RedisEnterprise", names.cache, here))
    if Service.PORTAL in services:
        found.append(("web:StaticSite", names.portal, portal_region(region)))
    if pair:
        found.append(("keyvault:Vault", names.pair_keys_vault, pair))
        found.append(("managedidentity:UserAssignedIdentity", names.pair_key_identity, pair))
    return [Planned(token=token, name=name, location=place, tags=tags) for token, name, place in found]
