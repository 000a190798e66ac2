"""How the login takes proofs, by azure-identity and by hand; and the machine's own identity."""

from __future__ import annotations

import time
import urllib.parse
import uuid
from pathlib import Path
from typing import Any

import jwt
import pytest
from azure.identity import (
    CertificateCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.plain_http import ask
from tests.support.sandbox import Sandbox

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_AUDIENCE = "api://AzureADTokenExchange"


def _common(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "authority": sandbox.told["login"],
        "connection_verify": sandbox.told["ca_file"],
        "use_env_settings": False,
        "disable_instance_discovery": True,
    }


def _who(sandbox: Sandbox, credential: Any) -> str:
    """Return the object id that a credential proves."""
    claims = jwt.decode(credential.get_token(sandbox.scope).token, options={"verify_signature": False})
    return str(claims["oid"])


def _ids(sandbox: Sandbox) -> tuple[str, str]:
    return sandbox.told["directory_id"], sandbox.told["client_id"]


def _told(sandbox: Sandbox, **form: str) -> tuple[int, str, int]:
    """Ask for a token by hand; return status, error and Entra's number, 0 when it is given."""
    asked = {
        "grant_type": "client_credentials",
        "client_id": sandbox.told["client_id"],
        "scope": sandbox.scope,
        **form,
    }
    url = f"{sandbox.told['login']}/{sandbox.told['directory_id']}/oauth2/v2.0/token"
    answer = ask(url, body=urllib.parse.urlencode(asked).encode(), ca_file=sandbox.told["ca_file"])
    if answer.status == 200:
        assert answer.json["access_token"]
        return answer.status, "", 0
    (number,) = answer.json["error_codes"]
    assert answer.json["error_description"].startswith(f"AADSTS{number}: ")
    return answer.status, answer.json["error"], number


def _asserted(sandbox: Sandbox, assertion: str) -> tuple[int, str, int]:
    return _told(sandbox, client_assertion=assertion, client_assertion_type=_ASSERTION)


def _key(path: str) -> Any:
    return serialization.load_pem_private_key(Path(path).read_bytes(), password=None)


def _own(sandbox: Sandbox, *, key: Any = None, algorithm: str = "PS256", **claims: Any) -> str:
    """An assertion that the application makes with its certificate."""
    pem = Path(sandbox.told["certificate_file"]).read_bytes()
    shown = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    directory, client = _ids(sandbox)
    whole = {
        "iss": client,
        "sub": client,
        "aud": f"{sandbox.told['login']}/{directory}/oauth2/v2.0/token",
        "jti": str(uuid.uuid4()),
        "exp": time.time() + 600,
        **claims,
    }
    header = {"x5t#S256": jwt.utils.base64url_encode(shown).decode()}
    return jwt.encode(
        whole, key or _key(sandbox.told["certificate_file"]), algorithm=algorithm, headers=header
    )


def _foreign(sandbox: Sandbox, *, key: Any = None, **claims: Any) -> str:
    """A token as the issuer makes it, with other claims."""
    real = jwt.decode(Path(sandbox.told["token_file"]).read_text(), options={"verify_signature": False})
    made = key or _key(str(Path(sandbox.told["token_file"]).with_name("federation.key")))
    return jwt.encode({**real, **claims}, made, algorithm="RS256")


@pytest.fixture(scope="module")
def stranger() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


# --- what is taken ---


def test_the_certificate_is_the_application(sandbox: Sandbox) -> None:
    file = sandbox.told["certificate_file"]
    made = CertificateCredential(*_ids(sandbox), file, **_common(sandbox))
    assert _who(sandbox, made) == sandbox.told["object_id"]


def test_the_federated_token_is_the_application(sandbox: Sandbox) -> None:
    directory, client = _ids(sandbox)
    made = WorkloadIdentityCredential(
        tenant_id=directory,
        client_id=client,
        token_file_path=sandbox.told["token_file"],
        **_common(sandbox),
    )
    assert _who(sandbox, made) == sandbox.told["object_id"]


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_an_assertion_is_taken_with_either_signature(sandbox: Sandbox, algorithm: str) -> None:
    assert _asserted(sandbox, _own(sandbox, algorithm=algorithm)) == (200, "", 0)


def test_an_assertion_made_by_hand_as_the_issuer_does_is_taken(sandbox: Sandbox) -> None:
    assert _asserted(sandbox, _foreign(sandbox)) == (200, "", 0)


# --- what is refused ---


def test_another_application_is_not_there(sandbox: Sandbox) -> None:
    told = _told(sandbox, client_id=str(uuid.uuid4()), client_secret="x")
    assert told == (400, "unauthorized_client", 700016)


def test_a_wrong_secret_is_refused(sandbox: Sandbox) -> None:
    assert _told(sandbox, client_secret="wrong") == (401, "invalid_client", 7000215)


def test_no_proof_is_none(sandbox: Sandbox) -> None:
    assert _told(sandbox) == (401, "invalid_client", 7000218)


def test_what_is_no_jwt_is_told_as_that(sandbox: Sandbox) -> None:
    assert _asserted(sandbox, "no.jwt") == (400, "invalid_request", 50027)


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"aud": "https://login.example.org/"}, 700023),
        ({"exp": 1_000_000_000}, 700024),
        ({"nbf": 9_000_000_000}, 700024),
        ({"exp": None}, 700024),
        ({"sub": "somebody"}, 700021),
        ({"jti": ""}, 700021),
    ],
    ids=str,
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    sandbox: Sandbox, claims: dict[str, Any], number: int
) -> None:
    whole = {name: one for name, one in claims.items() if one is not None}
    assertion = _own(sandbox, **whole) if whole else _without_end(sandbox)
    assert _asserted(sandbox, assertion) == (401, "invalid_client", number)


