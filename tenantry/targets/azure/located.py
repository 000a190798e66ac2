"""Where resources and the copies of their data lie, as Azure tells it, against the residency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tenantry.components.azure.props import AzureProps
from tenantry.config.regions import find_region
from tenantry.model.azure_sizes import portal_region
from tenantry.model.residency import Residency, vault_copy
from tenantry.targets.azure import backups

__all__ = ["counted", "outside", "told"]

_GLOBAL: Final = frozenset({"", "global"})
_PORTAL: Final = "microsoft.web/staticsites"
_VAULT: Final = "microsoft.keyvault/vaults"


def outside(
    listed: Sequence[Mapping[str, Any]],
    account: Mapping[str, Any],
    server: Mapping[str, Any],
    *,
    props: AzureProps,
    residency: Residency,
) -> Sequence[str]:
    """Return what lies outside of the residency or elsewhere than the spec says, sorted.

    Args:
        listed: the resources of the instance's group, as Resource Manager lists them.
        account: what the storage account says of itself, {} without one.
        server: the same of the database server.
        props: what was asked for.
        residency: of the spec.
    """
    found = [
        *_of_resources(listed, props, residency),
        *_of_vaults(listed, residency),
        *_of_account(account, props, residency),
        *_of_server(server, props, residency),
    ]
    return sorted(found)


def told(listed: Sequence[Mapping[str, Any]], props: AzureProps) -> str:
    """Return where everything lies, when nothing of it is outside."""
    lie = "lies" if len(listed) == 1 else "lie"
    text = f"all of {counted(len(listed), 'resource')} {lie} in {', '.join(sorted(_wanted(props)))}"
    portals = {_place(one) for one in listed if one["type"].lower() == _PORTAL} - _wanted(props)
    return text + "".join(f", a portal's public files in {one}" for one in sorted(portals))


def counted(number: int, noun: str) -> str:
    """Return a number with what is counted: 1 resource, 2 resources."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _of_resources(
    listed: Sequence[Mapping[str, Any]], props: AzureProps, residency: Residency
) -> Iterator[str]:
    wanted = _wanted(props)
    for one in listed:
        place = _place(one)
        # A portal's files are public, and a few regions take them: the one that preview tells will do.
        planned = one["type"].lower() == _PORTAL and place == portal_region(props.region)
        inside = place in wanted and _allows(residency, place, props)
        if place not in _GLOBAL and not planned and not inside:
            yield f"{one['name']} lies in {place}"


def _of_vaults(listed: Sequence[Mapping[str, Any]], residency: Residency) -> Iterator[str]:
    for one in listed:
        region = find_region(_place(one)) if one["type"].lower() == _VAULT else None
        copy = vault_copy(region) if region is not None else None
        if copy is not None and not residency.allows_place(*copy):
            yield f"Key Vault copies {one['name']} to {copy[0]}"


def _of_account(account: Mapping[str, Any], props: AzureProps, residency: Residency) -> Iterator[str]:
    """The second copy of the files, which the account tells, or at least that there is one."""
    place = _normal((account.get("properties") or {}).get("secondaryLocation"))
    kind = str((account.get("sku") or {}).get("name") or "")
    place = place or (props.region.pair if "GRS" in kind or "GZRS" in kind else "")
    asked_for = props.placement.storage_in(props.region).leaves_the_region
    if place and not (asked_for and _allows(residency, place, props)):
        yield f"a copy of {account.get('name')} lies in {place}"


def _of_server(server: Mapping[str, Any], props: AzureProps, residency: Residency) -> Iterator[str]:
    """The second copy of the backups: the server tells that there is one, and it lies in the pair."""
    pair = props.region.pair
    if backups.is_copied(server) and not (props.geo_backup and _allows(residency, pair, props)):
        yield f"backups of {server.get('name')} are copied to {pair or 'another region'}"


def _wanted(props: AzureProps) -> set[str]:
    return {props.region.name} | ({props.geo_backup.name} if props.geo_backup else set())


def _allows(residency: Residency, place: str, props: AzureProps) -> bool:
    if (region := find_region(place)) is not None:
        return residency.allows(region)
    # A few pairs are hidden; that they are the pair's is all that is known of them.
    return place == props.region.pair and residency.allows_place(place, props.region.pair_country)


def _place(one: Mapping[str, Any]) -> str:
    return _normal(one.get("location"))


def _normal(place: Any) -> str:
    """Return a region's name as it is written in a resource: lists have it with blanks and capitals, too."""
    return str(place or "").replace(" ", "").lower()
