"""The front of storage accounts: ``<account>.blob.core.<suffix>``, as the azure-storage-blob clients speak.

It checks where a request comes from and what its caller may do, keeps what the
account wants kept of what is deleted or overwritten, and passes the rest on to
the account's Azurite, piece by piece.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import anyio.from_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts.notes import iso
from tenantry.sandbox.planes import blob_calls as calls
from tenantry.sandbox.planes.blob_access import (
    check_key,
    check_network,
    check_rights,
    proof_of,
    target_of,
)
from tenantry.sandbox.planes.blob_passing import Passing
from tenantry.sandbox.planes.blob_store import HIDDEN
from tenantry.sandbox.planes.blob_wire import Answer, blob_error, refusal
from tenantry.sandbox.planes.storage import StorageAccounts
from tenantry.sandbox.planes.storage_containers import container_access, policy_of
from tenantry.sandbox.planes.storage_keys import access_keys

__all__ = ["BlobPlane"]

_ACCOUNT = "Microsoft.Storage/storageAccounts"


class BlobPlane:
    """Answers for ``*.blob.core.<suffix>``."""

    def __init__(self, cloud: Cloud, accounts: StorageAccounts) -> None:
        self._cloud, self._accounts = cloud, accounts

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        pieces = request.stream()
        try:
            answer = await run_in_threadpool(self._answer, request, _pulled(pieces))
        except ArmFault as fault:
            answer = self._refusal(fault, head=request.method == "HEAD")
        async for _ in pieces:  # a client that is still sending would not see the answer
            pass
        return _response(answer)

    def _answer(self, request: Request, body: Iterator[bytes]) -> Answer:
        raw = request.scope.get("raw_path") or request.url.path.encode()
        target = target_of(
            request.method,
            raw.decode("latin-1").partition("?")[0],
            request.scope.get("query_string", b"").decode("latin-1"),
            {name.lower(): value for name, value in request.headers.items()},
        )
        account = self._account((request.url.hostname or "").partition(".")[0])
        client = request.client
        peer = (client.host, client.port) if client else ("", 0)
        proof = proof_of(self._cloud, account, target)
        check_network(self._cloud, account, peer, request.scope.get("server") or ("", 0))
        if proof.kind == "bearer":
            check_rights(self._cloud, account, proof.principal, target)
        check_key(self._cloud, account)
        if target.container == HIDDEN:
            raise blob_error(400, "InvalidResourceName", "The specified resource name is not valid.")
        store = self._accounts.store(self._cloud, account)
        store.gate.enter()
        answer: Answer | None = None
        try:
            keys = access_keys(self._cloud, account.id)
            wire = store.wire(keys, lambda: container_access(self._cloud, account))
            answer = calls.answer(
                Passing(
                    cloud=self._cloud,
                    account=account,
                    policy=policy_of(self._cloud, account),
                    store=store,
                    wire=wire,
                    target=target,
                    proof=proof,
                    body=body,
                    keys=keys,
                )
            )
        finally:
            if answer is not None and answer.body is not None:
                answer.body.at_end(store.gate.leave)
            else:
                store.gate.leave()
            store.touch()
        return answer

    def _account(self, name: str) -> Resource:
        for one in self._cloud.children("", _ACCOUNT):
            if one.name.lower() == name.lower():
                return one
        raise blob_error(404, "ResourceNotFound", f"There is no account {name}.")

    def _refusal(self, fault: ArmFault, *, head: bool) -> Answer:
        answer = refusal(fault, iso(self._cloud.now()), head=head)
        if fault.status == 401:  # noqa: PLR2004 - Unauthorized
            end, port = self._cloud.suffix, self._cloud.listener().rpartition(":")[2]
            login = f"https://login.{end}" + ("" if port == "443" else f":{port}")
            told = f"authorization_uri={login}/common/oauth2/authorize resource_id=https://storage.azure.com"
            answer.put("WWW-Authenticate", f"Bearer {told}")
        return answer


def _pulled(pieces: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Yield a request's body in a worker's thread, as it comes."""

    async def following() -> bytes | None:
        return await anext(pieces, None)

    while (piece := anyio.from_thread.run(following)) is not None:
        yield piece


def _response(answer: Answer) -> Response:
    response: Response
    if answer.body is not None:
        response = StreamingResponse(iter(answer.body), answer.status)
    else:
        response = Response(answer.content, answer.status)
        if answer.content or not answer.get("content-length"):
            answer.put("content-length", str(len(answer.content)))
    response.raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers
    ]
    return response
