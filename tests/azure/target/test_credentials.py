"""Our own requests and the engine's plugin are one principal, whatever kind of credential is named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from azure import identity

from tenantry.model.spec import AzureSettings, CloudName, CredentialKind
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.clouds import access
from tenantry.targets.azure.plugin import plugin_settings
from tests.support.sandbox import Sandbox, running_sandbox

_APPLICATION, _MACHINE = "object_id", "identity_object_id"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "fleet") as started:
        yield started


@pytest.fixture
def app_service(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a program that runs as the machine's identity."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", sandbox.told["identity_endpoint"])
    monkeypatch.setenv("IDENTITY_HEADER", Path(sandbox.told["identity_header_file"]).read_text().strip())


def _clients(sandbox: Sandbox, kind: CredentialKind) -> Clients:
    settings = AzureSettings(cloud=CloudName.SANDBOX, credential=kind)
    return Clients(access(settings, private=sandbox.private))


def _as_the_plugin_chooses(told: Mapping[str, str], sandbox: Sandbox) -> Any:
    """Return the credential that azure-native makes of its variables, in the order in which it looks."""
    directory, client = told["ARM_TENANT_ID"], told.get("ARM_CLIENT_ID", "")
    common = {
        "authority": sandbox.told["login"],
        "connection_verify": told["SSL_CERT_FILE"],
        "use_env_settings": False,
        "disable_instance_discovery": told["ARM_DISABLE_INSTANCE_DISCOVERY"] == "true",
    }
    if file := told.get("ARM_CLIENT_CERTIFICATE_PATH"):
        return identity.CertificateCredential(directory, client, file, **common)
    if secret := told.get("ARM_CLIENT_SECRET"):
        return identity.ClientSecretCredential(directory, client, secret, **common)
    if told.get("ARM_USE_OIDC") == "true":
        return identity.WorkloadIdentityCredential(
            tenant_id=directory,
            client_id=client,
            token_file_path=told["ARM_OIDC_TOKEN_FILE_PATH"],
            **common,
        )
    assert told["ARM_USE_MSI"] == "true"
    return identity.ManagedIdentityCredential(client_id=client or None)


@pytest.mark.parametrize(
    ("kind", "who"),
    [
        (CredentialKind.SECRET, _APPLICATION),
        (CredentialKind.CERTIFICATE, _APPLICATION),
        (CredentialKind.WORKLOAD_IDENTITY, _APPLICATION),
        (CredentialKind.MANAGED_IDENTITY, _MACHINE),
    ],
)
@pytest.mark.usefixtures("app_service")
def test_the_plugin_is_who_we_are(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, kind: CredentialKind, who: str
) -> None:
    clients = _clients(sandbox, kind)
    assert clients.principal.object_id == sandbox.told[who]
    with plugin_settings(clients) as told:
        for name in os.environ.keys() - told.keys():  # the engine's environment has nothing else
            monkeypatch.delenv(name)
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        chosen = _as_the_plugin_chooses(told, sandbox)
        token = chosen.get_token(sandbox.scope).token
    assert jwt.decode(token, options={"verify_signature": False})["oid"] == sandbox.told[who]


def test_a_clusters_variables_do_not_make_a_managed_identity_a_workloads(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-identity would take them first; the plugin does not know them."""
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.told["identity_host"])
    monkeypatch.setenv("AZURE_TENANT_ID", sandbox.told["directory_id"])
    monkeypatch.setenv("AZURE_CLIENT_ID", sandbox.told["client_id"])
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", sandbox.told["token_file"])
    clients = _clients(sandbox, CredentialKind.MANAGED_IDENTITY)
    assert clients.principal.object_id == sandbox.told[_MACHINE]


def test_a_machines_identity_is_asked_for_on_the_machine_and_through_no_proxy(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.told["identity_host"])
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    clients = _clients(sandbox, CredentialKind.MANAGED_IDENTITY)
    assert clients.principal.object_id == sandbox.told[_MACHINE]


def test_the_managed_identity_is_no_secret_of_the_plugins(sandbox: Sandbox, app_service: None) -> None:
    """What it gets ends with the run: another endpoint, with a header of its own."""
    with plugin_settings(_clients(sandbox, CredentialKind.MANAGED_IDENTITY)) as told:
        assert told["IDENTITY_ENDPOINT"] != os.environ["IDENTITY_ENDPOINT"]
        assert told["IDENTITY_HEADER"] != os.environ["IDENTITY_HEADER"]
