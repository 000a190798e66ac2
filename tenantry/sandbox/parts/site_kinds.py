"""The kinds of App Service."""

from __future__ import annotations

import os
from collections.abc import Callable

from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.site_names import Certificates, HostNames
from tenantry.sandbox.parts.sites import SITE, SiteConfigs, Sites
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


def kinds(issue: Callable[[list[str]], tuple[bytes, bytes]]) -> list[Kind]:
    """Return the sites and what belongs to them."""
    sites = Sites(as_root=os.geteuid() == 0)
    names = [HostNames(), Certificates(issue)]
    return [sites, SiteConfigs(sites), Plans(), PublishingPolicies(), *names, StaticSites()]