def _without_end(sandbox: Sandbox) -> str:
    real = jwt.decode(_own(sandbox), options={"verify_signature": False})
    header = jwt.get_unverified_header(_own(sandbox))
    del real["exp"]
    key = _key(sandbox.told["certificate_file"])
    return jwt.encode(real, key, algorithm="PS256", headers={"x5t#S256": header["x5t#S256"]})


def test_an_assertion_under_another_key_is_refused(sandbox: Sandbox, stranger: rsa.RSAPrivateKey) -> None:
    assert _asserted(sandbox, _own(sandbox, key=stranger)) == (401, "invalid_client", 700027)


def test_an_assertion_that_is_signed_with_the_public_key_as_a_password_is_refused(sandbox: Sandbox) -> None:
    client = sandbox.told["client_id"]
    claims = {"iss": client, "sub": client, "jti": "1", "exp": time.time() + 600}
    header = jwt.get_unverified_header(_own(sandbox))
    forged = jwt.encode(claims, "x" * 64, algorithm="HS256", headers={"x5t#S256": header["x5t#S256"]})
    assert _asserted(sandbox, forged) == (401, "invalid_client", 700027)


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"iss": "https://token.actions.githubusercontent.com"}, 700211),
        ({"sub": "repo:example/fleet:ref:refs/heads/other"}, 700213),
        ({"aud": "api://somebody-else"}, 700212),
        ({"exp": 1_000_000_000}, 700024),
    ],
    ids=str,
)
def test_a_token_that_no_federated_identity_fits_is_refused(
    sandbox: Sandbox, claims: dict[str, Any], number: int
) -> None:
    assert _asserted(sandbox, _foreign(sandbox, **claims)) == (401, "invalid_client", number)


def test_a_token_that_the_issuer_did_not_sign_is_refused(
    sandbox: Sandbox, stranger: rsa.RSAPrivateKey
) -> None:
    assert _asserted(sandbox, _foreign(sandbox, key=stranger)) == (401, "invalid_client", 700027)


# --- the machine's identity ---


def _header(sandbox: Sandbox) -> str:
    return Path(sandbox.told["identity_header_file"]).read_text().strip()


def test_a_program_of_app_service_is_the_machine(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", sandbox.told["identity_endpoint"])
    monkeypatch.setenv("IDENTITY_HEADER", _header(sandbox))
    assert _who(sandbox, ManagedIdentityCredential()) == sandbox.told["identity_object_id"]


def test_a_program_of_a_virtual_machine_is_the_machine(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.told["identity_host"])
    made = ManagedIdentityCredential(client_id=sandbox.told["identity_client_id"])
    assert _who(sandbox, made) == sandbox.told["identity_object_id"]


def _asked(sandbox: Sandbox, path: str, **headers: str) -> int:
    query = urllib.parse.urlencode({"api-version": "2018-02-01", "resource": sandbox.told["arm"]})
    return ask(f"{sandbox.told['identity_host']}{path}?{query}", headers=headers).status


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/metadata/identity/oauth2/token", {"Metadata": "true"}, 200),
        ("/metadata/identity/oauth2/token", {}, 400),
        ("/msi/token", {"X-IDENTITY-HEADER": "guessed"}, 401),
        ("/elsewhere", {"Metadata": "true"}, 404),
    ],
    ids=str,
)
def test_who_asks_the_machine_wrongly_gets_no_token(
    sandbox: Sandbox, path: str, headers: dict[str, str], status: int
) -> None:
    assert _asked(sandbox, path, **headers) == status


def test_another_identity_is_not_on_this_machine(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.told["identity_host"])
    made = ManagedIdentityCredential(client_id=str(uuid.uuid4()))
    with pytest.raises(CredentialUnavailableError, match="Identity not found"):
        made.get_token(sandbox.scope)


# --- by the cloud's clock; last, because it does not go back ---


def test_the_federated_tokens_file_keeps_up_with_the_cloud_and_an_old_copy_does_not(sandbox: Sandbox) -> None:
    old = Path(sandbox.told["token_file"]).read_text()
    sandbox.faults("time", "+2h")
    assert _asserted(sandbox, old) == (401, "invalid_client", 700024)
    assert _asserted(sandbox, Path(sandbox.told["token_file"]).read_text()) == (200, "", 0)


def test_a_certificate_ends_after_its_year_and_a_start_makes_another(sandbox: Sandbox) -> None:
    sandbox.faults("time", "+366d")
    assert _asserted(sandbox, _own(sandbox)) == (401, "invalid_client", 700027)
    sandbox.command("stop")
    sandbox.command("start")
    assert _asserted(sandbox, _own(sandbox)) == (200, "", 0)
