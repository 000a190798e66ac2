"""What a region and a subscription offer: capabilities, free names, quotas."""

from __future__ import annotations

import re
from typing import Any

from tenantry.config.regions import catalogue
from tenantry.model.regions import Region
from tenantry.sandbox import quotas
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts.notes import same, subscription
from tenantry.sandbox.parts.postgres_offers import capability
from tenantry.sandbox.requests import Call

__all__ = ["Offers"]

_PATH = re.compile(
    r"^/subscriptions/[^/]+/providers/(?P<namespace>[^/]+)(?:/locations/(?P<location>[^/]+))?"
    r"/(?P<what>capabilities|checkNameAvailability|(?:resourceType/flexibleServers/)?usages)$",
    re.IGNORECASE,
)
# What a provider is asked about by name, and the shorter words for it: names of the whole cloud.
_NAMED = {
    "microsoft.keyvault": ("Microsoft.KeyVault/vaults",),
    "microsoft.storage": ("Microsoft.Storage/storageAccounts",),
    "microsoft.dbforpostgresql": ("Microsoft.DBforPostgreSQL/flexibleServers",),
    "microsoft.web": ("Microsoft.Web/sites", "Site"),
}
# Deleted ones do not keep their names: an account's is free, a site's is for its own directory.
_GIVEN_BACK = frozenset({"microsoft.storage", "microsoft.web"})


class Offers:
    """Answers for what is asked before something is made."""

    def __init__(self, cloud: SandboxCloud, faults: Faults) -> None:
        self._cloud = cloud
        self._faults = faults

    def answer(self, call: Call) -> Answer | None:
        """Answer; None when the path is somebody else's."""
        found = _PATH.match(call.path)
        if found is None:
            return None
        what, namespace = found["what"].lower(), found["namespace"].lower()
        if what == "checknameavailability":
            return Answer(200, self._free(namespace, call.body or {})) if namespace in _NAMED else None
        region, within = found["location"] or "", subscription(call.path)
        match namespace, what:
            case "microsoft.dbforpostgresql", "capabilities":
                return Answer(200, {"value": [capability(self._region(region), self._faults)]})
            case "microsoft.dbforpostgresql", "resourcetype/flexibleservers/usages":
                listed = quotas.core_usages
            case "microsoft.storage", "usages":
                listed = quotas.account_usages
            case _:
                return None
        return Answer(200, {"value": listed(self._cloud, self._faults, within, self._region(region).name)})

    def _region(self, name: str) -> Region:
        region = catalogue().find(name.replace(" ", "").lower())
        if region is None:
            raise ArmFault(400, "NoRegisteredProviderFound", f"The location '{name}' is not available.")
        return region

    def _free(self, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        known = _NAMED[namespace]
        # All but PostgreSQL want the type to be told.
        asked = str(body.get("type") or (known[0] if namespace == "microsoft.dbforpostgresql" else ""))
        if not any(same(asked, one) for one in known):
            raise ArmFault(400, "InvalidParameter", f"The sandbox has no names of the type '{asked}'.")
        name = str(body.get("name", "")).lower()
        if body.get("isFqdn"):
            name = name.partition(".")[0]
        living = {one.name.lower() for one in self._cloud.children("", known[0])}
        deleted = self._cloud.kind(known[0]).deleted(self._cloud, "")
        kept = set() if namespace in _GIVEN_BACK else {str(one.get("name", "")).lower() for one in deleted}
        if name in living or name in kept:
            where = "in use" if name in living else "reserved by a deleted resource"
            message = f"The name '{name}' is already {where}."
            return {"nameAvailable": False, "reason": "AlreadyExists", "message": message}
        return {"nameAvailable": True}
