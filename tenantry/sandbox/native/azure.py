"""What the stand-in does at Resource Manager for each call of the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tenantry.errors import SpecError, TenantryError
from tenantry.model.azure_types import TYPES, resource_id
from tenantry.providers.handler import PartialError
from tenantry.sandbox.native.bodies import from_body, to_body

__all__ = ["Azure", "Caller", "DataPlane"]

_KEYVAULT_VERSION = "7.4"
_BUSY = frozenset({"another-operation-in-progress"})
_GONE = frozenset({"resource-not-found", "parent-resource-not-found", "resource-group-not-found"})
_PATIENCE_SECONDS = 60.0
_SETTINGS = "azure-native:web:WebAppApplicationSettings"
_SITE, _VAULT = "azure-native:web:WebApp", "azure-native:keyvault:Vault"
_GROUP = "azure-native:resources:ResourceGroup"
_NETWORK = "azure-native:network:VirtualNetwork"
_CONFIGURATION = "azure-native:dbforpostgresql:Configuration"
_OBJECTS = {"azure-native:keyvault:Key": "keys", "azure-native:keyvault:Secret": "secrets"}
_NAMES = {"keys": "keyName", "secrets": "secretName"}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "azure-native:web:WebAppFtpAllowed": {"allow": True},
    "azure-native:web:WebAppScmAllowed": {"allow": True},
}


class Caller(Protocol):
    """A client of Resource Manager, or of a vault, that follows operations to their end."""

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        """Return a resource, or None."""

    def put(self, path: str, version: str, body: Any) -> dict[str, Any]:
        """Make or replace a resource."""

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Have a resource do something."""

    def delete(self, path: str, version: str, **query: str) -> bool:
        """Delete a resource."""


DataPlane = Callable[[str], Caller]  # a vault's name → a client of it


@dataclass(frozen=True, kw_only=True)
class Azure:
    """The calls, with a subscription."""

    caller: Caller
    vault: DataPlane
    subscription_id: str

    def create(self, token: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Make a resource that is not there yet; return its id and outputs."""
        kind = TYPES[token]
        identity = resource_id(token, inputs, self.subscription_id)
        if not kind.singleton and self.caller.get(identity, kind.version) is not None:
            raise SpecError(
                f"cannot create already existing resource '{identity}'",
                hint="it was made outside of this stack: see who made it",
                code="already-exists",
            )
        body = to_body(token, inputs)
        if token == _VAULT:
            body["properties"].setdefault("accessPolicies", [])
        try:
            made = self._put(identity, kind.version, body)
        except TenantryError as error:
            self._keep_what_was_made(token, identity, error)
            raise
        return made.get("id") or identity, self._outputs(token, identity, made)

    def read(self, token: str, identity: str) -> dict[str, Any] | None:
        """Return the outputs of a resource, None if there is none."""
        if token == _SETTINGS:
            return self._settings(identity)
        found = self.caller.get(identity, TYPES[token].version)
        return None if found is None else self._outputs(token, identity, found)

    def region_of(self, group: str) -> str:
        """Return the region of a resource group, "" when there is none."""
        identity = resource_id(_GROUP, {"resourceGroupName": group}, self.subscription_id)
        return str((self.caller.get(identity, TYPES[_GROUP].version) or {}).get("location", ""))

    def update(self, token: str, identity: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Change a resource in place; return its outputs."""
        body = to_body(token, inputs)
        version = TYPES[token].version
        # What others keep in lists of the same resource stays there.
        list_ = {_NETWORK: "subnets", _VAULT: "accessPolicies"}.get(token)
        if list_ and list_ not in body.get("properties", {}):
            there = self.caller.get(identity, version) or {}
            body.setdefault("properties", {})[list_] = there.get("properties", {}).get(list_, [])
        return self._outputs(token, identity, self._put(identity, version, body))

    def delete(self, token: str, identity: str, inputs: Mapping[str, Any]) -> None:
        """Delete a resource, or put it back to what it is without a program."""
        version = TYPES[token].version
        if kind := _OBJECTS.get(token):
            vault = str(inputs["vaultName"])
            self.vault(vault).delete(f"/{kind}/{inputs[_NAMES[kind]]}", _KEYVAULT_VERSION)
        elif token == _CONFIGURATION:
            there = self.caller.get(identity, version)
            if there is not None:
                value = there["properties"].get("defaultValue")
                self._put(identity, version, {"properties": {"value": value, "source": "system-default"}})
        elif TYPES[token].singleton:
            parent = identity.rsplit("/", 2)[0]
            if self.caller.get(parent, version) is not None:
                self._put(identity, version, {"properties": dict(_DEFAULTS.get(token, {}))})
        elif token == _SITE:
            self.caller.delete(identity, version, deleteEmptyServerFarm="false")
        else:
            self.caller.delete(identity, version)

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a function: the keys of an account, or of a cache's database."""
        owner, action = {
            "azure-native:storage:listStorageAccountKeys": ("storage:StorageAccount", "listKeys"),
            "azure-native:redisenterprise:listDatabaseKeys": ("redisenterprise:Database", "listKeys"),
        }[token]
        kind = TYPES[f"azure-native:{owner}"]
        identity = resource_id(kind.token, arguments, self.subscription_id)
        return self.caller.post(f"{identity}/{action}", kind.version)

    def _put(self, identity: str, version: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PUT, and once more while something else works on the same thing."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self.caller.put(identity, version, body)
            except TenantryError as error:
                if error.code not in _BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def _keep_what_was_made(self, token: str, identity: str, error: TenantryError) -> None:
        """Raise PartialError if the failed create left something."""
        try:
            found = self.caller.get(identity, TYPES[token].version)
        except TenantryError:
            return
        if found is not None and not TYPES[token].singleton:
            raise PartialError(
                error.message,
                hint=error.hint,
                code=error.code,
                resource_id=identity,
                outputs=from_body(token, found),
            ) from None

    def _settings(self, identity: str) -> dict[str, Any] | None:
        """Return what is read with a POST; one at a site that is gone is an error, and no answer."""
        try:
            found = self.caller.post(f"{identity}/list", TYPES[_SETTINGS].version)
        except TenantryError as error:
            if error.code in _GONE:
                return None
            raise
        return from_body(_SETTINGS, found)

    def _outputs(self, token: str, identity: str, body: Mapping[str, Any]) -> dict[str, Any]:
        found = from_body(token, body)
        if token == _SITE:
            web = self.caller.get(f"{identity}/config/web", TYPES[_SITE].version) or {}
            found["siteConfig"] = {**(found.get("siteConfig") or {}), **(web.get("properties") or {})}
        return found
