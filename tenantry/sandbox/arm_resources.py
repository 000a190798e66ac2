"""Resources of every type: made, changed, read, listed, deleted, asked to do something."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tenantry.sandbox import ids, locks, quotas
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.ids import Target
from tenantry.sandbox.kinds import ArmFault, Kind, Resource
from tenantry.sandbox.operations import Operation, Operations
from tenantry.sandbox.parts.notes import iso, segment, subscription
from tenantry.sandbox.requests import check_location, compose, etag
from tenantry.sandbox.styles import Style, Way, style_of

__all__ = ["Call", "Resources"]

_TURN_SECONDS = 50.0  # that a request waits while another one works on the same resource
_DONE = frozenset({"Succeeded", "Failed", "Canceled"})


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request, taken apart."""

    method: str
    path: str
    version: str
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Resources:
    """The generic half of every type; its kind does the rest."""

    def __init__(self, cloud: SandboxCloud, operations: Operations, faults: Faults) -> None:
        self._cloud = cloud
        self.operations = operations
        self._faults = faults
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def answer(self, call: Call) -> Answer:
        """Answer a request for resources."""
        target = ids.parse(call.path)
        if target is None or not target.types:
            raise ArmFault(404, "NotFound", f"There is nothing at {call.path}.")
        if call.method == "POST":
            return self._act(call, target)
        if target.is_list:
            return self._list(call, target)
        self.check_type(target)
        match call.method:
            case "PUT" | "PATCH":
                return self._put(call, target)
            case "GET":
                return self.read(target.id)
            case "HEAD":
                found = self._cloud.past.find(target.id)[0] is not None
                return Answer(204 if found else 404, None)
            case "DELETE":
                return self._delete(call, target)
        raise ArmFault(405, "MethodNotAllowed", f"The method {call.method} is not supported.")

    # --- reading ---

    def _list(self, call: Call, target: Target) -> Answer:
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
            raise _no_group(group)
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
            raise _no_group(group)

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
            raise _no_group(group)
        parts = ids.parse(resource_id)
        if parts is not None and (part := self._always_there(parts)) is not None:
            return part
        raise _not_found(resource_id)

    def fresh(self, resource: Resource) -> Resource:
        """Return a resource as it is now; one that is being worked on, as it was said to be."""
        if not self._turn(resource.id).locked():
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

    # --- writing ---

    def _put(self, call: Call, target: Target) -> Answer:
        type_, style = self.check_type(target), style_of(target.type)
        self._check_around(target)
        if call.body is not None and not isinstance(call.body, dict):
            raise ArmFault(400, "InvalidRequestContent", "The request content must be a JSON object.")
        turn = self._take_turn(target.id)
        handed_over = False
        try:
            old = self._cloud.find(target.id)
            if old is None and call.method == "PATCH":
                self.existing(target.id)
            locks.check_write(self._cloud, target.id)
            etag.check(call.headers, old)
            new = compose(self._cloud, call.method, call.body or {}, target, type_=type_, old=old)
            check_location(new, old, tracked=style.tracked)
            self._faults.refuse_put(type_, new.location)
            quotas.check(self._cloud, self._faults, new, old)
            kind = self._cloud.kind(type_)
            kind.admit(self._cloud, new, old)
            self._log(call.method, new.id, type_)
            at_once = call.method == "PATCH" and style.patched_at_once
            if (at_once or style.put in {Way.AT_ONCE, Way.BODY}) and not self._is_slow(
                call.method, type_, style
            ):
                with self.operations.span(call.method, new.id):
                    self._faults.keep_pace(call.method, type_, new=old is None)
                    self._work(new, old, style)
                status = style.created if old is None else 200
                made = self.existing(new.id)
                kind.get(self._cloud, made)
                return Answer(status, made.body)
            draft = self._draft(new, old, style)
            operation = self.operations.begin(
                call.method,
                new.id,
                lambda: self._in_turn(turn, lambda: self._slow_work(call.method, new, old, style)),
            )
            handed_over = True
            return self._accepted(call, draft, operation, style, created=old is None)
        finally:
            if not handed_over:
                turn.release()

    def _is_slow(self, method: str, type_: str, style: Style) -> bool:
        slow = self._faults.holds("slow", method=method, type_=type_) or self._faults.pace(method, type_)
        stuck = self._faults.holds("stuck", method=method, type_=type_)
        return style.put is Way.BODY and bool(slow or stuck)

    def _slow_work(self, method: str, new: Resource, old: Resource | None, style: Style) -> None:
        self._faults.delay(method, new.type, new=old is None)
        self._work(new, old, style)

    def _work(self, new: Resource, old: Resource | None, style: Style) -> None:
        kind = self._cloud.kind(new.type)
        try:
            kind.put(self._cloud, new, old)
        except BaseException:
            if (
                style.put is not Way.AT_ONCE
                and style.state
                and (kept := self._cloud.find(new.id)) is not None
            ):
                kept.properties["provisioningState"] = "Failed"
                self._cloud.save(kept)
            raise
        if style.state:
            new.properties.setdefault("provisioningState", "Succeeded")
            if new.properties["provisioningState"] not in _DONE:
                new.properties["provisioningState"] = "Succeeded"
        if style.etag:
            new.body["etag"] = etag.fresh()
        self._cloud.save(new)

    def _draft(self, new: Resource, old: Resource | None, style: Style) -> Resource:
        """Keep what is being made, so that it is seen while it is."""
        draft = copy.deepcopy(new)
        if style.state:
            draft.properties["provisioningState"] = "Creating" if old is None else "Updating"
        self._cloud.save(draft, draft=True)
        return draft

    def _accepted(
        self, call: Call, draft: Resource, operation: Operation, style: Style, *, created: bool
    ) -> Answer:
        headers = self.operation_headers(operation, draft.id, style.put, call.version)
        if style.accepted:
            return Answer(202, None, headers)
        return Answer(style.created if created else 200, draft.body, headers)

    def operation_headers(
        self, operation: Operation, resource_id: str, way: Way, version: str
    ) -> dict[str, str]:
        """Return the headers that tell where an operation is asked for."""
        target = ids.parse(resource_id)
        space = target.namespace if target else "Microsoft.Resources"
        base = f"{subscription(resource_id)}/providers/{space}/locations/global"
        base = self._cloud.identity.arm + base
        headers = {"Retry-After": "0"} if way is not Way.BODY else {}
        if way in {Way.STATUS, Way.BOTH}:
            headers["Azure-AsyncOperation"] = f"{base}/operationStatuses/{operation.id}?api-version={version}"
        if way in {Way.LOCATION, Way.BOTH}:
            headers["Location"] = f"{base}/operationResults/{operation.id}?api-version={version}"
        return headers

    # --- deleting ---

    def _delete(self, call: Call, target: Target) -> Answer:
        style = style_of(target.type)
        group = ids.group_of(target.id)
        if group and self._cloud.find(group) is None:
            raise _no_group(group)
        turn = self._take_turn(target.id)
        handed_over = False
        try:
            found = self._cloud.find(target.id)
            if found is None:
                return Answer(204, None)
            locks.check_delete(self._cloud, found)
            etag.check(call.headers, found)
            self._cloud.kind(found.type).admit_delete(self._cloud, found)
            self._log("DELETE", found.id, found.type)
            if style.delete is Way.AT_ONCE:
                with self.operations.span("DELETE", found.id):
                    self._faults.keep_pace("DELETE", found.type)
                    self.remove(found, query=call.query)
                shown = self._cloud.kind(found.type).shown_when_deleted
                return Answer(200, found.body if shown else None)
            if style.state:
                found.properties["provisioningState"] = "Deleting"
                self._cloud.save(found)
            operation = self.operations.begin(
                "DELETE", found.id, lambda: self._in_turn(turn, lambda: self._slow_remove(found, call.query))
            )
            handed_over = True
            return Answer(202, None, self.operation_headers(operation, found.id, style.delete, call.version))
        finally:
            if not handed_over:
                turn.release()

    def _slow_remove(self, found: Resource, query: Mapping[str, str]) -> None:
        self._faults.delay("DELETE", found.type)
        try:
            self.remove(found, query=query)
        except BaseException:
            if style_of(found.type).state and (kept := self._cloud.find(found.id)) is not None:
                kept.properties["provisioningState"] = "Failed"
                self._cloud.save(kept)
            raise

    def remove(self, resource: Resource, *, query: Mapping[str, str]) -> None:
        """Delete a resource with what lies below it; ``force=true`` also purges it."""
        kind = self._cloud.kind(resource.type)
        if resource.type == ids.GROUP_TYPE:
            self._empty(resource)
        kind.admit_delete(self._cloud, resource)
        kind.delete(self._cloud, resource)
        self._cloud.drop(resource)
        if query.get("force", "").lower() == "true":
            kind.purge(self._cloud, resource.location, resource.id)

    def _empty(self, group: Resource) -> None:
        """Delete all members, the newest first; who is in use waits until its user is gone."""
        while members := self._members(group):
            refused: ArmFault | None = None
            left = len(members)
            for one in members:
                with _released(self._take_turn(one.id)):
                    if self._cloud.find(one.id) is None:
                        continue
                    try:
                        self.remove(one, query={})
                        left -= 1
                    except ArmFault as fault:
                        refused = fault
            if refused is not None and left == len(members):
                raise refused

    def _members(self, group: Resource) -> list[Resource]:
        found = self._cloud.children(group.id)
        here = [(len(t.types), one) for one in reversed(found) if (t := ids.parse(one.id))]
        nested = [one for depth, one in here if depth > 1 and style_of(one.type).tracked]
        return [*nested, *(one for depth, one in here if depth == 1)]

    # --- actions ---

    def _act(self, call: Call, target: Target) -> Answer:
        kind = self._cloud.kind(target.type)
        if not target.is_list and target.names[-1].lower() in kind.named_actions:
            part = _part(target, kind)
            return Answer(200, kind.action(self._cloud, part, target.names[-1], call.body or {}))
        if not target.is_list or not target.names:
            raise ArmFault(405, "MethodNotAllowed", "POST needs an action.")
        subject = ids.parse(target.parent)
        assert subject is not None
        self.check_type(subject)
        found = self._cloud.find(subject.id) or self._implied(subject)
        action = target.types[-1]
        if not action.lower().startswith(("list", "get", "query")):
            locks.check_write(self._cloud, found.id)
            self._log(action, found.id, found.type)
        kind = self._cloud.kind(found.type)
        if document := kind.document(self._cloud, found, action):
            return Answer(200, document)
        return Answer(200, kind.action(self._cloud, found, action, call.body or {}))

    def _implied(self, subject: Target) -> Resource:
        """Return a part of a resource that is always there, such as a site's settings."""
        parent = subject.parent and self._cloud.find(subject.parent)
        kind = self._cloud.kinds.get(subject.type.lower())
        if not parent or kind is None or not kind.implied:
            return self.existing(subject.id)
        return _part(subject, kind)

    def _always_there(self, target: Target) -> Resource | None:
        """Return a part that its kind names, when its parent is there."""
        kind = self._cloud.kinds.get(target.type.lower())
        if kind is None:
            return None
        known = {one.lower() for one in (*kind.implied_names, *kind.unlisted_names)}
        if target.names[-1].lower() not in known:
            return None
        return _part(target, kind) if self._cloud.find(target.parent) is not None else None

    def _implied_in(self, target: Target, known: set[str]) -> list[Resource]:
        """Return the parts of a parent that a list tells and nobody has put yet."""
        kind = self._cloud.kinds.get(target.type.lower())
        if kind is None or not target.parent:
            return []
        around = f"{target.parent}/{target.types[-1]}"
        missing = [ids.parse(f"{around}/{name}") for name in kind.implied_names if name not in known]
        return [_part(one, kind) for one in missing if one is not None]

    # --- turns ---

    def take_turn(self, resource_id: str) -> threading.Lock:
        """Wait until nobody else works on a resource, and hold it. ArmFault 409 after a long wait."""
        return self._take_turn(resource_id)

    def _take_turn(self, resource_id: str) -> threading.Lock:
        turn = self._turn(resource_id)
        if not turn.acquire(timeout=_TURN_SECONDS):
            raise ArmFault(
                409,
                "AnotherOperationInProgress",
                "Another operation on this or a dependent resource is in progress.",
            )
        return turn

    def _turn(self, resource_id: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(ids.root_of(resource_id), threading.Lock())

    @staticmethod
    def _in_turn(turn: threading.Lock, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            turn.release()

    def _check_around(self, target: Target) -> None:
        group = ids.group_of(target.scope)
        if group:
            found = self._cloud.find(group)
            if found is None:
                raise _no_group(group)
            if found.properties.get("provisioningState") == "Deleting":
                raise ArmFault(
                    409,
                    "ResourceGroupBeingDeleted",
                    f"The resource group '{found.name}' is in "
                    "deprovisioning state and cannot perform this operation.",
                )
        if target.parent and self._cloud.find(target.parent) is None:
            raise ArmFault(
                404,
                "ParentResourceNotFound",
                "Failed to perform 'write' on resource(s) of type "
                f"'{'/'.join(target.types)}', because the parent resource '{target.parent}' could not "
                "be found.",
            )
        scope = ids.parse(target.scope)
        if scope is not None and "/providers/" in target.scope:
            self.existing(target.scope)

    def _log(self, verb: str, resource_id: str, type_: str) -> None:
        """Add to the activity log."""
        words = {"PUT": "write", "PATCH": "write", "DELETE": "delete"}
        name = f"{type_}/{words.get(verb, verb + '/action')}"
        at, number = iso(self._cloud.now()), str(uuid.uuid4())
        self._cloud.store.note_event(
            at,
            {
                "authorization": {"action": name, "scope": resource_id},
                "caller": self._cloud.identity.object_id,
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
                "tenantId": self._cloud.identity.directory_id,
            },
        )


_SEEN_FROM_BELOW = frozenset({"microsoft.authorization/roleassignments"})


def _part(target: Target, kind: Kind) -> Resource:
    """Return a part of a resource as it is before anybody changed it; its kind fills it."""
    name = target.names[-1]
    body = {"id": target.id, "name": name, "type": kind.type, "properties": {}}
    return Resource(id=target.id, type=kind.type, name=name, location="", body=body)


@contextmanager
def _released(turn: threading.Lock) -> Iterator[None]:
    """Release a turn at the end."""
    try:
        yield
    finally:
        turn.release()


def _not_found(resource_id: str) -> ArmFault:
    parts, group = ids.parse(resource_id), ids.group_of(resource_id)
    what = f"{parts.type}/{parts.names[-1]}" if parts else resource_id
    return ArmFault(
        404,
        "ResourceNotFound",
        f"The Resource '{what}' under resource group '{group.rpartition('/')[2] or '<null>'}' was not found.",
    )


def _no_group(group: str) -> ArmFault:
    return ArmFault(
        404, "ResourceGroupNotFound", f"Resource group '{group.rpartition('/')[2]}' could not be found."
    )
