"""How an application proves itself without a secret: a JWT of its own, or of an issuer that it trusts.

Its own is signed with the key of its certificate. What is wrong with one is told in Entra's codes.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from tenantry.sandbox.credentials import Credentials

__all__ = ["Refused", "check_assertion"]

_SLACK: Final = 300.0  # seconds that clocks may differ
_BY_CERTIFICATE: Final = ["RS256", "PS256"]
_TOLD: Final = "See https://learn.microsoft.com/entra/identity-platform/certificate-credentials"


class Refused(Exception):  # noqa: N818 - it says what happened
    """Why no token is given: the text begins with Entra's code."""

    def __init__(self, description: str, *, error: str = "invalid_client", status: int = 401) -> None:
        super().__init__(description)
        self.description = description
        self.error = error
        self.status = status


def check_assertion(
    assertion: str, *, client_id: str, credentials: Credentials, audiences: Collection[str]
) -> None:
    """Raise Refused unless the assertion proves the application.

    One that the application issued itself is held against its certificate, any other one against its
    federated identity. Like Entra this takes an assertion more than once: clients keep them for minutes.

    Args:
        assertion: the JWT.
        client_id: of the application.
        credentials: what it may prove itself by.
        audiences: what one of the application's own may be for.
    """
    import jwt

    try:
        header = jwt.get_unverified_header(assertion)
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise Refused(
            "AADSTS50027: JWT token is invalid or malformed.", error="invalid_request", status=400
        ) from None
    if claims.get("iss") == client_id:
        _check_own(
            assertion, header, claims, client_id=client_id, credentials=credentials, audiences=audiences
        )
    else:
        _check_federated(assertion, claims, credentials)


def _check_own(
    assertion: str,
    header: dict[str, Any],
    claims: dict[str, Any],
    *,
    client_id: str,
    credentials: Credentials,
    audiences: Collection[str],
) -> None:
    certificate = credentials.certificate
    shown = str(header.get("x5t#S256") or header.get("x5t") or "")
    form = hashes.SHA256() if "x5t#S256" in header else hashes.SHA1()  # noqa: S303 - a name, no proof
    known = _encoded(certificate.fingerprint(form))
    thumbprint = _decoded(shown).hex().upper()
    if shown.rstrip("=") != known:
        raise _bad_key("The key was not found.", thumbprint)
    if not certificate.not_valid_before_utc <= credentials.now() < certificate.not_valid_after_utc:
        raise _bad_key("The key used is expired.", thumbprint)
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    if not _is_signed(assertion, key, _BY_CERTIFICATE):
        raise _bad_key("The provided signature value did not match the expected signature value.", thumbprint)
    if claims.get("sub") != client_id or not claims.get("jti"):
        raise Refused(
            "AADSTS700021: Client assertion application identifier doesn't match 'client_id' parameter."
        )
    if claims.get("aud") not in audiences:
        raise Refused("AADSTS700023: Client assertion audience claim does not match Realm issuer.")
    _check_time(claims, time.time())  # made by the client, whose clock is this machine's


def _check_federated(assertion: str, claims: dict[str, Any], credentials: Credentials) -> None:
    wanted = credentials.federated
    audience = claims.get("aud")
    shown = audience if isinstance(audience, list) else [audience]
    for code, what, told, fits in (
        (700211, "issuer", claims.get("iss"), claims.get("iss") == wanted.issuer),
        (700213, "subject", claims.get("sub"), claims.get("sub") == wanted.subject),
        (700212, "audience", audience, wanted.audience in shown),
    ):
        if not fits:
            raise Refused(
                f"AADSTS{code}: No matching federated identity record found for presented assertion {what} "
                f"'{told}'. Check your federated identity credential Subject, Audience and Issuer against "
                "the presented assertion."
            )
    if not _is_signed(assertion, credentials.public_key, ["RS256"]):
        raise _bad_key("The provided signature value did not match the expected signature value.", "")
    _check_time(claims, credentials.now().timestamp())


def _is_signed(assertion: str, key: rsa.RSAPublicKey, algorithms: list[str]) -> bool:
    import jwt

    unread = {f"verify_{one}": False for one in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
    try:
        jwt.decode(assertion, key, algorithms=algorithms, options=unread)  # type: ignore[arg-type]
    except jwt.PyJWTError:
        return False
    return True


def _check_time(claims: dict[str, Any], now: float) -> None:
    begin, end = (claims.get(name) for name in ("nbf", "exp"))
    begin = begin if isinstance(begin, int | float) else 0
    if not isinstance(end, int | float) or not begin - _SLACK <= now < end + _SLACK:
        told = " ".join(
            f"{what} {_moment(at)}{mark}"
            for what, at, mark in (
                ("Current time:", now, ","),
                ("assertion valid from", begin, ","),
                ("expiry time of assertion", end if isinstance(end, int | float) else 0, "."),
            )
        )
        raise Refused(f"AADSTS700024: Client assertion is not within its valid time range. {told} {_TOLD}")


def _bad_key(reason: str, thumbprint: str) -> Refused:
    shown = f", Thumbprint of key used by client: '{thumbprint}'" if thumbprint else ""
    return Refused(f"AADSTS700027: Client assertion failed signature validation. [Reason - {reason}{shown}]")


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
