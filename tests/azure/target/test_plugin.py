from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from requests.utils import get_environ_proxies, select_proxy

from tenantry.errors import SpecError, UnavailableError
from tenantry.model.spec import CloudName, CredentialKind
from tenantry.targets.azure.clouds import CLOUDS, Access
from tenantry.targets.azure.plugin import network_environment, plugin_environment


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
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/somebodys/authorities.pem")
    monkeypatch.setenv("ARM_CLIENT_SECRET", "of somebody else")
    found = plugin_environment(_access(CredentialKind.CLI))
    assert found["AZURE_CONFIG_DIR"] == "/somebodys/azure"
    assert found["REQUESTS_CA_BUNDLE"] == "/somebodys/authorities.pem"
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


_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_OUT = (*_PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of the way out."""
    for name in (*_OUT, *map(str.lower, _OUT)):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_engine_gets_out_as_our_own_requests_do(outside: pytest.MonkeyPatch) -> None:
    access = _access(CredentialKind.MANAGED_IDENTITY)
    assert network_environment(access) == {}
    for name, value in (
        ("HTTPS_PROXY", "http://upper.example.org"),
        ("https_proxy", "http://ada:p%23w@proxy.example.org:3128"),
        ("no_proxy", "localhost,.example.org"),
        ("SSL_CERT_FILE", "/etc/ssl/some.pem"),
        ("REQUESTS_CA_BUNDLE", "/etc/ssl/ours.pem"),
    ):
        outside.setenv(name, value)
    assert network_environment(access) == {
        "HTTPS_PROXY": "http://ada:p%23w@proxy.example.org:3128",
        "NO_PROXY": "localhost,.example.org",
        "SSL_CERT_FILE": "/etc/ssl/ours.pem",
    }


_A, _B = "http://a.example.org:1", "http://b.example.org:2"


@pytest.mark.parametrize(
    "told",
    [
        {"ALL_PROXY": _A},
        {"all_proxy": _A, "ALL_PROXY": _B},
        {"all_proxy": "", "ALL_PROXY": _B},
        {"ALL_PROXY": _A, "https_proxy": _B},
        {"ALL_PROXY": _A, "https_proxy": "", "HTTPS_PROXY": _B},
        {"HTTPS_PROXY": _A, "HTTP_PROXY": _B},
        {"ALL_PROXY": _A, "HTTP_PROXY": _B, "NO_PROXY": ".azure.com"},
        {"HTTPS_PROXY": _A, "no_proxy": "", "NO_PROXY": "management.azure.com"},
        {"HTTPS_PROXY": _A, "no_proxy": "example.org", "NO_PROXY": "management.azure.com"},
    ],
    ids=repr,
)
def test_the_engine_takes_the_proxy_that_our_own_requests_take(
    outside: pytest.MonkeyPatch, told: dict[str, str]
) -> None:
    for name, value in told.items():
        outside.setenv(name, value)
    urls = ("https://management.azure.com/x", "http://elsewhere.azure.com/", "https://example.org/")
    ours = [select_proxy(url, get_environ_proxies(url)) for url in urls]
    engines = network_environment(_access(CredentialKind.MANAGED_IDENTITY))
    assert not set(map(str.lower, engines)) & {"all_proxy"}  # it would not look at that one
    for name in (*_PROXIES, *map(str.lower, _PROXIES)):
        outside.delenv(name, raising=False)
    for name, value in engines.items():
        outside.setenv(name, value)
    assert [select_proxy(url, get_environ_proxies(url)) for url in urls] == ours


def test_a_proxy_for_all_that_is_none_of_http_is_named_as_it_is_set(outside: pytest.MonkeyPatch) -> None:
    outside.setenv("all_proxy", "socks5://proxy.example.org:1080")
    with pytest.raises(SpecError, match="ALL_PROXY") as refused:
        network_environment(_access(CredentialKind.MANAGED_IDENTITY))
    assert "SOCKS" in refused.value.hint


def test_authorities_in_a_folder_are_told_as_a_folder(outside: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outside.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    found = network_environment(_access(CredentialKind.MANAGED_IDENTITY))
    assert found == {"SSL_CERT_DIR": str(tmp_path)}


def test_a_cloud_with_authorities_of_its_own_is_reached_without_a_proxy(outside: pytest.MonkeyPatch) -> None:
    outside.setenv("HTTPS_PROXY", "http://proxy.example.org")
    outside.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/ours.pem")
    access = _access(CredentialKind.MANAGED_IDENTITY)
    own = dataclasses.replace(access, cloud=dataclasses.replace(access.cloud, ca_file=Path("/ca.pem")))
    assert network_environment(own) == {}


@pytest.mark.parametrize(
    "value",
    [
        "http://ada:hunter2 @proxy",
        "http://ada:hunter2%zz@proxy",
        "http://ada:hunter2#@proxy:1",
        "ftp://hunter2",
    ],
)
def test_a_proxy_that_the_engine_would_tell_with_its_password_is_refused_without(
    outside: pytest.MonkeyPatch, value: str
) -> None:
    outside.setenv("HTTPS_PROXY", value)
    with pytest.raises(SpecError, match="HTTPS_PROXY") as refused:
        network_environment(_access(CredentialKind.MANAGED_IDENTITY))
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"
