"""What the operator's application may prove itself by, beside its secret, and the files that do it.

A certificate of a year, and a federated identity: the sandbox is the issuer too, and puts a token of an
hour in a file, as a cluster or a CI does. Both ends follow the cloud's clock, so that they can be rehearsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tenantry.sandbox.settings import Identity, Places, write

__all__ = ["AUDIENCE", "SUBJECT", "Credentials", "Federated"]

AUDIENCE: Final = "api://AzureADTokenExchange"
SUBJECT: Final = "rehearsal:tenantry"
_CERTIFICATE: Final = timedelta(days=365)
_TOKEN: Final = timedelta(hours=1)
_SLACK: Final = timedelta(minutes=5)  # clocks differ


@dataclass(frozen=True, kw_only=True)
class Federated:
    """What a token must be of to be taken in place of a secret."""

    issuer: str
    subject: str
    audience: str


class Credentials:
    """Makes the files in the workspace, and knows what they are verified with."""

    def __init__(self, places: Places, identity: Identity, now: Callable[[], datetime]) -> None:
        """``now`` tells the cloud's time. A certificate that ended by it is made anew."""
        self._places = places
        self._identity = identity
        self.now = now
        self._renewed: datetime | None = None
        self.certificate = self._certificate()

    @property
    def federated(self) -> Federated:
        """The one federated identity of the application."""
        return Federated(issuer=self._identity.issuer, subject=SUBJECT, audience=AUDIENCE)

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        """What verifies tokens of the issuer."""
        return self._key.public_key()

    def renew(self) -> None:
        """Write the federated token anew when half its time is over, or it is gone."""
        now, file = self.now(), self._places.token_file
        due = self._renewed is None or not self._renewed <= now < self._renewed + _TOKEN / 2
        if due or not file.exists():
            write(file, self.federated_token(now))
            self._renewed = now

    def federated_token(self, now: datetime) -> str:
        """Return a token of the issuer that is valid from now on."""
        import jwt

        claims = {
            "iss": self.federated.issuer,
            "sub": SUBJECT,
            "aud": AUDIENCE,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + _TOKEN).timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "federation"})

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        file = self._places.folder / "federation.key"
        if not file.exists():
            write(file, _pem(_new_key()))
        return _private(file.read_bytes())

    def _certificate(self) -> x509.Certificate:
        file, now = self._places.certificate_file, self.now()
        if (found := _read(file)) is None or found.not_valid_after_utc <= now:
            key = _new_key()
            found = _self_signed(key, name=self._identity.client_id, now=now)
            write(file, found.public_bytes(serialization.Encoding.PEM).decode() + _pem(key))
        return found


def _read(file: Path) -> x509.Certificate | None:
    """Return the certificate in a file with its key, None when they are not there or no pair."""
    try:
        text = file.read_bytes()
        found, key = x509.load_pem_x509_certificate(text), _private(text)
    except (OSError, ValueError, TypeError):
        return None
    return found if found.public_key() == key.public_key() else None


def _self_signed(key: rsa.RSAPrivateKey, *, name: str, now: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + _CERTIFICATE)
        .sign(key, hashes.SHA256())
    )


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private(pem: bytes) -> rsa.RSAPrivateKey:
    key: Any = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError
    return key


def _pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
