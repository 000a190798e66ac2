from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import UnavailableError
from tenantry.model.spec import CloudName, CredentialKind
from tenantry.targets.azure.clouds import CLOUDS, Access
from tenantry.targets.azure.plugin import plugin_environment


def _access(credential: CredentialKind, **more: Any) -> Access:
    return Access(
        cloud=CLOUDS[CloudName.PUBLIC], subscription_id="s", directory_id="d", credential=credential, **more
    )


def test_it_works_in_the_instances_subscription_and_nowhere_else() -> None:
    found = plugin_environment(_access(CredentialKind.MANAGED_IDENTITY))
    assert found == {
        "ARM_SUBSCRIPTION_ID": "s",
        "ARM_TENANT_ID": "d",
        "ARM_ENVIRONMENT": "public",
        "ARM_USE_MSI": "true",
    }


def test_it_works_as_the_workspaces_credential_says(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("hush\n")
    by_kind: dict[CredentialKind, tuple[str, Path]] = {
        CredentialKind.SECRET: ("client_secret_file", secret),
        CredentialKind.CERTIFICATE: ("certificate_file", Path("/c.pem")),
        CredentialKind.WORKLOAD_IDENTITY: ("token_file", Path("/token")),
    }
    told = {
        kind: plugin_environment(_access(kind, client_id="c", **{name: file}))
        for kind, (name, file) in by_kind.items()
    }
    assert {one["ARM_CLIENT_ID"] for one in told.values()} == {"c"}
    assert told[CredentialKind.SECRET]["ARM_CLIENT_SECRET"] == "hush"
    assert told[CredentialKind.CERTIFICATE]["ARM_CLIENT_CERTIFICATE_PATH"] == "/c.pem"
    assert told[CredentialKind.WORKLOAD_IDENTITY]["ARM_OIDC_TOKEN_FILE_PATH"] == "/token"
    assert told[CredentialKind.WORKLOAD_IDENTITY]["ARM_USE_OIDC"] == "true"


def test_the_azure_cli_is_found_as_the_person_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CONFIG_DIR", "/somebodys/azure")
    monkeypatch.setenv("ARM_CLIENT_SECRET", "of somebody else")
    found = plugin_environment(_access(CredentialKind.CLI))
    assert found["AZURE_CONFIG_DIR"] == "/somebodys/azure"
    assert "ARM_CLIENT_SECRET" not in found


def test_a_cloud_of_its_own_is_found_by_its_metadata() -> None:
    cloud = dataclasses.replace(
        CLOUDS[CloudName.PUBLIC],
        name=CloudName.SANDBOX,
        metadata="https://management.here.test:8443/metadata/endpoints",
        ca_file=Path("/ca.pem"),
    )
    access = dataclasses.replace(_access(CredentialKind.MANAGED_IDENTITY), cloud=cloud)
    found = plugin_environment(access)
    assert found["ARM_METADATA_HOSTNAME"] == "management.here.test:8443"
    assert (found["ARM_DISABLE_INSTANCE_DISCOVERY"], found["SSL_CERT_FILE"]) == ("true", "/ca.pem")
    assert "ARM_ENVIRONMENT" not in found


def test_a_secret_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        plugin_environment(_access(CredentialKind.SECRET, client_secret_file=tmp_path / "none"))
