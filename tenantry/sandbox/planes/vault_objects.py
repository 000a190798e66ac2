"""What is in a vault: versions of secrets and keys, deleted ones for as long as the vault keeps them.

Values lie in the sandbox's database, whose free pages are overwritten: what is
purged is in no byte of it.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from tenantry.sandbox.kinds import ArmFault, Cloud
from tenantry.sandbox.parts.notes import iso, moment

__all__ = ["Objects", "VaultFault", "new_key", "vault_error"]

_PREFIX = "vault/object/"
_WORDS = {"secrets": "secret", "keys": "key"}
_CODES = {"secrets": "SecretNotFound", "keys": "KeyNotFound"}


class Objects:
    """The objects of one vault, of one kind: ``secrets`` or ``keys``."""

    def __init__(
        self, cloud: Cloud, vault: str, kind: str, *, kept_days: int = 90, protected: bool = False
    ) -> None:
        self._cloud = cloud
        self._kind = kind
        self._prefix = f"{_PREFIX}{vault.lower()}/{kind}/"
        self._base = f"https://{vault}.vault.{cloud.suffix}"
        self._kept = timedelta(days=kept_days)
        self._protected = protected

    @staticmethod
    def forget(cloud: Cloud, vault: str) -> None:
        """Forget everything that a vault has: it is purged."""
        for name in cloud.recall(f"{_PREFIX}{vault.lower()}/"):
            cloud.remember(name, None)

    def add(self, name: str, content: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Make a new version; return its record."""
        found = self._note(name)
        if found is not None and found.get("deleted"):
            raise vault_error(
                409,
                "Conflict",
                f"{self._word.title()} {name} is currently in a deleted but recoverable state.",
                inner="ObjectIsDeletedButRecoverable",
            )
        now = int(self._cloud.now().timestamp())
        version = {
            "version": uuid.uuid4().hex,
            **content,
            "attributes": {"enabled": True, **attributes, "created": now, "updated": now},
        }
        self._save(name, {"versions": [*(found or {}).get("versions", []), version]})
        return version

    def find(self, name: str, version: str = "") -> dict[str, Any]:
        """Return a version's record, the newest without one. ArmFault 404."""
        found = self._note(name)
        if found is not None and not found.get("deleted"):
            for one in reversed(found["versions"]):
                if version in ("", one["version"]):
                    return dict(one)
        raise self._missing(name)

    def change(self, name: str, version: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change attributes, tags and content type of a version."""
        record = self.find(name, version)
        found = self._note(name) or {}
        attributes = {**record["attributes"], **(values.get("attributes") or {})}
        attributes["updated"] = int(self._cloud.now().timestamp())
        kept = {key: values[key] for key in ("tags", "contentType") if key in values}
        changed = {**record, **kept, "attributes": attributes}
        found["versions"] = [
            changed if one["version"] == record["version"] else one for one in found["versions"]
        ]
        self._save(name, found)
        return changed

    def names(self, *, deleted: bool = False) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Yield name, newest version and note of each object."""
        for key, found in sorted(self._cloud.recall(self._prefix).items()):
            if bool(found.get("deleted")) is deleted:
                yield key.removeprefix(self._prefix), found["versions"][-1], found

    def versions(self, name: str) -> list[dict[str, Any]]:
        """Return all versions of an object."""
        self.find(name)
        return list((self._note(name) or {})["versions"])

    def delete(self, name: str, *, shown: dict[str, Any] | None = None) -> dict[str, Any]:
        """Keep it as deleted, with what Resource Manager showed of it; return the note."""
        self.find(name)
        found = self._note(name) or {}
        now = self._cloud.now()
        found["deleted"] = {"at": iso(now), "until": iso(now + self._kept), "shown": shown}
        self._save(name, found)
        return found

    def deleted(self, name: str) -> dict[str, Any]:
        """Return the note of a deleted object. ArmFault 404."""
        found = self._note(name)
        if found is None or not found.get("deleted"):
            raise self._missing(name)
        return found

    def recover(self, name: str) -> dict[str, Any]:
        """Bring a deleted object back; return its newest version."""
        found = self.deleted(name)
        del found["deleted"]
        self._save(name, found)
        return dict(found["versions"][-1])

    def purge(self, name: str) -> None:
        """Forget a deleted object for good."""
        self.deleted(name)
        if self._protected:
            raise vault_error(
                403,
                "Forbidden",
                'Operation "purge" is not allowed because purge protection is enabled for this vault.',
            )
        self._cloud.remember(self._prefix + name.lower(), None)

    def sweep(self) -> None:
        """Forget what was kept long enough."""
        for name, _, found in list(self.names(deleted=True)):
            if moment(found["deleted"]["until"]) <= self._cloud.now():
                self._cloud.remember(self._prefix + name, None)

    def uri(self, name: str, version: str = "") -> str:
        """Return the address of an object, or of one version of it."""
        return f"{self._base}/{self._kind}/{name}" + (f"/{version}" if version else "")

    @property
    def _word(self) -> str:
        return _WORDS[self._kind]

    def _missing(self, name: str) -> ArmFault:
        return vault_error(
            404, _CODES[self._kind], f"A {self._word} with (name/id) {name} was not found in this key vault."
        )

    def _note(self, name: str) -> dict[str, Any] | None:
        key = self._prefix + name.lower()
        return self._cloud.recall(key).get(key)

    def _save(self, name: str, note: dict[str, Any]) -> None:
        self._cloud.remember(self._prefix + name.lower(), note)


class VaultFault(ArmFault):
    """A refusal with the inner code that vaults tell."""

    def __init__(self, status: int, code: str, message: str, *, inner: str) -> None:
        super().__init__(status, code, message)
        self.inner = inner


def vault_error(status: int, code: str, message: str, *, inner: str = "") -> ArmFault:
    """Return a refusal in the words of a vault."""
    return VaultFault(status, code, message, inner=inner)


def new_key(kty: str, bits: int, curve: str) -> dict[str, Any]:
    """Make a key; return its private and public parts: PEM, and the numbers of a JWK."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    made: Any
    if kty.upper().startswith("RSA"):
        made = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        numbers = made.public_key().public_numbers()
        public = {"n": _number(numbers.n), "e": _number(numbers.e)}
    else:
        kinds = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
        if curve not in kinds:
            raise vault_error(400, "BadParameter", f"The curve {curve!r} is not supported.")
        made = ec.generate_private_key(kinds[curve])
        point = made.public_key().public_numbers()
        size = (kinds[curve].key_size + 7) // 8  # bytes, leading zeros too (RFC 7518, 6.2.1.2)
        public = {"crv": curve, "x": _number(point.x, size), "y": _number(point.y, size)}
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"private": private.decode(), "public": public, "kty": kty}


def _number(value: int, size: int = 0) -> str:
    raw = value.to_bytes(size or (value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
