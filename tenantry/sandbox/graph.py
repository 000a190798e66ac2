"""The few reads of Microsoft Graph that clients of Resource Manager make: who a principal is.

There are service principals alone: the operator's own, this machine's, and one per managed
identity. Not here: people, groups, applications, and anything that is written.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tenantry.sandbox.answers import Answer
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.requests import body_of

__all__ = ["Graph"]

_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
_MOST_IDS = 1000  # that one question may have, as there
_ONE = re.compile(r"/(?:v1\.0|beta)/servicePrincipals(?:\(appId='([^']*)'\)|/([^/]+))", re.IGNORECASE)
_ALL = re.compile(r"/(?:v1\.0|beta)/servicePrincipals/?", re.IGNORECASE)
_BY_IDS = re.compile(r"/(?:v1\.0|beta)/directoryObjects/(?:microsoft\.graph\.)?getByIds", re.IGNORECASE)
# Which members of a service principal a filter may compare.
_FILTERS = (
    ("appId", re.compile(r"appId eq '([^']*)'", re.IGNORECASE)),
    ("id", re.compile(r"id eq '([^']*)'", re.IGNORECASE)),
    ("displayName", re.compile(r"displayName eq '([^']*)'", re.IGNORECASE)),
    (
        "servicePrincipalNames",
        re.compile(r"servicePrincipalNames/any\((\w+):\1 eq '([^']*)'\)", re.IGNORECASE),
    ),
)


class Graph:
    """Answers for ``graph.<suffix>``."""

    def __init__(self, cloud: SandboxCloud) -> None:
        self._cloud = cloud

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        raw = await request.body()
        return (await run_in_threadpool(self._answer, request, raw)).response()

    def _answer(self, request: Request, raw: bytes) -> Answer:
        self._cloud.tokens.read(request.headers.get("authorization", ""), audience="graph")
        path = str(request.scope["path"])
        if request.method == "GET" and (one := _ONE.fullmatch(path)) is not None:
            wanted = one[1] or one[2]
            found = self._found("appId" if one[1] is not None else "id", wanted)
            if not found:
                raise _missing(wanted)
            return Answer(200, {"@odata.context": self._context("servicePrincipals/$entity"), **found[0]})
        if request.method == "GET" and _ALL.fullmatch(path):
            listed = self._filtered(request.query_params.get("$filter", "").strip())
            return Answer(200, {"@odata.context": self._context("servicePrincipals"), "value": listed})
        if request.method == "POST" and _BY_IDS.fullmatch(path):
            listed = self._by_ids(body_of(raw))
            return Answer(200, {"@odata.context": self._context("directoryObjects"), "value": listed})
        raise ArmFault(
            400, "Request_BadRequest", f"The sandbox's directory does not have {request.method} {path}."
        )

    def _context(self, what: str) -> str:
        return f"{self._cloud.identity.graph}/v1.0/$metadata#{what}"

    def _filtered(self, text: str) -> list[dict[str, Any]]:
        if not text:
            return self._principals()
        for member, pattern in _FILTERS:
            if (asked := pattern.fullmatch(text)) is not None:
                return self._found(member, asked[asked.re.groups])
        raise ArmFault(400, "Request_UnsupportedQuery", f"Unsupported or invalid query filter: {text}")

    def _found(self, member: str, wanted: str) -> list[dict[str, Any]]:
        every = self._principals()
        if member == "servicePrincipalNames":
            return [one for one in every if wanted.lower() in one[member]]
        return [one for one in every if str(one[member]).lower() == wanted.lower()]

    def _by_ids(self, body: Any) -> list[dict[str, Any]]:
        ids = body.get("ids") if isinstance(body, dict) else None
        if not isinstance(ids, list) or len(ids) > _MOST_IDS:
            raise ArmFault(400, "Request_BadRequest", f"ids must be a list of at most {_MOST_IDS}.")
        kinds = [str(one).lower() for one in body.get("types") or ["servicePrincipal"]]
        if not {"serviceprincipal", "directoryobject"} & set(kinds):
            return []
        wanted = {str(one).lower() for one in ids}
        kind = "#microsoft.graph.servicePrincipal"
        return [{"@odata.type": kind, **one} for one in self._principals() if one["id"] in wanted]

    def _principals(self) -> list[dict[str, Any]]:
        """Return every service principal, as a reader sees it who may be behind."""
        me = self._cloud.identity
        found = [
            _told(me.object_id, me.client_id, "tenantry-rehearsal", "Application", []),
            _told(me.machine_object_id, me.machine_client_id, "tenantry-machine", "ManagedIdentity", []),
        ]
        for one in self._cloud.seen(""):
            if one.type.lower() == _IDENTITIES.lower():
                who, app = one.properties.get("principalId"), one.properties.get("clientId")
                explicit = "True"
            else:
                who = (one.body.get("identity") or {}).get("principalId")
                app, explicit = uuid.uuid5(uuid.NAMESPACE_OID, str(who)), "False"
            if who:
                names = [f"isExplicit={explicit}", one.id]
                found.append(_told(str(who), str(app), one.name, "ManagedIdentity", names))
        return found


def _told(object_id: str, app_id: str, name: str, kind: str, others: list[str]) -> dict[str, Any]:
    return {
        "id": object_id.lower(),
        "appId": app_id.lower(),
        "displayName": name,
        "appDisplayName": name if kind == "Application" else None,
        "servicePrincipalType": kind,
        "servicePrincipalNames": [app_id.lower()],
        "alternativeNames": others,
        "accountEnabled": True,
    }


def _missing(wanted: str) -> ArmFault:
    return ArmFault(
        404,
        "Request_ResourceNotFound",
        f"Resource '{wanted}' does not exist or one of its queried reference-property objects are not "
        "present.",
    )
