"""The kinds of App Service."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.site_configs import SiteConfigs
from tenantry.sandbox.parts.site_names import Certificates, HostNames
from tenantry.sandbox.parts.site_settings import reference_status
from tenantry.sandbox.parts.sites import SITE, Sites
from tenantry.sandbox.parts.static_sites import StaticSites

__all__ = ["kinds"]


class Plans(Kind):
    """Plans; one that carries sites cannot be deleted."""

    type = "Microsoft.Web/serverfarms"

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Complete it."""
        for name, value in (old.properties if old else {}).items():
            new.properties.setdefault(name, value)
        new.body.setdefault("kind", "linux" if new.properties.get("reserved") else "app")
        self.get(cloud, new)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Count its sites."""
        sites = [
            site
            for site in cloud.children("", SITE)
            if str(site.properties.get("serverFarmId", "")).lower() == resource.id.lower()
        ]
        resource.properties.update(status="Ready", numberOfSites=len(sites), maximumNumberOfWorkers=3)

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse while a site is on it."""
        for site in cloud.children("", SITE):
            if str(site.properties.get("serverFarmId", "")).lower() == resource.id.lower():
                raise ArmFault(
                    409, "Conflict", f"Server farm '{resource.name}' cannot be deleted: {site.name} uses it."
                )


class PublishingPolicies(Kind):
    """Whether FTP and the site's management take a password."""

    type = f"{SITE}/basicPublishingCredentialsPolicies"
    implied = True
    implied_names = ("ftp", "scm")

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Allowed until somebody forbids it."""
        del cloud
        resource.properties.setdefault("allow", True)


class References(Kind):
    """``config/configreferences/appsettings``: how the references to vaults are resolved."""

    type = f"{SITE}/config/appsettings"
    named_actions = frozenset({"refresh"})

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def listed(self, cloud: Cloud, parent: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return each setting that refers to a vault."""
        del query
        site = self._site(cloud, parent)
        return [
            {"id": f"{parent}/appsettings/{name}", "name": name, "type": self.type, "properties": told}
            for name, told in reference_status(cloud, site, self._sites.settings(cloud, site.id)).items()
        ]

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Resolve them anew: the site starts with what they are now."""
        del action, body
        self._sites.restart(cloud, self._site(cloud, resource.id.rsplit("/", 2)[0]))
        return None

    @staticmethod
    def _site(cloud: Cloud, configuration: str) -> Resource:
        site = cloud.find(configuration.rsplit("/", 2)[0])
        if site is None:
            raise ArmFault(404, "ResourceNotFound", "The site is not there.")
        return site


def kinds(issue: Callable[[list[str]], tuple[bytes, bytes]]) -> list[Kind]:
    """Return the sites and what belongs to them."""
    sites = Sites(as_root=os.geteuid() == 0)
    names = [HostNames(), Certificates(issue)]
    return [
        sites,
        SiteConfigs(sites),
        References(sites),
        Plans(),
        PublishingPolicies(),
        *names,
        StaticSites(),
    ]
