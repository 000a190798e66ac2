"""Sites: each runs its package for real, as a user of its own, with its settings.

A deleted site is kept for 30 days with content and settings, and can be
restored into another one; then its files are erased. Not here: slots,
containers, several workers, functions.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from tenantry.sandbox.kinds import ArmFault, Cloud, Handler, Kind, Resource
from tenantry.sandbox.parts.notes import folder_name, iso, moment, segment, tidy
from tenantry.sandbox.parts.programs import MissingProgram, find_runtime
from tenantry.sandbox.parts.runner import Launch, SiteRunner
from tenantry.sandbox.parts.site_cors import check as check_cors
from tenantry.sandbox.parts.site_names import (
    BINDING,
    analysis,
    bound_to,
    default_host,
    ssl_states,
    verification_id,
)
from tenantry.sandbox.parts.site_settings import environment
from tenantry.sandbox.watch.tails import Tails

__all__ = ["SITE", "Sites"]

SITE = "Microsoft.Web/sites"
_KEPT = timedelta(days=30)
_NOTES, _SETTINGS, _UIDS, _DELETED = "sites/site/", "sites/settings/", "sites/uid/", "sites/deleted/"
_FIRST_UID, _UIDS_IN_ALL = 420_000, 60_000  # far from people, services and the users of instances


class Sites(Kind):
    """The sites, and who runs them."""

    type = SITE

    def __init__(self, *, as_root: bool) -> None:
        """``as_root`` gives each site a user of its own."""
        self._as_root = as_root
        self._runners: dict[str, SiteRunner] = {}  # by folder
        self._tails = Tails()
        self._lock = threading.RLock()

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a taken name, a plan that is not there, a runtime that cannot be had."""
        properties = new.properties
        check_cors(properties)
        if old is None:
            others = cloud.children("", SITE)
            if any(one.name.lower() == new.name.lower() and tidy(one.id) != tidy(new.id) for one in others):
                raise ArmFault(409, "Conflict", f"Website with given name {new.name} already exists.")
        plan = str(
            properties.get("serverFarmId") or (old.properties.get("serverFarmId") if old else "") or ""
        )
        if not plan or cloud.find(plan) is None:
            raise ArmFault(
                404, "NotFound", f"Cannot find AppServicePlan with name {plan.rpartition('/')[2]}."
            )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make it, or change it; the process starts again when something of it changed."""
        note = self.note(cloud, new.id)
        if note is None:
            note = self._begin(cloud, new)
        before = dict(old.properties) if old else {}
        properties = new.properties
        config = {**(before.get("siteConfig") or {}), **(properties.get("siteConfig") or {})}
        settings = config.pop("appSettings", None)
        if settings is not None:
            self.keep_settings(cloud, new, {one["name"]: one["value"] for one in settings})
        for name, value in before.items():
            properties.setdefault(name, value)
        properties["siteConfig"] = config
        plan = cloud.find(str(properties.get("serverFarmId") or ""))
        new.body.setdefault("kind", "app,linux" if plan and plan.properties.get("reserved") else "app")
        self._describe(cloud, new, note)
        cloud.save(new)
        if settings is not None or old is None or _runs_otherwise(old, new):
            self.restart(cloud, new)

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Tell whether it runs."""
        note = self.note(cloud, resource.id)
        if note is not None:
            self._describe(cloud, resource, note)

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Stop it and keep content and settings for 30 days."""
        note = self.note(cloud, resource.id)
        if note is None:
            return
        self.runner(cloud, note).stop()
        now = cloud.now()
        numbers = [int(key.removeprefix(_DELETED)) for key in cloud.recall(_DELETED)]
        kept = {
            **note,
            "number": max(numbers, default=0) + 1,
            "body": resource.body,
            "location": resource.location,
            "settings": self.settings(cloud, resource.id),
            "at": iso(now),
            "until": iso(now + _KEPT),
        }
        cloud.remember(f"{_DELETED}{kept['number']}", kept)
        for key in (_NOTES + tidy(resource.id), _SETTINGS + tidy(resource.id), f"{_UIDS}{note['uid']}"):
            cloud.remember(key, None)

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Start, stop, restart, or restore a deleted site into this one."""
        note = self.note(cloud, resource.id)
        name = action.lower()
        if note is None or name not in {"start", "stop", "restart", "restorefromdeletedapp"}:
            return super().action(cloud, resource, action, body)
        if name == "restorefromdeletedapp":
            self._restore(cloud, resource, note, body.get("properties") or {})
        else:
            stopped = name == "stop" if name != "restart" else bool(note.get("stopped"))
            self._keep(cloud, resource.id, {**note, "stopped": stopped})
            self.restart(cloud, resource)
        self.get(cloud, resource)
        return None

    def view(self, cloud: Cloud, resource: Resource, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Tell what is seen of a host name that somebody wants to bind."""
        if name.lower() != "analyzecustomhostname":
            return {}
        return analysis(cloud, resource, query.get("hostName", ""))

    def document(self, cloud: Cloud, resource: Resource, action: str) -> str:
        """Tell how packages come in."""
        end = f"azurewebsites.{cloud.suffix}"
        return _PROFILE.format(site=resource.name, end=end) if action.lower() == "publishxml" else ""

    def deleted(self, cloud: Cloud, location: str) -> list[dict[str, Any]]:
        """Return the deleted sites."""
        found = cloud.recall(_DELETED).values()
        return [_told(one) for one in found if location in ("", one["location"].replace(" ", "").lower())]

    def resume(self, cloud: Cloud) -> None:
        """Start every site again."""
        for note in cloud.recall(_NOTES).values():
            site = cloud.find(note["id"])
            if site is not None:
                self.restart(cloud, site)

    def sweep(self, cloud: Cloud) -> None:
        """Erase what was kept long enough; send what logs have new where settings say."""
        for key, kept in cloud.recall(_DELETED).items():
            if moment(kept["until"]) <= cloud.now():
                self.runner(cloud, kept).erase()
                self._runners.pop(kept["folder"], None)
                cloud.remember(key, None)
        for note in cloud.recall(_NOTES).values():
            lines = self._tails.new_lines(cloud, note["id"], self.runner(cloud, note).log)
            rows = ({"Host": note["name"], "ResultDescription": line} for line in lines)
            cloud.log(note["id"], "AppServiceConsoleLogs", *rows)

    def stop(self, cloud: Cloud) -> None:
        """End every process."""
        for note in cloud.recall(_NOTES).values():
            self.runner(cloud, note).stop()

    def hosts(self, cloud: Cloud) -> dict[str, Handler]:
        """Answer for sites' names, and for their management."""
        from tenantry.sandbox.parts.site_plane import Front
        from tenantry.sandbox.parts.site_publishing import Publishing

        end = f"azurewebsites.{cloud.suffix}"
        front = Front(cloud, self)  # the last one: whatever name leads here, as its front ends do
        return {f"*.{end}": front, f"*.scm.{end}": Publishing(cloud, self), "*": front}

    # --- for the site's own hosts and children ---

    def by_name(self, cloud: Cloud, name: str) -> tuple[Resource, dict[str, Any]]:
        """Return a site and its note by name. ArmFault 404."""
        for note in cloud.recall(_NOTES).values():
            if note["name"].lower() == name.lower():
                site = cloud.find(note["id"])
                if site is not None:
                    return site, note
        raise ArmFault(404, "NotFound", f"There is no site {name}.")

    def by_host(self, cloud: Cloud, host: str) -> tuple[Resource, dict[str, Any]]:
        """Return a site and its note by one of its host names. ArmFault 404."""
        name, own, _ = host.lower().partition(f".azurewebsites.{cloud.suffix}")
        if not own and (binding := bound_to(cloud, host)) is not None:
            name = binding.id.split("/")[-3]
        return self.by_name(cloud, name)

    def note(self, cloud: Cloud, site_id: str) -> dict[str, Any] | None:
        """Return what is kept of a site."""
        return cloud.recall(_NOTES + tidy(site_id)).get(_NOTES + tidy(site_id))

    def runner(self, cloud: Cloud, note: Mapping[str, Any]) -> SiteRunner:
        """Return who runs a site."""
        with self._lock:
            folder = str(note["folder"])
            if folder not in self._runners:
                place = cloud.folder / "sites"
                place.mkdir(exist_ok=True)
                place.chmod(0o711)
                uid = int(note["uid"]) if self._as_root else None
                self._runners[folder] = SiteRunner(place / folder, uid=uid, authority=cloud.ca_file)
            return self._runners[folder]

    def settings(self, cloud: Cloud, site_id: str) -> dict[str, str]:
        """Return the application settings."""
        key = _SETTINGS + tidy(site_id)
        return dict(cloud.recall(key).get(key) or {})

    def keep_settings(self, cloud: Cloud, site: Resource, settings: Mapping[str, Any]) -> None:
        """Replace the application settings."""
        cloud.remember(
            _SETTINGS + tidy(site.id), {name: str(value) for name, value in settings.items()} or None
        )

    def restart(self, cloud: Cloud, site: Resource) -> None:
        """Start the process anew, or stop it when it should not run."""
        note = self.note(cloud, site.id)
        if note is None:
            return
        runner = self.runner(cloud, note)
        runner.prepare()
        config = site.properties.get("siteConfig") or {}
        has_package = any(runner.root.iterdir())
        if self.is_stopped(site, note) or not has_package:
            runner.stop()
            return
        try:
            runtime = find_runtime(str(config.get("linuxFxVersion") or ""))
        except MissingProgram as error:
            runner.stop()
            runner.say(str(error))
            return
        command = str(config.get("appCommandLine") or "") or _default_command(runner.root)
        variables = environment(cloud, site, self.settings(cloud, site.id))
        runner.start(Launch(command=command, environment=variables, runtime=runtime))

    @staticmethod
    def is_stopped(site: Resource, note: Mapping[str, Any]) -> bool:
        """Say whether somebody stopped or disabled it."""
        return bool(note.get("stopped")) or site.properties.get("enabled") is False

    # --- parts of these ---

    def _begin(self, cloud: Cloud, new: Resource) -> dict[str, Any]:
        # A deleted site's files belong to its user for as long as they are kept.
        taken = set(cloud.recall(_UIDS)) | {f"{_UIDS}{one['uid']}" for one in cloud.recall(_DELETED).values()}
        uid = next(
            one
            for one in iter(lambda: _FIRST_UID + secrets.randbelow(_UIDS_IN_ALL), None)
            if f"{_UIDS}{one}" not in taken
        )
        note = {"id": new.id, "name": new.name, "folder": folder_name(new.id, cloud.now()), "uid": uid}
        self._keep(cloud, new.id, note)
        cloud.remember(f"{_UIDS}{uid}", {"id": new.id})
        return note

    def _keep(self, cloud: Cloud, site_id: str, note: dict[str, Any]) -> None:
        cloud.remember(_NOTES + tidy(site_id), note)

    def _restore(self, cloud: Cloud, site: Resource, note: dict[str, Any], wanted: Mapping[str, Any]) -> None:
        number = str(wanted.get("deletedSiteId") or "").rpartition("/")[2]
        kept = cloud.recall(_DELETED + number).get(_DELETED + number)
        if kept is None:
            raise ArmFault(404, "NotFound", f"There is no deleted site {number}.")
        runner, old = self.runner(cloud, note), self.runner(cloud, kept)
        runner.stop()
        runner.take_over(old)
        if wanted.get("recoverConfiguration"):
            self.keep_settings(cloud, site, kept["settings"])
            site.properties["siteConfig"] = kept["body"]["properties"].get("siteConfig") or {}
            cloud.save(site)
        self.restart(cloud, site)

    def _describe(self, cloud: Cloud, site: Resource, note: Mapping[str, Any]) -> None:
        properties = site.properties
        host = default_host(cloud, site)
        stopped = self.is_stopped(site, note)
        properties.setdefault("enabled", True)
        bound = [one.name for one in cloud.children(site.id, BINDING)]
        properties.update(
            state="Stopped" if stopped else "Running",
            hostNames=[host, *bound],
            enabledHostNames=[host, *bound, f"{site.name.lower()}.scm.azurewebsites.{cloud.suffix}"],
            hostNameSslStates=ssl_states(cloud, site),
            defaultHostName=host,
            repositorySiteName=site.name,
            resourceGroup=segment(site.id, "resourceGroups"),
            sku=_tier(cloud, properties),
            usageState="Normal",
            availabilityState="Normal",
            customDomainVerificationId=verification_id(site),
            outboundIpAddresses=cloud.listener().partition(":")[0],
            lastModifiedTimeUtc=iso(cloud.now()),
        )
        identities = (site.body.get("identity") or {}).get("userAssignedIdentities") or {}
        for name in identities:
            found = cloud.find(name)
            if found is not None:
                identities[name] = {key: found.properties.get(key) for key in ("principalId", "clientId")}


def _runs_otherwise(old: Resource, new: Resource) -> bool:
    """Say whether a change of a site is one that its process must see."""
    names = ("siteConfig", "enabled", "keyVaultReferenceIdentity", "virtualNetworkSubnetId")
    changed = any(old.properties.get(name) != new.properties.get(name) for name in names)
    return changed or set((old.body.get("identity") or {}).get("userAssignedIdentities") or {}) != set(
        (new.body.get("identity") or {}).get("userAssignedIdentities") or {}
    )


# Packages come in with a token only, so the password reads as where App Service forbids passwords.
_PROFILE = (
    '<publishData><publishProfile profileName="{site} - Zip Deploy" publishMethod="ZipDeploy" '
    'publishUrl="{site}.scm.{end}:443" userName="${site}" userPWD="REDACTED" '
    'destinationAppUrl="https://{site}.{end}"/></publishData>'
)

_TIERS = {"F": "Free", "D": "Shared", "B": "Basic", "S": "Standard", "P": "PremiumV3"}  # by a size's letter


def _tier(cloud: Cloud, properties: Mapping[str, Any]) -> str:
    """Return the tier of a site's plan, such as Basic."""
    plan = cloud.find(str(properties.get("serverFarmId") or ""))
    sku = (plan.body.get("sku") or {}) if plan is not None else {}
    named = str(sku.get("tier") or _TIERS.get(str(sku.get("name"))[:1].upper(), "Standard"))
    return named.capitalize() if named.isupper() else named


def _told(kept: Mapping[str, Any]) -> dict[str, Any]:
    subscription = "/".join(kept["id"].split("/")[:3])
    place = kept["location"].replace(" ", "").lower()
    number = str(kept["number"])
    return {
        "id": f"{subscription}/providers/Microsoft.Web/locations/{place}/deletedSites/{number}",
        "name": number,
        "type": "Microsoft.Web/deletedSites",
        "kind": kept["body"].get("kind"),
        "properties": {
            "deletedSiteId": kept["number"],
            "deletedTimestamp": kept["at"],
            "subscription": segment(kept["id"], "subscriptions"),
            "resourceGroup": segment(kept["id"], "resourceGroups"),
            "deletedSiteName": kept["name"],
            "slot": "Production",
            "kind": kept["body"].get("kind"),
            "geoRegionName": kept["location"],
        },
    }


def _default_command(root: Path) -> str:
    for name in ("server.js", "app.js", "index.js"):
        if (root / name).is_file():
            return f"node {name}"
    return "npm start" if (root / "package.json").is_file() else "exit 1"
