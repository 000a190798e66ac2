"""The data plane of vaults: secrets and keys over HTTPS, as the azure-keyvault clients speak."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource
from tenantry.sandbox.planes.vault_access import check_enabled, check_network, check_rights, check_use
from tenantry.sandbox.planes.vault_objects import Objects, VaultFault, new_key, vault_error
from tenantry.sandbox.watch.counting import Seen, vault_call

__all__ = ["VaultPlane"]

_PATH = re.compile(
    r"^/(?P<deleted>deleted)?(?P<kind>secrets|keys)(?:/(?P<name>[0-9A-Za-z-]{1,127}))?"
    r"(?:/(?P<rest>[0-9A-Za-z]+))?(?:/(?P<verb>[a-z]+))?/?$",
    re.IGNORECASE,
)
_USES = frozenset({"wrapkey", "unwrapkey", "encrypt", "decrypt"})


class VaultPlane:
    """Answers for ``*.vault.<suffix>``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        raw = await request.body()
        return await run_in_threadpool(self._observed, request, raw)

    def _observed(self, request: Request, raw: bytes) -> Response:
        """Answer, and count it."""
        began, message = time.monotonic(), ""
        try:
            vault = self._vault((request.url.hostname or "").split(".")[0])
        except ArmFault as fault:
            return _refusal(fault)
        try:
            response = self._answer(vault, request, raw)
        except ArmFault as fault:
            response, message = _refusal(fault), fault.message
        seen = Seen(
            method=request.method,
            path=request.url.path,
            query="",
            host=request.url.hostname or "",
            client=request.client.host if request.client else "",
            agent=request.headers.get("user-agent", ""),
            status=response.status_code,
            received=len(raw),
            sent=len(response.body),
            seconds=time.monotonic() - began,
        )
        vault_call(self._cloud, vault, seen, message=message)
        return response

    def _answer(self, vault: Resource, request: Request, raw: bytes) -> Response:
        authorization = request.headers.get("authorization", "")
        if not authorization:
            return self._challenge()
        principal = self._cloud.principal(authorization, audience="vault")
        check_network(vault, request.client.host if request.client else "", principal=principal)
        found = _PATH.match(request.url.path)
        if found is None:
            raise vault_error(400, "BadParameter", f"The path {request.url.path} is not of a vault.")
        call = _Call(self._cloud, vault, principal, request.method, _json(raw))
        return call.deleted(found) if found["deleted"] else call.living(found)

    def _vault(self, name: str) -> Resource:
        for one in self._cloud.children("", "Microsoft.KeyVault/vaults"):
            if one.name.lower() == name.lower():
                return one
        raise vault_error(404, "VaultNotFound", f"There is no vault {name}.")

    def _challenge(self) -> Response:
        end = self._cloud.suffix
        port = self._cloud.listener().rpartition(":")[2]
        tail = "" if port == "443" else f":{port}"
        tenant = next(
            (one.properties["tenantId"] for one in self._cloud.children("", "Microsoft.KeyVault/vaults")), ""
        )
        header = f'Bearer authorization="https://login.{end}{tail}/{tenant}", resource="https://vault.{end}"'
        body = {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer token."}}
        return JSONResponse(body, 401, {"WWW-Authenticate": header})


class _Call:
    """One request of a principal that may reach the vault."""

    def __init__(
        self, cloud: Cloud, vault: Resource, principal: str, method: str, body: Mapping[str, Any]
    ) -> None:
        self._cloud, self._vault, self._principal = cloud, vault, principal
        self._method, self._body = method, body

    def living(self, found: re.Match[str]) -> Response:  # noqa: PLR0911 - a table of answers
        """Answer for objects that are there."""
        kind, name, rest, verb = (found["kind"].lower(), found["name"] or "", found["rest"] or "",
                                  (found["verb"] or "").lower())  # fmt: skip
        objects = self._objects(kind)
        if verb in _USES or rest.lower() in _USES:
            return self._use(objects, name, "" if rest.lower() in _USES else rest, verb or rest.lower())
        match self._method, bool(name), rest.lower():
            case "GET", False, _:
                self._may(kind, "list")
                return _list([self._item(objects, kind, one, record) for one, record, _ in objects.names()])
            case "GET", True, "versions":
                self._may(kind, "list", name)
                return _list(
                    [self._item(objects, kind, name, one, versions=True) for one in objects.versions(name)]
                )
            case "GET", True, _:
                self._may(kind, "get", name)
                record = objects.find(name, rest)
                if kind == "secrets":
                    check_enabled(record, "get")
                return JSONResponse(self._bundle(objects, kind, name, record))
            case "PUT", True, "" if kind == "secrets":
                self._may(kind, "set", name)
                return JSONResponse(self._bundle(objects, kind, name, self._set(objects, name)))
            case "POST", True, "create" if kind == "keys":
                self._may(kind, "create", name)
                return JSONResponse(self._bundle(objects, kind, name, self._create(objects, name)))
            case "PATCH", True, _:
                self._may(kind, "update", name)
                return JSONResponse(self._bundle(objects, kind, name, objects.change(name, rest, self._body)))
            case "DELETE", True, "":
                self._may(kind, "delete", name)
                note = objects.delete(name, shown=self._hide(kind, name))
                return JSONResponse(self._deleted_bundle(objects, kind, name, note))
        raise vault_error(400, "BadParameter", f"Method {self._method} does not allow operation.")

    def deleted(self, found: re.Match[str]) -> Response:
        """Answer for objects that were deleted and are kept."""
        kind, name, rest = found["kind"].lower(), found["name"] or "", (found["rest"] or "").lower()
        objects = self._objects(kind)
        match self._method, bool(name), rest:
            case "GET", False, _:
                self._may(kind, "list")
                return _list(
                    [
                        {**self._item(objects, kind, one, record), **self._marks(one, kind, note)}
                        for one, record, note in objects.names(deleted=True)
                    ]
                )
            case "GET", True, "":
                self._may(kind, "get", name)
                return JSONResponse(self._deleted_bundle(objects, kind, name, objects.deleted(name)))
            case "DELETE", True, "":
                self._may(kind, "purge", name)
                objects.purge(name)
                return Response(status_code=204)
            case "POST", True, "recover":
                self._may(kind, "recover", name)
                self._show(kind, name, objects.deleted(name)["deleted"].get("shown"))
                return JSONResponse(self._bundle(objects, kind, name, objects.recover(name)))
        raise vault_error(400, "BadParameter", f"Method {self._method} does not allow operation.")

    def _objects(self, kind: str) -> Objects:
        properties = self._vault.properties
        return Objects(
            self._cloud,
            self._vault.name,
            kind,
            kept_days=int(properties.get("softDeleteRetentionInDays", 90)),
            protected=bool(properties.get("enablePurgeProtection")),
        )

    def _may(self, kind: str, operation: str, name: str = "") -> None:
        check_rights(self._cloud, self._vault, self._principal, kind, operation, name=name)

    def _hide(self, kind: str, name: str) -> dict[str, Any] | None:
        """Take an object out of Resource Manager; return what it showed there."""
        shown = self._cloud.find(f"{self._vault.id}/{kind}/{name}")
        if shown is not None:
            self._cloud.drop(shown)
        return shown.body if shown is not None else None

    def _show(self, kind: str, name: str, body: dict[str, Any] | None) -> None:
        """Show an object in Resource Manager again, if it was there."""
        if body is not None:
            id_, type_ = f"{self._vault.id}/{kind}/{name}", f"{self._vault.type}/{kind}"
            self._cloud.save(Resource(id=id_, type=type_, name=name, location="", body=body))

    def _set(self, objects: Objects, name: str) -> dict[str, Any]:
        if not isinstance(self._body.get("value"), str):
            raise vault_error(400, "BadParameter", "Property value is missing.")
        content = {
            "value": self._body["value"],
            "contentType": self._body.get("contentType"),
            "tags": self._body.get("tags") or {},
        }
        return objects.add(name, content, self._body.get("attributes") or {})

    def _create(self, objects: Objects, name: str) -> dict[str, Any]:
        body = self._body
        made = new_key(
            str(body.get("kty") or "RSA"), int(body.get("key_size") or 2048), str(body.get("crv") or "P-256")
        )
        operations = body.get("key_ops") or ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
        content = {**made, "key_ops": operations, "tags": body.get("tags") or {}}
        return objects.add(name, content, body.get("attributes") or {})

    def _use(self, objects: Objects, name: str, version: str, verb: str) -> Response:
        """Wrap or unwrap with the key."""
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding

        self._may("keys", verb, name)
        record = objects.find(name, version)
        check_use(record, verb, self._cloud.now())
        key: Any = serialization.load_pem_private_key(str(record["private"]).encode(), password=None)
        algorithm = str(self._body.get("alg"))
        if algorithm not in {"RSA-OAEP", "RSA-OAEP-256"} or not record["kty"].upper().startswith("RSA"):
            raise vault_error(
                400, "BadParameter", f"The algorithm {algorithm!r} is not supported for the key."
            )
        digest = hashes.SHA256() if algorithm.endswith("256") else hashes.SHA1()  # noqa: S303 - OAEP's own
        scheme = padding.OAEP(mgf=padding.MGF1(algorithm=digest), algorithm=digest, label=None)
        value = _decoded(str(self._body.get("value") or ""))
        try:
            made = (
                key.public_key().encrypt(value, scheme)
                if verb in {"wrapkey", "encrypt"}
                else key.decrypt(value, scheme)
            )
        except ValueError:
            raise vault_error(400, "BadParameter", "The value cannot be used with the key.") from None
        return JSONResponse({"kid": objects.uri(name, record["version"]), "value": _encoded(made)})

    def _bundle(self, objects: Objects, kind: str, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
        uri = objects.uri(name, record["version"])
        found: dict[str, Any] = {"attributes": self._attributes(record), "tags": record.get("tags") or {}}
        if kind == "secrets":
            found |= {"id": uri, "value": record["value"]}
            if record.get("contentType"):
                found["contentType"] = record["contentType"]
        else:
            found["key"] = {
                "kid": uri,
                "kty": record["kty"],
                "key_ops": record["key_ops"],
                **record["public"],
            }
        return found

    def _item(
        self, objects: Objects, kind: str, name: str, record: Mapping[str, Any], *, versions: bool = False
    ) -> dict[str, Any]:
        """Return an entry of a list: no value in it."""
        uri = objects.uri(name, record["version"] if versions else "")
        found = {"attributes": self._attributes(record), "tags": record.get("tags") or {}}
        return {("id" if kind == "secrets" else "kid"): uri, **found}

    def _deleted_bundle(
        self, objects: Objects, kind: str, name: str, note: Mapping[str, Any]
    ) -> dict[str, Any]:
        found = self._bundle(objects, kind, name, note["versions"][-1])
        found.pop("value", None)
        return {**found, **self._marks(name, kind, note)}

    def _marks(self, name: str, kind: str, note: Mapping[str, Any]) -> dict[str, Any]:
        from tenantry.sandbox.parts.notes import moment

        base = f"https://{self._vault.name}.vault.{self._cloud.suffix}"
        return {
            "recoveryId": f"{base}/deleted{kind}/{name}",
            "deletedDate": int(moment(note["deleted"]["at"]).timestamp()),
            "scheduledPurgeDate": int(moment(note["deleted"]["until"]).timestamp()),
        }

    def _attributes(self, record: Mapping[str, Any]) -> dict[str, Any]:
        properties = self._vault.properties
        level = "Recoverable" if properties.get("enablePurgeProtection") else "Recoverable+Purgeable"
        days = int(properties.get("softDeleteRetentionInDays", 90))
        return {
            **record["attributes"],
            "recoveryLevel": ("Customized" if days < 90 else "") + level,  # noqa: PLR2004 - the default
            "recoverableDays": days,
        }


def _refusal(fault: ArmFault) -> Response:
    error: dict[str, Any] = {"code": fault.code, "message": fault.message}
    if isinstance(fault, VaultFault) and fault.inner:
        error["innererror"] = {"code": fault.inner}
    return JSONResponse({"error": error}, fault.status)


def _list(items: list[dict[str, Any]]) -> Response:
    return JSONResponse({"value": items, "nextLink": None})


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw or b"{}")
    except ValueError:
        raise vault_error(400, "BadParameter", "The body is no JSON.") from None
    return found if isinstance(found, dict) else {}


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
