"""The activity log: who asked for which change."""

from __future__ import annotations

import uuid

from tenantry.sandbox import ids
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.parts.notes import iso, segment

__all__ = ["note"]


def note(cloud: SandboxCloud, verb: str, resource_id: str, type_: str, *, caller: str) -> None:
    """Add a change that was accepted of a caller: by the verb of HTTP, or the action's name."""
    words = {"PUT": "write", "PATCH": "write", "DELETE": "delete"}
    name = f"{type_}/{words.get(verb, verb + '/action')}"
    at, number = iso(cloud.now()), str(uuid.uuid4())
    cloud.store.note_event(
        at,
        {
            "authorization": {"action": name, "scope": resource_id},
            "caller": caller,
            "channels": "Operation",
            "correlationId": number,
            "eventDataId": number,
            "eventTimestamp": at,
            "submissionTimestamp": at,
            "category": {"value": "Administrative", "localizedValue": "Administrative"},
            "level": "Informational",
            "operationName": {"value": name, "localizedValue": name},
            "resourceGroupName": ids.group_of(resource_id).rpartition("/")[2],
            "resourceId": resource_id,
            "resourceType": {"value": type_, "localizedValue": type_},
            "status": {"value": "Accepted", "localizedValue": "Accepted"},
            "subscriptionId": segment(resource_id, "subscriptions"),
            "tenantId": cloud.identity.directory_id,
        },
    )
