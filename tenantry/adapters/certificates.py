"""Certificates of an instance's own authority, made with the ``cryptography`` library.

The authority signs one certificate for the database server of its instance and
for nothing else, so that a client that trusts it can reach no other server by
mistake. Keys are EC P-256, PKCS #8, PEM.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder

__all__ = ["ServerCertificate", "expiry_of", "make_server_certificate"]

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 825
_SKEW = timedelta(minutes=5)  # clocks differ


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """PEM texts of an authority and of one server's certificate that it signed."""

    authority: str
    authority_key: str
    certificate: str
    key: str

    def __repr__(self) -> str:
        return "ServerCertificate(…)"  # the keys are secret


def make_server_certificate(*, authority: str, names: Sequence[str]) -> ServerCertificate:
    """Make an authority and a server certificate for host names and addresses.

    Args:
        authority: common name of the authority; an opaque name.
        names: DNS names and IP addresses that the server answers at.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority)])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    ca = _builder(issuer, issuer, ca_key, days=_AUTHORITY_DAYS, now=now)
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    ca = ca.add_extension(_usage(signs_certificates=True), critical=True)
    server = _builder(subject, issuer, key, days=_SERVER_DAYS, now=now)
    server = server.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    server = server.add_extension(_usage(signs_certificates=False), critical=True)
    server = server.add_extension(
        x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    server = server.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
    )
    return ServerCertificate(
        authority=_pem(ca.sign(ca_key, hashes.SHA256())),
        authority_key=_key_pem(ca_key),
        certificate=_pem(server.sign(ca_key, hashes.SHA256())),
        key=_key_pem(key),
    )


def expiry_of(pem: str | bytes) -> datetime:
    """Return when a certificate (the first of the PEM text) ceases to be valid, UTC."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem).not_valid_after_utc


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, *, days: int, now: datetime
) -> CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> Any:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
