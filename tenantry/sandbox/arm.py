"""Resource Manager: which part of it answers a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tenantry.sandbox.answers import Answer, fault_answer
from tenantry.sandbox.arm_deleted import Deleted
from tenantry.sandbox.arm_groups import Groups
from tenantry.sandbox.arm_offers import Offers
from tenantry.sandbox.arm_policies import Policies
from tenantry.sandbox.arm_resources import Resources
from tenantry.sandbox.arm_stacks import Stacks
from tenantry.sandbox.arm_subscription import Subscription
from tenantry.sandbox.buckets import Buckets
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.metadata import metadata
from tenantry.sandbox.operations import Operations
from tenantry.sandbox.parts.notes import segment
from tenantry.sandbox.requests import Call, body_of
from tenantry.sandbox.watch.alert_list import AlertList
from tenantry.sandbox.watch.metrics import Metrics

__all__ = ["ResourceManager"]

_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(-[a-z]+(\.\d+)?)?$", re.IGNORECASE)
# Of a disabled subscription, what is there can be read and deleted.
_CHANGING = frozenset({"PUT", "PATCH", "POST"})
_OPERATIONS = re.compile(r"/operation(Statuses|Results)/([0-9a-f-]{36})$", re.IGNORECASE)


class ResourceManager:
    """Answers for ``management.<suffix>``."""

    def __init__(self, cloud: SandboxCloud, faults: Faults) -> None:
        self.operations = Operations(cloud)
        self._cloud = cloud
        self._faults = faults
        self._buckets = Buckets()
        self._resources = Resources(cloud, self.operations, faults)
        self._groups = Groups(cloud, self._resources)
        self._deleted = Deleted(cloud, self._resources)
        self._subscription = Subscription(cloud, faults)
        self._offers = Offers(cloud, faults)
        self._stacks = Stacks()
        self._policies = Policies(self._resources, faults)
        self._watched = (Metrics(cloud, cloud.samples), AlertList(cloud))

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        raw = await request.body()
        return await run_in_threadpool(self._limited, request, raw)

    def _limited(self, request: Request, raw: bytes) -> Response:
        """Answer, while the caller's bucket has a token for it."""
        # Some clients leave an empty part where a resource has no parent.
        path = "/" + "/".join(part for part in request.url.path.split("/") if part)
        if path.lower() == "/metadata/endpoints":
            version = request.query_params.get("api-version", "")
            return Answer(200, metadata(self._cloud.identity, version)).response()
        claims = self._cloud.tokens.read(request.headers.get("authorization", ""), audience="arm")
        taken = self._buckets.take(
            request.method,
            subscription=segment(path, "subscriptions"),
            principal=str(claims["oid"]),
            speed=self._faults.speed(),
        )
        try:
            answer = taken.refusal or self._answer(request, path, raw, claims)
        except ArmFault as fault:
            answer = fault_answer(fault)
        response = answer.response()
        response.headers.update(taken.headers)
        return response

    def _answer(self, request: Request, path: str, raw: bytes, claims: Mapping[str, Any]) -> Answer:
        version = request.query_params.get("api-version", "")
        if (found := _OPERATIONS.search(path)) is not None:
            return self._operation(found[1].lower(), found[2].lower(), path, request.url.query)
        if not version:
            raise ArmFault(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        if not _VERSION.match(version):
            raise ArmFault(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")
        call = Call(
            method=request.method,
            path=path,
            version=version,
            body=body_of(raw),
            query=dict(request.query_params),
            headers={name.lower(): value for name, value in request.headers.items()},
            caller=str(claims["oid"]),
            client=str(claims["appid"]),
        )
        self._check_subscription(call)
        for watched in self._watched:
            if (answer := watched.answer(call.method, call.path, call.query)) is not None:
                return answer
        for part in (
            *(self._subscription, self._offers, self._stacks, self._policies),
            *(self._deleted, self._groups),
        ):
            if (answer := part.answer(call)) is not None:
                return answer
        return self._resources.answer(call)

    def _check_subscription(self, call: Call) -> None:
        wanted = segment(call.path, "subscriptions")
        if not wanted:
            return
        if wanted.lower() not in self._cloud.identity.subscriptions:
            raise ArmFault(404, "SubscriptionNotFound", f"The subscription '{wanted}' could not be found.")
        disabled = self._faults.holds("disabled", value=wanted.lower()) is not None
        if disabled and call.method in _CHANGING:
            raise ArmFault(
                409,
                "ReadOnlyDisabledSubscription",
                f"The subscription '{wanted}' is disabled and therefore marked as read only. You cannot "
                "perform any write actions on this subscription until it is re-enabled.",
            )

    def _operation(self, kind: str, identity: str, path: str, query: str) -> Answer:
        operation = self.operations.find(identity)
        if operation is None:
            raise ArmFault(404, "OperationNotFound", f"The operation {identity} was not found.")
        ended = operation.over.is_set()
        wait = {} if ended else {"Retry-After": "0"}
        if kind == "statuses":
            return Answer(200, operation.body(path), wait)
        if not ended:
            where = f"{self._cloud.identity.arm}{path}?{query}"
            return Answer(202, None, {**wait, "Location": where})
        if operation.error is not None:
            return Answer(operation.http, {"error": operation.error})
        if operation.method in {"PUT", "PATCH"}:
            return self._resources.reading.outcome(operation.resource_id)
        if operation.answer is not None:
            return Answer(200, operation.answer)
        return Answer(204 if operation.method == "DELETE" else 200, None)
