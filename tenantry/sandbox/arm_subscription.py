"""What Resource Manager says of the subscription: itself, its regions, its providers, its log."""

from __future__ import annotations

import re
from typing import Any

from tenantry.config.regions import catalogue
from tenantry.model.regions import Region
from tenantry.sandbox import ids, roles, styles
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.arm_deleted import LISTS
from tenantry.sandbox.arm_resources import Call
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.kinds import ArmFault

__all__ = ["Subscription"]

_PATH = re.compile(
    r"^(?:/subscriptions/(?P<id>[^/]+))?/?(?P<what>locations|providers|subscriptions|tenants|)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<verb>register|unregister))?$",
    re.IGNORECASE,
)
_LOG = "/providers/microsoft.insights/eventtypes/management/values"


class Subscription:
    """Answers for paths that name no resource."""

    def __init__(self, cloud: SandboxCloud) -> None:
        self._cloud = cloud
        self._me = cloud.identity

    def answer(self, call: Call) -> Answer | None:  # noqa: PLR0911 - a table of answers
        """Answer; None when the path is somebody else's."""
        lowered = call.path.lower()
        if lowered.endswith(_LOG):
            return Answer(200, {"value": self._log(call.query.get("$filter", ""))})
        if (told := roles.answer(call.method, call.path, call.query.get("$filter", ""))) is not None:
            return told
        found = _PATH.match(call.path)
        if found is None:
            return None
        match (found["what"] or "").lower():
            case "subscriptions":
                return Answer(200, {"value": [self._subscription()], "count": _count(1)})
            case "tenants":
                return Answer(200, {"value": [self._tenant()]})
            case "locations" if found["id"] and not found["name"]:
                return Answer(200, {"value": [self._location(one) for one in catalogue().regions]})
            case "providers":
                return self._providers(found["name"] or "", found["verb"] or "")
            case "" if found["id"] and not found["name"]:
                return Answer(200, self._subscription())
        return None

    def _subscription(self) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{self._me.subscription_id}",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionId": self._me.subscription_id,
            "tenantId": self._me.directory_id,
            "displayName": "tenantry rehearsal",
            "state": "Enabled",
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "PayAsYouGo_2014-09-01",
                "spendingLimit": "Off",
            },
        }

    def _tenant(self) -> dict[str, Any]:
        return {
            "id": f"/tenants/{self._me.directory_id}",
            "tenantId": self._me.directory_id,
            "displayName": "tenantry rehearsal",
            "defaultDomain": self._me.suffix,
        }

    def _location(self, region: Region) -> dict[str, Any]:
        base = f"/subscriptions/{self._me.subscription_id}/locations"
        pair = [{"name": region.pair, "id": f"{base}/{region.pair}"}] if region.pair else []
        return {
            "id": f"{base}/{region.name}",
            "name": region.name,
            "type": "Region",
            "displayName": region.display_name,
            "regionalDisplayName": region.display_name,
            "metadata": {
                "regionType": "Physical",
                "regionCategory": "Recommended" if region.zones else "Other",
                "geography": region.geography,
                "geographyGroup": region.geography,
                "physicalLocation": region.location,
                "latitude": str(region.place.latitude),
                "longitude": str(region.place.longitude),
                "pairedRegion": pair,
            },
        }

    def _providers(self, name: str, verb: str) -> Answer:
        spaces = self._namespaces()
        if not name:
            return Answer(200, {"value": [self._provider(space, types) for space, types in spaces.items()]})
        for space, types in spaces.items():
            if space.lower() == name.lower():
                if verb:
                    self._cloud.remember(
                        f"sandbox/unregistered/{space.lower()}", {} if verb.lower() == "unregister" else None
                    )
                return Answer(200, self._provider(space, types))
        raise ArmFault(404, "InvalidResourceNamespace", f"The resource namespace '{name}' is invalid.")

    def _namespaces(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for type_ in self._cloud.known_types():
            space, _, rest = type_.partition("/")
            found.setdefault(space, []).append(rest)
        return found

    def _provider(self, space: str, types: list[str]) -> dict[str, Any]:
        regions = [one.display_name for one in catalogue().regions]
        away = self._cloud.recall(f"sandbox/unregistered/{space.lower()}")
        return {
            "id": f"/subscriptions/{self._me.subscription_id}/providers/{space}",
            "namespace": space,
            "registrationState": "NotRegistered" if away else "Registered",
            "registrationPolicy": "RegistrationRequired",
            "resourceTypes": [
                {
                    "resourceType": one,
                    "locations": regions if styles.style_of(f"{space}/{one}").tracked else [],
                    "apiVersions": self._cloud.versions(f"{space}/{one}"),
                    "capabilities": "SupportsTags, SupportsLocation",
                }
                for one in types
            ]
            + [
                {
                    "resourceType": name,
                    "locations": regions,
                    "apiVersions": self._cloud.versions(type_),
                    "capabilities": "None",
                }
                for type_, name in LISTS.items()
                if type_.startswith(f"{space}/")
            ],
        }

    def _log(self, filter_: str) -> list[dict[str, Any]]:
        wanted = dict(re.findall(r"(\w+) (?:eq|ge|le) '([^']*)'", filter_))
        since = re.search(r"eventTimestamp ge '([^']*)'", filter_)
        until = re.search(r"eventTimestamp le '([^']*)'", filter_)
        found = []
        for event in self._cloud.store.events():
            at = str(event["eventTimestamp"])
            if (since and at < since[1]) or (until and at > until[1]):
                continue
            group = wanted.get("resourceGroupName", "")
            if group and group.lower() != str(event["resourceGroupName"]).lower():
                continue
            uri = wanted.get("resourceUri", "") or wanted.get("resourceId", "")
            if uri and ids.key(uri) != ids.key(str(event["resourceId"])):
                continue
            found.append(event)
        return found


def _count(number: int) -> dict[str, Any]:
    return {"type": "Total", "value": number}
