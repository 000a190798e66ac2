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
from tenantry.sandbox.parts.notes import subscription
from tenantry.sandbox.parts.postgres_offers import capability
from tenantry.sandbox.requests import Call

__all__ = ["Offers"]

_PATH = re.compile(
    r"^/subscriptions/[^/]+/providers/(?P<namespace>[^/]+)(?:/locations/(?P<location>[^/]+))?"
    r"/(?P<what>capabilities|checkNameAvailability|resourceType/flexibleServers/usages)$",
    re.IGNORECASE,
)
# Whose names are unique in the cloud; deleted ones keep theirs, but for accounts.
_NAMED = {
    "microsoft.keyvault": ("Microsoft.KeyVault/vaults", "VaultAlreadyExists"),
    "microsoft.storage": ("Microsoft.Storage/storageAccounts", "AlreadyExists"),
    "microsoft.dbforpostgresql": ("Microsoft.DBforPostgreSQL/flexibleServers", "AlreadyExists"),
    "microsoft.web": ("Microsoft.Web/sites", "AlreadyExists"),
}


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
            return Answer(200, self._free(namespace, call.body or {}))
        if namespace != "microsoft.dbforpostgresql":
            return None
        region = self._region(found["location"] or "")
        if what == "capabilities":
            return Answer(200, {"value": [capability(region, self._faults)]})
        within = subscription(call.path)
        return Answer(200, {"value": quotas.usages(self._cloud, self._faults, within, region.name)})

    def _region(self, name: str) -> Region:
        region = catalogue().find(name.replace(" ", "").lower())
        if region is None:
            raise ArmFault(400, "NoRegisteredProviderFound", f"The location '{name}' is not available.")
        return region

    def _free(self, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        type_, reason = _NAMED.get(namespace, ("", "AlreadyExists"))
        name = str(body.get("name", "")).lower()
        deleted = [] if namespace == "microsoft.storage" else self._cloud.kind(type_).deleted(self._cloud, "")
        kept = {str(one.get("name", "")).lower() for one in deleted}
        living = {one.name.lower() for one in self._cloud.children("", type_)} if type_ else set()
        if name in living or name in kept:
            where = "in use" if name in living else "reserved by a deleted resource"
            message = f"The name '{name}' is already {where}."
            return {"nameAvailable": False, "reason": reason, "message": message}
        return {"nameAvailable": True, "reason": "", "message": ""}
