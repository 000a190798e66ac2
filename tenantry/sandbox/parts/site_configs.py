"""The configuration of a site, which Azure tells and takes apart from the site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.sites import SITE, Sites

__all__ = ["SiteConfigs"]

_WEB: Mapping[str, Any] = {
    "numberOfWorkers": 1,
    "alwaysOn": False,
    "http20Enabled": False,
    "minTlsVersion": "1.2",
    "scmMinTlsVersion": "1.2",
    "ftpsState": "FtpsOnly",
    "vnetRouteAllEnabled": False,
    "loadBalancing": "LeastRequests",
    "managedPipelineMode": "Integrated",
}


class SiteConfigs(Kind):
    """``config/…`` of a site: settings are told to a POST only, ``web`` is part of the site."""

    type = f"{SITE}/config"
    implied = True
    implied_names = ("web",)
    unlisted_names = ("slotConfigNames", "configreferences")

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Change the site."""
        del old
        site = self._site(cloud, new)
        if new.name == "appsettings":
            self._sites.keep_settings(cloud, site, new.properties)
            self._sites.restart(cloud, site)
        elif new.name == "web":
            settings = new.properties.pop("appSettings", None)
            if settings is not None:
                self._sites.keep_settings(cloud, site, {one["name"]: one["value"] for one in settings})
            site.properties["siteConfig"] = {**(site.properties.get("siteConfig") or {}), **new.properties}
            cloud.save(site)
            self._sites.restart(cloud, site)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Tell the configuration; settings are not for a GET."""
        site = self._site(cloud, resource)
        if resource.name == "appsettings":
            resource.body["properties"] = {}  # a POST of list tells them, to whoever may
        elif resource.name == "web":
            resource.body["properties"] = {**_WEB, **(site.properties.get("siteConfig") or {})}

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """List settings."""
        if action.lower() != "list":
            return super().action(cloud, resource, action, body)
        site = self._site(cloud, resource)
        if resource.name == "appsettings":
            found: dict[str, Any] = dict(self._sites.settings(cloud, site.id))
        else:
            found = {}
        told = {key: resource.body.get(key) for key in ("id", "name", "type")}
        return {**told, "location": site.location, "properties": found}

    @staticmethod
    def _site(cloud: Cloud, resource: Resource) -> Resource:
        site = cloud.find(resource.id.rsplit("/", 2)[0])
        if site is None:
            raise ArmFault(404, "ResourceNotFound", "The site is not there.")
        return site
