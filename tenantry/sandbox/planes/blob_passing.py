"""One request to an account's blobs that was let in, and how it is passed on to Azurite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tenantry.sandbox.kinds import Cloud, Resource
from tenantry.sandbox.planes.blob_access import Proof, Target, check_rights, check_shared_key, source_in
from tenantry.sandbox.planes.blob_index import SNAPSHOT, VERSION, Kept
from tenantry.sandbox.planes.blob_store import HIDDEN, Policy, Store, blob_path
from tenantry.sandbox.planes.blob_wire import Answer, Wire, blob_error

__all__ = ["Passing"]

_ANSWERED = 400  # from here on Azurite refused
_BROKEN = 500  # with no code: Azurite does not know the operation
_NOT_AUTHENTICATED = b"Server failed to authenticate the request"
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_OLDEST = "2021-12-02"  # version of the service that is asked for where a request names none


@dataclass(frozen=True, kw_only=True)
class Passing:
    """A request with all that is needed to answer it."""

    cloud: Cloud
    account: Resource
    policy: Policy
    store: Store
    wire: Wire
    target: Target
    proof: Proof
    body: Iterator[bytes]
    keys: Sequence[str]

    def on(self, *, query: str | None = None, copies: bool = False) -> Answer:
        """Send the request on as it came; who proved itself by a token goes with the front's signature.

        ``copies`` lets a copy begin at a version that the front keeps.
        """
        target = self.target
        query = target.raw_query if query is None else query
        headers = dict(target.headers)
        self._check_source()
        if copies:
            self._mend_source(headers)
        if self.proof.kind == "bearer" or headers != dict(target.headers):
            headers.pop("authorization", None)
            path = self.store.signed(target.path, query)
        else:
            path = f"{target.path}?{query}" if query else target.path
        answer = self.wire.send(target.method, path, headers.items(), self._content())
        if answer.status == _BROKEN and not answer.get("x-ms-error-code"):
            raise blob_error(501, "NotImplemented", "The sandbox's Azurite does not do this.")
        if answer.status == _FORBIDDEN and _NOT_AUTHENTICATED in answer.whole():
            # Azurite's code would mean that a firewall refused.
            answer.put("x-ms-error-code", "AuthenticationFailed")
            answer.content = answer.content.replace(b"AuthorizationFailure", b"AuthenticationFailed")
        return answer

    def elsewhere(self, path: str, query: str) -> Answer:
        """Ask for something else in the place of what was asked for."""
        headers = {name: value for name, value in self.target.headers.items() if name != "authorization"}
        return self.wire.send(self.target.method, self.store.signed(path, query), headers.items())

    def kept(self, stamp: str, what: str) -> Kept | None:
        """Return a version or snapshot of the blob that the front keeps."""
        return self._kept_of(self.target, stamp, what)

    def prove(self, *, instead: Callable[[], Answer] | None = None) -> None:
        """See to it that a caller proved itself where Azurite does not get the request as it came.

        ``instead`` sends Azurite something that needs the same permission and changes nothing.
        """
        if self.proof.kind == "bearer":
            return
        if self.proof.kind == "key":
            check_shared_key(self.account.name, self.keys, self.target)
            return
        if instead is None:
            raise blob_error(501, "NotImplemented", "The sandbox does not do this with a signature for it.")
        answer = instead()
        anonymous = self.proof.kind == "none" and answer.status >= _ANSWERED
        if anonymous or answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            code = answer.get("x-ms-error-code") or "AuthenticationFailed"
            raise blob_error(answer.status, code, "The request is not authorized.")

    def probe(self) -> Answer:
        """Ask for what needs the same permission, under a condition that never holds."""
        target = self.target
        query = target.without("versionid", "snapshot", "deletetype", "comp")
        if target.method == "PUT":
            query = f"comp=metadata&{query}"
        headers = {"if-match": '"0x0"', "x-ms-version": target.headers.get("x-ms-version", _OLDEST)}
        return self.wire.send(target.method, f"{target.path}?{query}", headers)

    def _content(self) -> Iterator[bytes] | bytes:
        length = self.target.headers.get("content-length")
        if length is None and self.target.method in {"PUT", "POST"}:
            raise blob_error(411, "MissingContentLengthHeader", "Content-Length HTTP header is missing.")
        return self.body if length not in {None, "0"} else b""

    def _source(self) -> Target | None:
        """Return what is copied, when it lies in this account."""
        headers = self.target.headers
        return source_in(headers.get("host", ""), headers.get("x-ms-copy-source", ""))

    def _check_source(self) -> None:
        """Refuse to copy what the caller may not read."""
        source = self._source()
        if source is None:
            return
        if source.container == HIDDEN:
            raise blob_error(404, "CannotVerifyCopySource", "The specified resource does not exist.")
        if self.proof.kind == "bearer":
            check_rights(self.cloud, self.account, self.proof.principal, source)

    def _mend_source(self, headers: dict[str, str]) -> None:
        source = self._source()
        if source is None:
            return
        if "x-ms-blob-type" in headers:  # Put Blob From URL, which Azurite knows by another name
            self.prove()
            del headers["x-ms-blob-type"]
            headers["x-ms-requires-sync"] = "true"
        version, snapshot = source.query.get("versionid", ""), source.query.get("snapshot", "")
        if not version and not snapshot:
            return
        kept = self._kept_of(source, version or snapshot, VERSION if version else SNAPSHOT)
        if kept is not None and not kept.deleted:
            self.prove()
            headers["x-ms-copy-source"] = f"http://{headers['host']}{blob_path(HIDDEN, kept.place)}"

    def _kept_of(self, target: Target, stamp: str, what: str) -> Kept | None:
        rows = self.store.index.of_blob(target.container, target.blob)
        return next((one for one in rows if one.what == what and one.stamp == stamp), None)
