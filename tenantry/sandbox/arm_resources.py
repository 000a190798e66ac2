"""Resources of every type: made, changed, deleted, asked to do something."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping

from tenantry.sandbox import activity, ids, locks, quotas
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.arm_reading import Reading, no_group, part_of
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.ids import Target
from tenantry.sandbox.kinds import ArmFault, Resource
from tenantry.sandbox.operations import Operation, Operations
from tenantry.sandbox.parts.notes import subscription
from tenantry.sandbox.parts.postgres_offers import check_standby
from tenantry.sandbox.requests import Call, check_location, compose, etag
from tenantry.sandbox.styles import Style, Way, style_of
from tenantry.sandbox.turns import Turns

__all__ = ["Resources"]

_LOOK = 0.05  # seconds between two looks for what is still being made in a group that goes
_DONE = frozenset({"Succeeded", "Failed", "Canceled"})


class Resources:
    """The generic half of every type; its kind does the rest."""

    def __init__(self, cloud: SandboxCloud, operations: Operations, faults: Faults) -> None:
        self._cloud = cloud
        self.operations = operations
        self._faults = faults
        self._turns = Turns()
        self.reading = Reading(cloud, self._turns)

    def answer(self, call: Call) -> Answer:
        """Answer a request for resources."""
        target = ids.parse(call.path)
        if target is None or not target.types:
            raise ArmFault(404, "NotFound", f"There is nothing at {call.path}.")
        if call.method == "POST":
            return self._act(call, target)
        if target.is_list:
            return self.reading.listing(call, target)
        self.reading.check_type(target)
        match call.method:
            case "PUT" | "PATCH":
                return self._put(call, target)
            case "GET":
                return self.reading.read(target.id)
            case "HEAD":
                found = self._cloud.past.find(target.id)[0] is not None
                return Answer(204 if found else 404, None)
            case "DELETE":
                return self._delete(call, target)
        raise ArmFault(405, "MethodNotAllowed", f"The method {call.method} is not supported.")

    # --- writing ---

    def _put(self, call: Call, target: Target) -> Answer:
        type_, style = self.reading.check_type(target), style_of(target.type)
        self._check_around(target)
        if call.body is not None and not isinstance(call.body, dict):
            raise ArmFault(400, "InvalidRequestContent", "The request content must be a JSON object.")
        turn = self._turns.take(target.id)
        handed_over = False
        try:
            self._check_around(target)  # again: what is around may have gone while this waited
            old = self._cloud.find(target.id)
            if old is None and call.method == "PATCH":
                self.reading.existing(target.id)
            locks.check_write(self._cloud, target.id)
            etag.check(call.headers, old)
            new = compose(self._cloud, call.method, call.body or {}, target, type_=type_, old=old)
            check_location(new, old, tracked=style.tracked)
            self._faults.refuse_put(type_, new.location)
            quotas.check(self._cloud, self._faults, new, old)
            check_standby(self._faults, new, old)
            kind = self._cloud.kind(type_)
            kind.admit(self._cloud, new, old)
            activity.note(self._cloud, call.method, new.id, type_, caller=call.caller)
            at_once = call.method == "PATCH" and style.patched_at_once
            if (at_once or style.put in {Way.AT_ONCE, Way.BODY}) and not self._is_slow(
                call.method, type_, style
            ):
                with self.operations.span(call.method, new.id):
                    self._faults.keep_pace(call.method, type_, new=old is None)
                    self._work(new, old, style)
                status = style.created if old is None else 200
                made = self.reading.existing(new.id)
                kind.get(self._cloud, made)
                return Answer(status, made.body)
            draft = self._draft(new, old, style)
            operation = self.operations.begin(
                call.method,
                new.id,
                lambda: self._turns.ending(turn, lambda: self._slow_work(call.method, new, old, style)),
            )
            handed_over = True
            return self._accepted(call, draft, operation, style, created=old is None)
        finally:
            if not handed_over:
                turn.release()

    def _is_slow(self, method: str, type_: str, style: Style) -> bool:
        slow = self._faults.holds("slow", method=method, type_=type_) or self._faults.pace(method, type_)
        others = (self._faults.holds(kind, method=method, type_=type_) for kind in ("stuck", "fail"))
        return style.put is Way.BODY and bool(slow or any(others))

    def _slow_work(self, method: str, new: Resource, old: Resource | None, style: Style) -> None:
        self._faults.delay(method, new.type, new=old is None)
        self._work(new, old, style, accepted=method)

    def _work(self, new: Resource, old: Resource | None, style: Style, *, accepted: str = "") -> None:
        kind = self._cloud.kind(new.type)
        try:
            if accepted:
                self._faults.fail(accepted, new.type)
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
            raise no_group(group)
        turn = self._turns.take(target.id)
        handed_over = False
        try:
            found = self._cloud.find(target.id)
            if found is None:
                return Answer(204, None)
            locks.check_delete(self._cloud, found)
            etag.check(call.headers, found)
            self._cloud.kind(found.type).admit_delete(self._cloud, found)
            activity.note(self._cloud, "DELETE", found.id, found.type, caller=call.caller)
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
                "DELETE",
                found.id,
                lambda: self._turns.ending(turn, lambda: self._slow_remove(found, call.query)),
            )
            handed_over = True
            return Answer(202, None, self.operation_headers(operation, found.id, style.delete, call.version))
        finally:
            if not handed_over:
                turn.release()

    def _slow_remove(self, found: Resource, query: Mapping[str, str]) -> None:
        self._faults.delay("DELETE", found.type)
        try:
            self._faults.fail("DELETE", found.type)
            self.remove(found, query=query)
        except BaseException:
            if style_of(found.type).state and (kept := self._cloud.find(found.id)) is not None:
                # A group's is rolled back, as the refusal (ResourceGroupDeletionBlocked) says on Azure.
                group = found.type == ids.GROUP_TYPE
                kept.properties["provisioningState"] = "Succeeded" if group else "Failed"
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
        """Delete all members, the newest first; who is in use waits until its user is gone.

        Azure looks whether each is gone and goes on with what a write made anew
        that was accepted before: so does this, as long as somebody works in the group.
        """
        while (members := self._members(group)) or self._turns.busy_below(group.id):
            if not members:
                time.sleep(_LOOK)
                continue
            refused: ArmFault | None = None
            left = len(members)
            for one in members:
                with self._turns.taken(one.id):
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
            part = part_of(target, kind)
            return Answer(200, kind.action(self._cloud, part, target.names[-1], call.body or {}))
        if not target.is_list or not target.names:
            raise ArmFault(405, "MethodNotAllowed", "POST needs an action.")
        subject = ids.parse(target.parent)
        assert subject is not None
        self.reading.check_type(subject)
        found = self._cloud.find(subject.id) or self.reading.implied(subject)
        action = target.types[-1]
        if not action.lower().startswith(("list", "get", "query")):
            locks.check_write(self._cloud, found.id)
            activity.note(self._cloud, action, found.id, found.type, caller=call.caller)
        kind = self._cloud.kind(found.type)
        if document := kind.document(self._cloud, found, action):
            return Answer(200, document)
        return Answer(200, kind.action(self._cloud, found, action, call.body or {}))

    def _check_around(self, target: Target) -> None:
        group = ids.group_of(target.scope)
        if group:
            found = self._cloud.find(group)
            if found is None:
                raise no_group(group)
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
            self.reading.existing(target.scope)
