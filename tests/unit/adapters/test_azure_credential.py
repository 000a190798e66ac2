"""The way to the login, and what stands in it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from tenantry.adapters.azure_credential import make_credential, token
from tenantry.adapters.azure_refusals import no_token
from tenantry.errors import UnavailableError
from tenantry.model.spec import CredentialKind
from tests.support.https import Server, https_server

_ID = "12345678-0000-4000-8000-000000000000"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with https_server(tmp_path) as running:
        yield running


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_text("hush")
    return file


def _credential(
    server: Server, secret: Path, *, kind: CredentialKind = CredentialKind.SECRET, **more: Any
) -> Any:
    return make_credential(
        kind,
        **{
            "authority": server.url,
            "directory_id": _ID,
            "client_id": _ID,
            "client_secret_file": secret,
            "ca_file": server.ca_file,
            "discovery": False,
            **more,
        },
    )


def _told(credential: Any) -> UnavailableError:
    with pytest.raises(UnavailableError) as raised:
        token(credential, "https://management.azure.com/.default")
    return raised.value


def test_a_cloud_of_its_own_is_not_asked_through_the_environments_proxy(
    server: Server, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answer(400, "application/json", '{"error": "invalid_tenant", "error_description": "AADSTS90002"}')
    assert _told(_credential(server, secret)).code == "no-token"
    assert server.asked


def test_a_proxy_that_is_away_is_told_as_the_network_and_not_as_the_credential(
    server: Server, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # between its tries
    error = _told(_credential(server, secret, ca_file=None))
    assert error.code == "cloud-unreachable"
    assert "network" in error.hint
    assert not server.asked


def test_a_page_in_place_of_the_login_is_told_as_the_network(server: Server, secret: Path) -> None:
    server.answer(200, "text/html", "<html>Sign in to the network</html>")
    assert _told(_credential(server, secret)).code == "cloud-unreachable"


def test_a_refusal_of_the_login_is_told_as_the_credentials() -> None:
    error = no_token(ClientAuthenticationError("AADSTS7000222: the secret has expired\nTrace ID: 1"))
    assert (error.code, "credential" in error.hint) == ("no-token", True)
    assert error.message.endswith("the secret has expired")


def test_a_machine_without_an_identity_is_told_as_the_credentials() -> None:
    error = CredentialUnavailableError("no response from the IMDS endpoint")
    error.__cause__ = ServiceRequestError("no route")
    assert no_token(error).code == "no-token"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("AADSTS700016: Application with identifier 'x' was not found", "az ad app show"),
        ("AADSTS90002: Tenant 'x' not found", "az account show"),
        ("AADSTS7000215: Invalid client secret provided", "not its id"),
        ("AADSTS700027: Client assertion failed signature validation", "--cert"),
        ("AADSTS700024: Client assertion is not within its valid time range", "written anew"),
        ("AADSTS7002138: No matching federated identity record found", "to the letter"),
        ("AADSTS99999: something new", "the block azure"),
        ("Unable to get authority configuration for https://login/x.", "the login may be busy"),
    ],
)
def test_a_refusal_is_told_with_what_to_do_about_it(text: str, hint: str) -> None:
    error = no_token(ClientAuthenticationError(text), where="tenantry.yaml:9:23")
    assert hint in error.hint
    assert error.where == "tenantry.yaml:9:23"


def test_a_federated_tokens_file_that_goes_meanwhile_is_told_by_its_key(
    server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("e30.e30.sig")
    made = _credential(
        server, file, kind=CredentialKind.WORKLOAD_IDENTITY, token_file=file, where="tenantry.yaml:9:23"
    )
    file.unlink()
    found = {"token_endpoint": f"{server.url}/token", "authorization_endpoint": f"{server.url}/authorize"}
    server.answer(200, "application/json", json.dumps(found))
    error = _told(made)
    assert (error.code, error.where) == ("no-credential-file", "tenantry.yaml:9:23")
