"""Resources as readers see them: by id, in lists, and the parts that are always there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.sandbox import ids, locks
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.ids import Target
from tenantry.sandbox.kinds import ArmFault, Kind, Resource
from tenantry.sandbox.requests import Call
from tenantry.sandbox.turns import Turns

__all__ = ["Reading", "no_group", "part_of"]

_SEEN_FROM_BELOW = frozenset({"microsoft.authorization/roleassignments"})


class Reading:
    """What is told of resources, to readers who may be behind and to who wrote them."""

    def __init__(self, cloud: SandboxCloud, turns: Turns) -> None:
        self._cloud, self._turns = cloud, turns

    def listing(self, call: Call, target: Target) -> Answer:
        """Answer a request for a list, or for what a resource tells at a path of its own."""
        if call.method == "GET" and (view := self._viewed(call, target)):
            return Answer(200, view)
        self.check_type(target)
        if call.method != "GET":
            raise ArmFault(405, "MethodNotAllowed", f"{call.method} is not for a list.")
        told = [one.body for one in self.listed(target, call.query)]
        told += self._cloud.kind(target.type).listed(self._cloud, target.parent, call.query)
        return Answer(200, {"value": told})

    def _viewed(self, call: Call, target: Target) -> dict[str, Any]:
        """Return what a resource tells at a path of its own, such as what it sees of a host name."""
        if not target.names or self._cloud.spelling(target.type):
            return {}
        found = self._cloud.find(target.parent)
        if found is None:
            return {}
        return self._cloud.kind(found.type).view(self._cloud, found, target.types[-1], call.query)

    def check_type(self, target: Target) -> str:
        """Return a type as Azure spells it. ArmFault 404 when nobody knows it."""
        spelled = self._cloud.spelling(target.type)
        if spelled:
            return spelled
        spaces = {one.partition("/")[0].lower() for one in self._cloud.known_types()}
        if target.namespace.lower() not in spaces:
            raise ArmFault(
                404, "InvalidResourceNamespace", f"The resource namespace '{target.namespace}' is invalid."
            )
        raise ArmFault(
            404,
            "InvalidResourceType",
            f"The resource type '{target.type}' could not be found in the namespace '{target.namespace}'.",
        )

    def read(self, resource_id: str) -> Answer:
        """Answer GET, as a reader who may be behind."""
        group = ids.group_of(resource_id)
        if group and self._cloud.past.hides(group):
            raise no_group(group)
        found, behind = self._cloud.past.find(resource_id)
        if not behind:
            return self.outcome(resource_id)
        if found is None:
            raise _not_found(resource_id)
        return self._told(found)

    def outcome(self, resource_id: str) -> Answer:
        """Answer whoever wrote a resource: as it is."""
        return self._told(self.fresh(self.existing(resource_id)))

    def seen_group(self, group: str) -> None:
        """Refuse a group that a reader does not see. ArmFault 404."""
        if self._cloud.past.find(group)[0] is None:
            raise no_group(group)

    @staticmethod
    def _told(found: Resource) -> Answer:
        tag = str(found.body.get("etag") or "")
        return Answer(200, found.body, {"ETag": tag} if tag else {})

    def existing(self, resource_id: str) -> Resource:
        """Return a resource. ArmFault 404 in the words of what is missing."""
        found = self._cloud.find(resource_id)
        if found is not None:
            return found
        group = ids.group_of(resource_id)
        if group and self._cloud.find(group) is None:
            raise no_group(group)
        parts = ids.parse(resource_id)
        if parts is not None and (part := self._always_there(parts)) is not None:
            return part
        raise _not_found(resource_id)

    def fresh(self, resource: Resource) -> Resource:
        """Return a resource as it is now; one that is being worked on, as it was said to be."""
        if not self._turns.busy(resource.id):
            self._cloud.kind(resource.type).get(self._cloud, resource)
        return resource

    def listed(self, target: Target, query: Mapping[str, str]) -> list[Resource]:
        """Return what a list tells a reader who may be behind: below the parent, or anywhere in a scope."""
        around = target.parent or target.scope
        if target.parent:
            seen, behind = self._cloud.past.find(target.parent)
            if not behind:
                self.existing(target.parent)
            elif seen is None:
                raise _not_found(target.parent)
        elif ids.is_group(around):
            self.seen_group(around)
        depth = len(target.types)
        found = []
        every, those_behind = self._cloud.past.children(around, target.type)
        for one in every:
            its = ids.parse(one.id)
            if its is not None and len(its.types) == depth:
                found.append(one if ids.key(one.id) in those_behind else self.fresh(one))
        found += self._implied_in(target, {one.name.lower() for one in found})
        if target.type.lower() in _SEEN_FROM_BELOW:
            found += self._above(around, target.type)
        return locks.filtered(found, query.get("$filter", ""), scope=around)

    def _above(self, scope: str, type_: str) -> list[Resource]:
        here = ids.key(scope)
        every = self._cloud.seen("", type_)
        return [one for one in every if (t := ids.parse(one.id)) and here.startswith(ids.key(t.scope) + "/")]

    def implied(self, subject: Target) -> Resource:
        """Return a part of a resource that is always there, such as a site's settings."""
        parent = subject.parent and self._cloud.find(subject.parent)
        kind = self._cloud.kinds.get(subject.type.lower())
        if not parent or kind is None or not kind.implied:
            return self.existing(subject.id)
        return part_of(subject, kind)

    def _always_there(self, target: Target) -> Resource | None:
        """Return a part that its kind names, when its parent is there."""
        kind = self._cloud.kinds.get(target.type.lower())
        if kind is None:
            return None
        known = {one.lower() for one in (*kind.implied_names, *kind.unlisted_names)}
        if target.names[-1].lower() not in known:
            return None
        return part_of(target, kind) if self._cloud.find(target.parent) is not None else None

    def _implied_in(self, target: Target, known: set[str]) -> list[Resource]:
        """Return the parts of a parent that a list tells and nobody has put yet."""
        kind = self._cloud.kinds.get(target.type.lower())
        if kind is None or not target.parent:
            return []
        around = f"{target.parent}/{target.types[-1]}"
        missing = [ids.parse(f"{around}/{name}") for name in kind.implied_names if name.lower() not in known]
        parts = [part_of(one, kind) for one in missing if one is not None]
        if self._cloud.find(target.parent) is None:
            return parts  # seen by a reader who is behind: there is nothing more to tell
        return [self.fresh(one) for one in parts]


def part_of(target: Target, kind: Kind) -> Resource:
    """Return a part of a resource as it is before anybody changed it; its kind fills it."""
    name = target.names[-1]
    body = {"id": target.id, "name": name, "type": kind.type, "properties": {}}
    return Resource(id=target.id, type=kind.type, name=name, location="", body=body)


def _not_found(resource_id: str) -> ArmFault:
    parts, group = ids.parse(resource_id), ids.group_of(resource_id)
    what = f"{parts.type}/{parts.names[-1]}" if parts else resource_id
    return ArmFault(
        404,
        "ResourceNotFound",
        f"The Resource '{what}' under resource group '{group.rpartition('/')[2] or '<null>'}' was not found.",
    )


def no_group(group: str) -> ArmFault:
    """Return what is answered when a group is not there."""
    return ArmFault(
        404, "ResourceGroupNotFound", f"Resource group '{group.rpartition('/')[2]}' could not be found."
    )
