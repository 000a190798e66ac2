"""Resource groups, and lists of all resources."""

from __future__ import annotations

import re
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.arm_resources import Resources
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.requests import Call
from tenantry.sandbox.styles import style_of

__all__ = ["Groups"]

_RESOURCES = re.compile(r"^(/subscriptions/[^/]+(?:/resourcegroups/[^/]+)?)/resources$", re.IGNORECASE)


class Groups:
    """Answers for what is about a group as a whole."""

    def __init__(self, cloud: SandboxCloud, resources: Resources) -> None:
        self._cloud = cloud
        self._resources = resources

    def answer(self, call: Call) -> Answer | None:
        """Answer; None when the path is somebody else's."""
        found = _RESOURCES.match(call.path)
        if found is not None and call.method == "GET":
            return Answer(200, {"value": self._listed(found[1], call.query.get("$filter", ""))})
        return None

    def _listed(self, scope: str, filter_: str) -> list[dict[str, Any]]:
        if ids.is_group(scope):
            self._resources.reading.seen_group(scope)
        type_ = re.search(r"resourceType eq '([^']*)'", filter_)
        tag = re.search(r"tagName eq '([^']*)'(?: and tagValue eq '([^']*)')?", filter_)
        found = []
        for one in self._cloud.seen(scope):
            target = ids.parse(one.id)
            if target is None or len(target.types) > 1 or not style_of(one.type).tracked:
                continue
            if one.type == ids.GROUP_TYPE or (type_ and type_[1].lower() != one.type.lower()):
                continue
            tags = one.body.get("tags") or {}
            if tag and (tag[1] not in tags or (tag[2] is not None and tags[tag[1]] != tag[2])):
                continue
            names = ("id", "name", "type", "location", "tags", "kind", "sku", "identity")
            found.append({name: one.body[name] for name in names if name in one.body})
        return found
