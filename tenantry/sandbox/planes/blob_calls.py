"""One request to an account's blobs that was let in: what is kept first, then Azurite, then what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.parts.notes import iso
from tenantry.sandbox.planes.blob_access import (
    Proof,
    Target,
    check_rights,
    check_shared_key,
    proof_of,
    public_access_refused,
    source_in,
)
from tenantry.sandbox.planes.blob_batch import answer_batch
from tenantry.sandbox.planes.blob_index import BASE, SNAPSHOT, VERSION, Kept
from tenantry.sandbox.planes.blob_lists import list_blobs, list_containers, wants_kept
from tenantry.sandbox.planes.blob_store import HIDDEN, Policy, Store, blob_path, stamp_of
from tenantry.sandbox.planes.blob_wire import Answer, Wire, blob_error, refusal
from tenantry.sandbox.planes.storage_containers import (
    container_resource,
    fill_container,
    policy_of,
)

__all__ = ["Call", "delete_container"]

_GONE = "The specified blob does not exist."
_ANSWERED = 400  # from here on Azurite refused
_BROKEN = 500  # with no code: Azurite does not know the operation


class Call:
    """One request."""

    def __init__(
        self,
        cloud: Cloud,
        account: Resource,
        *,
        store: Store,
        wire: Wire,
        target: Target,
        proof: Proof,
        body: Iterator[bytes],
        keys: Sequence[str],
    ) -> None:
        self._cloud, self._account, self._store, self._wire = cloud, account, store, wire
        self._target, self._proof, self._body, self._keys = target, proof, body, keys
        self._policy = policy_of(cloud, account)

    def answer(self) -> Answer:  # noqa: PLR0911 - a table of answers
        """Do it."""
        target = self._target
        if target.comp == "userdelegationkey":
            raise blob_error(501, "NotImplemented", "The sandbox has no user delegation keys.")
        if target.comp == "batch" and target.method == "POST":
            if self._proof.kind == "key":
                self._prove()
            return answer_batch(target, self._body, self._inner)
        if not target.container:
            return self._service()
        if not target.blob or target.query.get("restype", "").lower() == "container":
            return self._container()
        if target.method in {"GET", "HEAD"}:
            return self._read()
        if target.method == "DELETE":
            return self._delete()
        if target.method == "PUT":
            return self._put()
        return self._pass_on()

    def _inner(self, target: Target) -> Answer:
        """Answer one request of a batch, which proves itself."""
        try:
            proof = proof_of(self._cloud, self._account, target)
            if proof.kind == "bearer":
                check_rights(self._cloud, self._account, proof.principal, target)
            return Call(
                self._cloud,
                self._account,
                store=self._store,
                wire=self._wire,
                target=target,
                proof=proof,
                body=iter(()),
                keys=self._keys,
            ).answer()
        except ArmFault as fault:
            return refusal(fault, iso(self._cloud.now()))

    # --- the service and containers ---

    def _service(self) -> Answer:
        answer = self._pass_on()
        if self._target.comp == "list" and answer.good:
            return list_containers(self._store, self._target.query, self._cloud.now(), answer)
        return answer

    def _container(self) -> Answer:
        target = self._target
        name = target.container
        match target.method, target.comp:
            case "PUT", "":
                self._check_public()
                answer = self._pass_on()
                if answer.good:
                    self._tell_container(target.headers.get("x-ms-blob-public-access", ""))
                return answer
            case "PUT", "acl":
                self._check_public()
                return self._pass_on()
            case "PUT", "undelete":
                self._prove()
                return self._restore_container()
            case "DELETE", "":
                answer = delete_container(self._store, name, self._policy, self._pass_on)
                if answer.good and (found := self._cloud.find(container_resource(self._account, name).id)):
                    self._cloud.drop(found)
                return answer
            case "GET", "list" if wants_kept(target.query):
                self._prove(instead=lambda: self._pass_on(query=target.without("include")))
                return list_blobs(self._store, name, target.query, self._cloud.now())
        return self._pass_on()

    def _check_public(self) -> None:
        wanted = self._target.headers.get("x-ms-blob-public-access")
        if wanted and not self._account.properties.get("allowBlobPublicAccess"):
            raise public_access_refused()

    def _tell_container(self, access: str) -> None:
        """Let Resource Manager know of a container."""
        found = container_resource(self._account, self._target.container)
        if self._cloud.find(found.id) is None:
            found.properties["publicAccess"] = access.capitalize() or "None"
            fill_container(self._cloud, found)
            self._cloud.save(found)

    def _restore_container(self) -> Answer:
        headers = self._target.headers
        name = headers.get("x-ms-deleted-container-name", "")
        version = headers.get("x-ms-deleted-container-version", "")
        for kept in self._store.index.containers():
            if (kept.name, kept.version) == (name, version) and name == self._target.container:
                self._store.restore_container(kept)
                self._tell_container(kept.access)
                return Answer(201)
        raise blob_error(404, "ContainerNotFound", "The specified container does not exist.")

    # --- blobs ---

    def _read(self) -> Answer:
        target, index = self._target, self._store.index
        version, snapshot = target.query.get("versionid", ""), target.query.get("snapshot", "")
        if version or snapshot:
            kept = self._kept(version or snapshot, VERSION if version else SNAPSHOT)
            if kept is not None and not kept.deleted:
                self._prove(instead=self._probe)
                answer = self._own(blob_path(HIDDEN, kept.place), target.without("versionid", "snapshot"))
                if version:
                    answer.put("x-ms-version-id", version)
                return _tidied(answer)
            if version and version != index.version(target.container, target.blob):
                raise blob_error(404, "BlobNotFound", _GONE)
        answer = _tidied(self._pass_on())
        if self._policy.versions and answer.good and not snapshot:
            present = index.version(target.container, target.blob)
            if present:
                answer.put("x-ms-version-id", present)
                answer.put("x-ms-is-current-version", "true")
        return answer

    def _put(self) -> Answer:
        comp = self._target.comp
        if comp == "undelete":
            self._prove(instead=self._probe)
            return self._undelete()
        if comp in {"", "blocklist"} or (comp == "metadata" and self._policy.versions):
            return self._overwrite()
        answer = self._pass_on()
        if comp == "page" or (comp == "block" and not answer.good):
            self._store.soil()
        return answer

    def _overwrite(self) -> Answer:
        target, store = self._target, self._store
        container, name = target.container, target.blob
        with store.turn(container, name):
            keeps = self._policy.versions or self._policy.days
            draft = store.draft(container, name) if keeps else None
            existed = draft is not None or (not keeps and store.exists(container, name) is not None)
            answer = self._pass_on(source=True)
            if not answer.good:
                if draft:
                    store.discard(draft)
                store.soil()
                return answer
            if draft:
                what = VERSION if self._policy.versions else SNAPSHOT
                store.commit(draft, what=what, days=0 if self._policy.versions else self._policy.days)
            else:
                store.index.demote(container, name)
            if (existed and not keeps) or target.comp == "blocklist":
                store.soil()
            self._new_version(answer)
            if "x-ms-copy-source" in target.headers and "x-ms-blob-type" in target.headers:
                answer.status = 201
        return answer

    def _new_version(self, answer: Answer) -> None:
        target = self._target
        version = stamp_of(self._cloud.now()) if self._policy.versions else ""
        self._store.index.set_version(target.container, target.blob, version)
        if version:
            answer.put("x-ms-version-id", version)

    def _delete(self) -> Answer:
        target, store = self._target, self._store
        if version := target.query.get("versionid", ""):
            self._prove(instead=self._probe)
            return self._delete_kept(version, VERSION)
        snapshot = target.query.get("snapshot", "")
        if snapshot and self._kept(snapshot, SNAPSHOT):
            self._prove(instead=self._probe)
            return self._delete_kept(snapshot, SNAPSHOT)
        container, name = target.container, target.blob
        with store.turn(container, name):
            drafts = self._drafts(snapshot)
            answer = self._pass_on()
            if not answer.good:
                for one, _ in drafts:
                    store.discard(one)
                return answer
            for one, what in drafts:
                if self._policy.versions and what == BASE:
                    store.commit(one, what=VERSION)
                else:
                    store.commit(one, what=what, days=self._policy.days)
            if not snapshot:
                store.index.set_version(container, name, "")
            if not drafts:
                store.soil()
        return answer

    def _drafts(self, snapshot: str) -> list[tuple[Kept, str]]:
        """Copy what a delete would take away and the account wants kept."""
        target, policy = self._target, self._policy
        scope = target.headers.get("x-ms-delete-snapshots", "").lower()
        wanted = []
        if (policy.days or policy.versions) and not snapshot and scope != "only":
            wanted.append("")
        if policy.days and (snapshot or scope):
            wanted += [snapshot] if snapshot else self._snapshots()
        made = [(one, self._store.draft(target.container, target.blob, one)) for one in wanted]
        return [(draft, SNAPSHOT if one else BASE) for one, draft in made if draft is not None]

    def _snapshots(self) -> list[str]:
        """Return the times of the blob's snapshots."""
        return [
            time
            for name, time in self._store.names(self._target.container, self._target.blob)
            if time and name == self._target.blob
        ]

    def _delete_kept(self, stamp: str, what: str) -> Answer:
        """Delete a version, or a snapshot that the front keeps."""
        target, store, policy = self._target, self._store, self._policy
        if what == VERSION and stamp == store.index.version(target.container, target.blob):
            raise blob_error(
                403, "OperationNotAllowedOnRootBlob", "The operation is not allowed on the present version."
            )
        kept = self._kept(stamp, what)
        if kept is None:
            raise blob_error(404, "BlobNotFound", _GONE)
        if kept.deleted:
            if target.query.get("deletetype", "").lower() != "permanent" or not policy.permanent:
                raise blob_error(409, "FeatureNotEnabled", "Permanent delete is not enabled for the account.")
            store.discard(kept)
        elif policy.days:
            store.mark_deleted(kept, policy.days)
        else:
            store.discard(kept)
        return Answer(202)

    def _undelete(self) -> Answer:
        target, store = self._target, self._store
        with store.turn(target.container, target.blob):
            present = store.exists(target.container, target.blob) is not None
            rows = [one for one in store.index.of_blob(target.container, target.blob) if one.deleted]
            if not rows and not present:
                raise blob_error(404, "BlobNotFound", _GONE)
            for one in rows:
                if one.what == BASE:
                    store.bring_back(one)
                else:
                    store.index.change(one, deleted="", until="")
        return Answer(200)

    def _kept(self, stamp: str, what: str) -> Kept | None:
        rows = self._store.index.of_blob(self._target.container, self._target.blob)
        return next((one for one in rows if one.what == what and one.stamp == stamp), None)

    # --- Azurite ---

    def _pass_on(self, *, query: str | None = None, source: bool = False) -> Answer:
        """Send the request on as it came; who proved itself by a token goes with the front's signature."""
        target = self._target
        query = target.raw_query if query is None else query
        headers = dict(target.headers)
        if source:
            self._mend_source(headers)
        if self._proof.kind == "bearer" or headers != dict(target.headers):
            headers.pop("authorization", None)
            path = self._store.signed(target.path, query)
        else:
            path = f"{target.path}?{query}" if query else target.path
        answer = self._wire.send(target.method, path, headers.items(), self._content())
        if answer.status == _BROKEN and not answer.get("x-ms-error-code"):
            raise blob_error(501, "NotImplemented", "The sandbox's Azurite does not do this.")
        return answer

    def _content(self) -> Iterator[bytes] | bytes:
        length = self._target.headers.get("content-length")
        if length is None and self._target.method in {"PUT", "POST"}:
            raise blob_error(411, "MissingContentLengthHeader", "Content-Length HTTP header is missing.")
        return self._body if length not in {None, "0"} else b""

    def _own(self, path: str, query: str) -> Answer:
        """Ask for something else than what was asked for, in its place."""
        headers = {name: value for name, value in self._target.headers.items() if name != "authorization"}
        return self._wire.send(self._target.method, self._store.signed(path, query), headers.items())

    def _mend_source(self, headers: dict[str, str]) -> None:
        """Let a copy begin at the version that it names."""
        source = source_in(headers.get("host", ""), headers.get("x-ms-copy-source", ""))
        if source is not None and "x-ms-blob-type" in headers:  # Put Blob From URL, which Azurite has not
            self._prove()
            del headers["x-ms-blob-type"]
            headers["x-ms-requires-sync"] = "true"
        stamp = source.query.get("versionid") or source.query.get("snapshot") if source else ""
        if source is None or not stamp:
            return
        what = VERSION if source.query.get("versionid") else SNAPSHOT
        rows = self._store.index.of_blob(source.container, source.blob)
        kept = next((one for one in rows if (one.what, one.stamp) == (what, stamp) and not one.deleted), None)
        if kept is not None:
            self._prove()
            place = blob_path(HIDDEN, kept.place)
            headers["x-ms-copy-source"] = f"http://{headers['host']}{place}"

    def _prove(self, *, instead: Callable[[], Answer] | None = None) -> None:
        """See to it that a caller proved itself where Azurite does not get the request as it came."""
        if self._proof.kind == "bearer":
            return
        if self._proof.kind == "key":
            check_shared_key(self._account.name, self._keys, self._target)
            return
        if instead is None:
            raise blob_error(
                501, "NotImplemented", "The sandbox does not do this with a shared access signature."
            )
        answer = instead()
        if answer.status in {401, 403} or (self._proof.kind == "none" and answer.status >= _ANSWERED):
            answer.whole()
            raise blob_error(
                answer.status, answer.get("x-ms-error-code") or "AuthenticationFailed", "Refused."
            )

    def _probe(self) -> Answer:
        """Ask for what needs the same permission, under a condition that never holds."""
        target = self._target
        query = target.without("versionid", "snapshot", "deletetype", "comp")
        if target.method == "PUT":
            query = f"comp=metadata&{query}"
        headers = {"if-match": '"0x0"', "x-ms-version": target.headers.get("x-ms-version", "2021-12-02")}
        return self._wire.send(target.method, f"{target.path}?{query}", headers)


def delete_container(
    store: Store, name: str, policy: Policy, delete: Callable[[], Answer] | None = None
) -> Answer:
    """Delete a container; keep it with its blobs where the policy says so."""
    delete = delete or (lambda: store.ask("DELETE", f"/{quote(name)}", "restype=container"))
    there = store.ask("HEAD", f"/{quote(name)}", "restype=container").good
    kept = store.keep_container(name, days=policy.container_days) if policy.container_days and there else None
    answer = delete()
    if not answer.good:
        if kept:
            store.forget_container(name, kept.version)
        return answer
    store.index.forget_versions(name)
    if kept:
        store.index.move(name, "", kept.version)
        store.index.add_container(kept)
    else:
        store.forget_container(name)
        store.soil()
    return answer


def _tidied(answer: Answer) -> Answer:
    """Take away what would tell of the front's own copies."""
    if "/%24kept/" in answer.get("x-ms-copy-source") or "/$kept/" in answer.get("x-ms-copy-source"):
        answer.headers = [one for one in answer.headers if not one[0].lower().startswith("x-ms-copy-")]
    return answer
