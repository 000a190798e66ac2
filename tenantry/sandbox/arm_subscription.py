"""What Resource Manager says of a subscription: itself, its regions, its providers, its log."""

from __future__ import annotations

import re
from typing import Any

from tenantry.config.regions import catalogue
from tenantry.model.regions import Region
from tenantry.sandbox import ids, roles, styles
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.arm_deleted import LISTS
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts.notes import segment
from tenantry.sandbox.requests import Call

__all__ = ["Subscription"]

_PATH = re.compile(
    r"^(?:/subscriptions/(?P<id>[^/]+))?/?(?P<what>locations|providers|subscriptions|tenants|)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<verb>register|unregister))?$",
    re.IGNORECASE,
)
_LOG = "/providers/microsoft.insights/eventtypes/management/values"


class Subscription:
    """Answers for paths that name no resource."""

    def __init__(self, cloud: SandboxCloud, faults: Faults) -> None:
        self._cloud = cloud
        self._faults = faults
        self._me = cloud.identity

    def answer(self, call: Call) -> Answer | None:  # noqa: PLR0911 - a table of answers
        """Answer; None when the path is somebody else's."""
        lowered = call.path.lower()
        if lowered.endswith(_LOG):
            told = self._log(segment(call.path, "subscriptions"), call.query.get("$filter", ""))
            return Answer(200, {"value": told})
        if (answer := roles.answer(call.method, call.path, call.query.get("$filter", ""))) is not None:
            return answer
        found = _PATH.match(call.path)
        if found is None:
            return None
        # Providers without a subscription are told as the first one has them.
        number = (found["id"] or self._me.subscription_id).lower()
        match (found["what"] or "").lower():
            case "subscriptions":
                seen = [self._subscription(one) for one in self._me.subscriptions if self._reaches(one, call)]
                return Answer(200, {"value": seen, "count": _count(len(seen))})
            case "tenants":
                return Answer(200, {"value": [self._tenant()]})
            case "locations" if found["id"] and not found["name"]:
                return Answer(200, {"value": [self._location(number, one) for one in catalogue().regions]})
            case "providers":
                return self._providers(number, found["name"] or "", found["verb"] or "")
            case "" if found["id"] and not found["name"]:
                return Answer(200, self._read(number, call))
        return None

    def _reaches(self, number: str, call: Call) -> bool:
        """Say whether who asks has a role in a subscription: at, above or below it."""
        here = f"/subscriptions/{number}"
        assigned = self._cloud.children(here, "Microsoft.Authorization/roleAssignments")
        mine = any(one.properties.get("principalId") == call.caller for one in assigned)
        return mine or bool(self._cloud.roles(call.caller, here))

    def _read(self, number: str, call: Call) -> dict[str, Any]:
        if not self._reaches(number, call):
            raise ArmFault(
                403,
                "AuthorizationFailed",
                f"The client '{call.client}' with object id '{call.caller}' does not have "
                "authorization to perform action 'Microsoft.Resources/subscriptions/read' over scope "
                f"'/subscriptions/{number}' or the scope is invalid. If access was recently granted, "
                "please refresh your credentials.",
            )
        return self._subscription(number)

    def _subscription(self, number: str) -> dict[str, Any]:
        place = self._me.subscriptions.index(number)
        disabled = self._faults.holds("disabled", value=number) is not None
        return {
            "id": f"/subscriptions/{number}",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionId": number,
            "tenantId": self._me.directory_id,
            "displayName": "tenantry rehearsal" + (f" {place + 1}" if place else ""),
            "state": "Disabled" if disabled else "Enabled",
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

    @staticmethod
    def _location(number: str, region: Region) -> dict[str, Any]:
        base = f"/subscriptions/{number}/locations"
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
                "latitude": str(region.place.latitude) if region.place else "",
                "longitude": str(region.place.longitude) if region.place else "",
                "pairedRegion": pair,
            },
        }

    def _providers(self, number: str, name: str, verb: str) -> Answer:
        spaces = self._namespaces()
        if not name:
            told = [self._provider(number, space, types) for space, types in spaces.items()]
            return Answer(200, {"value": told})
        for space, types in spaces.items():
            if space.lower() == name.lower():
                if verb:
                    away: dict[str, Any] | None = {} if verb.lower() == "unregister" else None
                    self._cloud.remember(_unregistered(number, space), away)
                return Answer(200, self._provider(number, space, types))
        raise ArmFault(404, "InvalidResourceNamespace", f"The resource namespace '{name}' is invalid.")

    def _namespaces(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for type_ in self._cloud.known_types():
            space, _, rest = type_.partition("/")
            found.setdefault(space, []).append(rest)
        return found

    def _provider(self, number: str, space: str, types: list[str]) -> dict[str, Any]:
        regions = [one.display_name for one in catalogue().regions]
        away = self._cloud.recall(_unregistered(number, space))
        return {
            "id": f"/subscriptions/{number}/providers/{space}",
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

    def _log(self, number: str, filter_: str) -> list[dict[str, Any]]:
        wanted = dict(re.findall(r"(\w+) (?:eq|ge|le) '([^']*)'", filter_))
        since = re.search(r"eventTimestamp ge '([^']*)'", filter_)
        until = re.search(r"eventTimestamp le '([^']*)'", filter_)
        found = []
        for event in self._cloud.store.events():
            if str(event["subscriptionId"]).lower() != number.lower():
                continue
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


def _unregistered(number: str, space: str) -> str:
    return f"sandbox/unregistered/{number}/{space.lower()}"


def _count(number: int) -> dict[str, Any]:
    return {"type": "Total", "value": number}
