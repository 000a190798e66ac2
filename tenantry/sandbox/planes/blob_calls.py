"""Who answers what: the service itself, containers, blobs, several at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from urllib.parse import quote

from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts.notes import iso
from tenantry.sandbox.planes.blob_access import Target, check_rights, proof_of, public_access_refused
from tenantry.sandbox.planes.blob_batch import answer_batch
from tenantry.sandbox.planes.blob_lists import list_blobs, list_containers, wants_kept
from tenantry.sandbox.planes.blob_objects import answer_blob
from tenantry.sandbox.planes.blob_passing import Passing
from tenantry.sandbox.planes.blob_service import answer_properties
from tenantry.sandbox.planes.blob_store import Policy, Store
from tenantry.sandbox.planes.blob_wire import Answer, blob_error, refusal
from tenantry.sandbox.planes.storage_containers import container_resource, fill_container

__all__ = ["answer", "delete_container"]


def answer(request: Passing) -> Answer:
    """Answer a request that was let in."""
    target = request.target
    if target.comp == "userdelegationkey":
        raise blob_error(501, "NotImplemented", "The sandbox has no user delegation keys.")
    if target.comp == "batch" and target.method == "POST":
        if request.proof.kind == "key":
            request.prove()
        return answer_batch(target, request.body, lambda inner: _inner(request, inner))
    if not target.container:
        return _service(request)
    if not target.blob or target.query.get("restype", "").lower() == "container":
        return _container(request)
    return answer_blob(request)


def _inner(request: Passing, target: Target) -> Answer:
    """Answer one request of a batch, which proves itself."""
    try:
        proof = proof_of(request.cloud, request.account, target)
        if proof.kind == "bearer":
            check_rights(request.cloud, request.account, proof.principal, target)
        return answer(dataclasses.replace(request, target=target, proof=proof, body=iter(())))
    except ArmFault as fault:
        return refusal(fault, iso(request.cloud.now()))


def _service(request: Passing) -> Answer:
    if request.target.comp == "properties":
        return answer_properties(request)
    told = request.on()
    if request.target.comp == "list" and told.good:
        return list_containers(request.store, request.target.query, request.cloud.now(), told)
    return told


def _container(request: Passing) -> Answer:
    target = request.target
    match target.method, target.comp:
        case "PUT", "" | "acl":
            return _open_or_make(request)
        case "PUT", "undelete":
            request.prove()
            return _restore(request)
        case "DELETE", "":
            told = delete_container(request.store, target.container, request.policy, request.on)
            found = request.cloud.find(container_resource(request.account, target.container).id)
            if told.good and found:
                request.cloud.drop(found)
            return told
        case "GET", "list" if wants_kept(target.query):
            request.prove(instead=lambda: request.on(query=target.without("include")))
            return list_blobs(request.store, target.container, target.query, request.cloud.now())
    return request.on()


def _open_or_make(request: Passing) -> Answer:
    """Make a container, or say who may read it without a name."""
    access = request.target.headers.get("x-ms-blob-public-access", "")
    if access and not request.account.properties.get("allowBlobPublicAccess"):
        raise public_access_refused()
    told = request.on()
    if told.good:
        _tell(request, access)
    return told


def _restore(request: Passing) -> Answer:
    headers = request.target.headers
    name = headers.get("x-ms-deleted-container-name", "")
    version = headers.get("x-ms-deleted-container-version", "")
    for kept in request.store.index.containers():
        if (kept.name, kept.version) == (name, version) and name == request.target.container:
            request.store.restore_container(kept)
            _tell(request, kept.access)
            return Answer(201)
    raise blob_error(404, "ContainerNotFound", "The specified container does not exist.")


def _tell(request: Passing, access: str) -> None:
    """Let Resource Manager know of a container."""
    made = container_resource(request.account, request.target.container)
    found = request.cloud.find(made.id) or made
    found.properties["publicAccess"] = access.capitalize() or "None"
    fill_container(request.cloud, found)
    request.cloud.save(found)


def delete_container(
    store: Store, name: str, policy: Policy, delete: Callable[[], Answer] | None = None
) -> Answer:
    """Delete a container; keep it with its blobs where the policy says so."""
    delete = delete or (lambda: store.ask("DELETE", f"/{quote(name)}", "restype=container"))
    there = store.ask("HEAD", f"/{quote(name)}", "restype=container").good
    kept = store.keep_container(name, days=policy.container_days) if policy.container_days and there else None
    told = delete()
    if not told.good:
        if kept:
            store.forget_container(name, kept.version)
        return told
    store.index.forget_versions(name)
    if kept:
        store.index.move(name, "", kept.version)
        store.index.add_container(kept)
    else:
        store.forget_container(name)
        store.soil()
    return told
