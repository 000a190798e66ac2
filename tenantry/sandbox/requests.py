"""A request, and what a PUT or PATCH asks for, made into a resource; what it may not ask for."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tenantry.config.regions import catalogue
from tenantry.sandbox import etag
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.ids import Target
from tenantry.sandbox.kinds import ArmFault, Resource

__all__ = ["Call", "body_of", "check_location", "compose", "etag"]

_ANYWHERE = frozenset({"global"})
# What a client sends back of an earlier answer, and Azure takes no notice of.
_READ_ONLY = frozenset({"id", "name", "type", "systemData", "etag"})


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request, taken apart."""

    method: str
    path: str
    version: str
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    caller: str = ""  # object id of the principal that asks
    client: str = ""  # its client id


def body_of(raw: bytes) -> Any:
    """Return a request's JSON, None of an empty one. ArmFault 400 when it is none."""
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise ArmFault(
            400, "InvalidRequestContent", "The request content was invalid and could not be deserialized."
        ) from None


def compose(
    cloud: SandboxCloud,
    method: str,
    body: dict[str, Any],
    target: Target,
    *,
    type_: str,
    old: Resource | None,
) -> Resource:
    """Return the resource that a request asks for."""
    asked = {name: copy.deepcopy(value) for name, value in body.items() if name not in _READ_ONLY}
    if method == "PATCH" and old is not None:
        merged = {name: copy.deepcopy(value) for name, value in old.body.items() if name not in _READ_ONLY}
        asked = _merge(merged, asked)
    resource_id = old.id if old is not None else target.id
    name = old.name if old is not None else target.names[-1]
    location = _region(str(asked.get("location") or (old.location if old is not None else "")))
    whole: dict[str, Any] = {"id": resource_id, "name": name, "type": type_}
    if location:
        whole["location"] = asked["location"] = location
    whole |= asked
    for key in ("identity", "tags"):
        if old is not None and key not in whole and key in old.body and method == "PUT" and key == "identity":
            whole[key] = copy.deepcopy(old.body[key])
    if isinstance(whole.get("properties"), dict):
        whole["properties"].pop("provisioningState", None)
    resource = Resource(id=resource_id, type=type_, name=name, location=location, body=whole)
    _identities(cloud, resource, old)
    return resource


def check_location(new: Resource, old: Resource | None, *, tracked: bool) -> None:
    """Refuse a region that there is not, and the move of a resource."""
    if not new.location:
        if tracked:
            raise ArmFault(400, "LocationRequired", "The location property is required for this definition.")
        return
    if new.location not in _ANYWHERE and catalogue().find(new.location) is None:
        raise ArmFault(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{new.location}' is not available for resource type '{new.type}'.",
        )
    if old is not None and old.location and old.location != new.location:
        raise ArmFault(
            409,
            "InvalidResourceLocation",
            f"The resource '{new.name}' already exists in location "
            f"'{old.location}'. A resource with the same name cannot be created in location "
            f"'{new.location}'.",
        )


def _region(text: str) -> str:
    return text.replace(" ", "").lower()


def _merge(into: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Apply a JSON merge patch."""
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict) and name != "tags":
            _merge(into[name], value)
        elif value is None:
            into.pop(name, None)
        else:
            into[name] = value
    return into


def _identities(cloud: SandboxCloud, resource: Resource, old: Resource | None) -> None:
    """Say who the managed identities of a resource are."""
    block = resource.body.get("identity")
    if not isinstance(block, dict):
        return
    wanted = str(block.get("type") or "")
    if "SystemAssigned" in wanted:
        before = (old.body.get("identity") or {}) if old is not None else {}
        block["principalId"] = before.get("principalId") or cloud.new_principal()
        block["tenantId"] = cloud.identity.directory_id
    assigned = block.get("userAssignedIdentities") or {}
    if isinstance(assigned, list):
        assigned = {str(one): {} for one in assigned}
    for identity in assigned:
        found = cloud.find(str(identity))
        if found is None:
            raise ArmFault(400, "LinkedInvalidPropertyId", f"The identity '{identity}' was not found.")
        assigned[identity] = {name: found.properties.get(name) for name in ("principalId", "clientId")}
    if assigned:
        block["userAssignedIdentities"] = assigned
