"""Tokens of the sandbox: JWTs that it signs, and whom they prove."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.settings import Identity, write

__all__ = ["Tokens"]

_LIFETIME = 3599  # seconds, as Azure's have
_KEY_ID = "tenantry-sandbox"


class Tokens:
    """Signs tokens and reads them. Its key lies in a file, so that tokens outlive a restart."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        self._identity = identity
        file = folder / "tokens.key"
        if not file.exists():
            write(file, _new_key())
        self._key: Any = load_pem_private_key(file.read_bytes(), password=None)
        self.expired_before = 0.0  # tokens issued before are refused; moment of our own clock
        self.callers: Counter[str] = Counter()  # requests since the start by the object id that they proved

    @property
    def issuer(self) -> str:
        """Who issues them."""
        return f"{self._identity.login}/{self._identity.directory_id}/v2.0"

    def expire(self) -> None:
        """End every token that was issued so far."""
        self.expired_before = time.time()

    def keys(self) -> dict[str, Any]:
        """Return the public half, as a JWKS."""
        from jwt.algorithms import RSAAlgorithm

        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "use": "sig", "kid": _KEY_ID, "alg": "RS256", "issuer": self.issuer}]}

    def issue(self, resource: str, *, object_id: str, client_id: str) -> dict[str, Any]:
        """Return a token's answer for a resource (an audience)."""
        import jwt

        now = int(time.time())
        claims = {
            "aud": resource,
            "iss": self.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + _LIFETIME,
            "issued": time.time(),
            "appid": client_id,
            "azp": client_id,
            "oid": object_id,
            "sub": object_id,
            "tid": self._identity.directory_id,
            "idtyp": "app",
            "ver": "1.0",
            "uti": uuid.uuid4().hex[:22],
        }
        token = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": _KEY_ID})
        return {
            "token_type": "Bearer",
            "expires_in": _LIFETIME,
            "ext_expires_in": _LIFETIME,
            "access_token": token,
        }

    def read(self, authorization: str, *, audience: str) -> Mapping[str, Any]:
        """Return the claims of a header ``Authorization``.

        Raises:
            ArmFault: 401: none, not ours, not for this audience, or expired.
        """
        import jwt

        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ArmFault(
                401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        try:
            claims: dict[str, Any] = jwt.decode(
                token.strip(),
                self._key.public_key(),
                algorithms=["RS256"],
                issuer=self.issuer,
                options={"verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise _expired() from None
        except jwt.PyJWTError as error:
            raise ArmFault(
                401, "InvalidAuthenticationToken", f"The access token is invalid: {error}"
            ) from None
        if claims.get("issued", 0.0) < self.expired_before:
            raise _expired()
        if not self.accepts(str(claims["aud"]), audience):
            raise ArmFault(
                401,
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience '{claims['aud']}'.",
            )
        self.callers[str(claims["oid"])] += 1
        return claims

    def accepts(self, resource: str, audience: str) -> bool:
        """Say whether a token for a resource is one for an audience of ours."""
        return resource.rstrip("/").lower() in self._audiences()[audience]

    def knows(self, resource: str) -> bool:
        """Say whether there is such a resource at all."""
        return any(self.accepts(resource, audience) for audience in self._audiences())

    def _audiences(self) -> dict[str, set[str]]:
        suffix, port = self._identity.suffix, self._identity.port
        ends = ("", f":{port}")
        ours = {
            "arm": {"management", "management.core"},
            "vault": {"vault"},
            "storage": {"storage", "blob.core"},
            "graph": {"graph"},
            "logs": {"api.loganalytics"},
        }
        found = {
            name: {f"https://{host}.{suffix}{end}" for host in hosts for end in ends}
            for name, hosts in ours.items()
        }
        # Clients have some audiences of the public cloud built in.
        found["storage"].add("https://storage.azure.com")
        found["arm"] |= {"https://management.azure.com", "https://management.core.windows.net"}
        found["vault"].add("https://vault.azure.net")
        found["graph"].add("https://graph.microsoft.com")
        found["logs"].add("https://api.loganalytics.io")
        return found


def _expired() -> ArmFault:
    return ArmFault(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is in the past.")


def _new_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
