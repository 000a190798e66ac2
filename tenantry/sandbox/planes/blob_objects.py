"""Blobs: read, written, deleted and brought back, with what the account keeps of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tenantry.sandbox.planes.blob_index import BASE, SNAPSHOT, VERSION, Kept
from tenantry.sandbox.planes.blob_passing import Passing
from tenantry.sandbox.planes.blob_store import HIDDEN, blob_path, stamp_of
from tenantry.sandbox.planes.blob_wire import Answer, blob_error

__all__ = ["answer_blob"]

_GONE = "The specified blob does not exist."


def answer_blob(request: Passing) -> Answer:
    """Answer a request for a blob."""
    match request.target.method:
        case "GET" | "HEAD":
            return _read(request)
        case "PUT":
            return _put(request)
        case "DELETE":
            return _delete(request)
    return request.on()


def _read(request: Passing) -> Answer:
    target, index = request.target, request.store.index
    version, snapshot = target.query.get("versionid", ""), target.query.get("snapshot", "")
    if version or snapshot:
        kept = request.kept(version or snapshot, VERSION if version else SNAPSHOT)
        if kept is not None and not kept.deleted:
            request.prove(instead=request.probe)
            answer = request.elsewhere(
                blob_path(HIDDEN, kept.place), target.without("versionid", "snapshot", *_SIGNED)
            )
            if version:
                answer.put("x-ms-version-id", version)
            return _tidied(answer)
        if version and version != index.version(target.container, target.blob):
            raise blob_error(404, "BlobNotFound", _GONE)
    answer = _tidied(request.on())
    if request.policy.versions and answer.good and not snapshot:
        present = index.version(target.container, target.blob)
        if present:
            answer.put("x-ms-version-id", present)
            answer.put("x-ms-is-current-version", "true")
    return answer


# What a shared access signature consists of; the front's own takes its place.
_SIGNED = (
    *("sv", "ss", "srt", "sp", "st", "se", "sip", "spr", "sig", "sr", "si", "ses"),
    *("rscc", "rscd", "rsce", "rscl", "rsct"),
)


def _put(request: Passing) -> Answer:
    comp = request.target.comp
    if comp == "undelete":
        request.prove(instead=request.probe)
        return _undelete(request)
    if comp in {"", "blocklist"} or (comp == "metadata" and request.policy.versions):
        return _overwrite(request)
    answer = request.on()
    if comp == "page" or (comp == "block" and not answer.good):
        request.store.soil()
    return answer


def _overwrite(request: Passing) -> Answer:
    target, store, policy = request.target, request.store, request.policy
    container, name = target.container, target.blob
    keeps = policy.versions or policy.days > 0
    with store.turn(container, name):
        draft = store.draft(container, name) if keeps else None
        lost = not keeps and store.exists(container, name) is not None
        drafts = [draft] if draft else []
        with _kept_if_done(request, drafts):
            answer = request.on(copies=True)
            if not answer.good:
                _forget(request, drafts)
                return answer
        if draft and policy.versions:
            store.commit(draft, what=VERSION)
        elif draft:
            store.commit(draft, what=SNAPSHOT, days=policy.days)
        else:
            store.index.demote(container, name)
        if lost or target.comp == "blocklist":
            store.soil()
        _give_version(request, answer)
    if {"x-ms-copy-source", "x-ms-blob-type"} <= set(target.headers):
        answer.status = 201
    return answer


def _give_version(request: Passing, answer: Answer) -> None:
    version = stamp_of(request.cloud.now()) if request.policy.versions else ""
    request.store.index.set_version(request.target.container, request.target.blob, version)
    if version:
        answer.put("x-ms-version-id", version)


def _delete(request: Passing) -> Answer:
    target, store, policy = request.target, request.store, request.policy
    version, snapshot = target.query.get("versionid", ""), target.query.get("snapshot", "")
    if version or (snapshot and request.kept(snapshot, SNAPSHOT)):
        request.prove(instead=request.probe)
        return _delete_kept(request, version or snapshot, VERSION if version else SNAPSHOT)
    with store.turn(target.container, target.blob):
        drafts = _drafts(request, snapshot)
        with _kept_if_done(request, [one for one, _ in drafts]):
            answer = request.on()
            if not answer.good:
                _forget(request, [one for one, _ in drafts])
                return answer
        for one, what in drafts:
            if policy.versions and what == BASE:
                store.commit(one, what=VERSION)
            else:
                store.commit(one, what=what, days=policy.days)
        if not snapshot:
            store.index.set_version(target.container, target.blob, "")
        if not drafts:
            store.soil()
    return answer


def _drafts(request: Passing, snapshot: str) -> list[tuple[Kept, str]]:
    """Copy what a delete would take away and the account wants kept."""
    target, store, policy = request.target, request.store, request.policy
    scope = target.headers.get("x-ms-delete-snapshots", "").lower()
    wanted = []
    if (policy.days or policy.versions) and not snapshot and scope != "only":
        wanted.append("")
    if policy.days and snapshot:
        wanted.append(snapshot)
    elif policy.days and scope:
        listed = store.names(target.container, target.blob)
        wanted += [time for name, time in listed if time and name == target.blob]
    made = [(one, store.draft(target.container, target.blob, one)) for one in wanted]
    return [(draft, SNAPSHOT if one else BASE) for one, draft in made if draft is not None]


def _delete_kept(request: Passing, stamp: str, what: str) -> Answer:
    """Delete a version, or a snapshot that the front keeps."""
    target, store, policy = request.target, request.store, request.policy
    if what == VERSION and stamp == store.index.version(target.container, target.blob):
        raise blob_error(
            403, "OperationNotAllowedOnRootBlob", "The operation is not allowed on the present version."
        )
    kept = request.kept(stamp, what)
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


def _undelete(request: Passing) -> Answer:
    target, store = request.target, request.store
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


@contextmanager
def _kept_if_done(request: Passing, drafts: list[Kept]) -> Iterator[None]:
    """Forget copies when a request ends in the middle."""
    try:
        yield
    except BaseException:
        _forget(request, drafts)
        raise


def _forget(request: Passing, drafts: list[Kept]) -> None:
    for one in drafts:
        request.store.discard(one)
    request.store.soil()


def _tidied(answer: Answer) -> Answer:
    """Take away what would tell of the front's own copies."""
    source = answer.get("x-ms-copy-source")
    if f"/{HIDDEN}/" in source or blob_path(HIDDEN, "") in source:
        answer.headers = [one for one in answer.headers if not one[0].lower().startswith("x-ms-copy-")]
    return answer
