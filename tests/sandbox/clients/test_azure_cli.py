"""The Azure CLI against a sandbox: it is the newest client, and sends newer versions than anybody else.

Only soak runs do this: the CLI is a large download and slow to start.
"""

from __future__ import annotations

import json
import secrets
import uuid
from pathlib import Path
from typing import Any

import pytest

from tenantry.model.spec import CloudName
from tenantry.targets.azure.clouds import CLOUDS
from tests.support.azure_cli import AzureCli, Refused
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("azure-cli")]

_REGION = "westeurope"
_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"  # Key Vault Secrets Officer
_GROUP = "rg-by-cli"
_CLOUDS = {
    CloudName.PUBLIC: "AzureCloud",
    CloudName.GOVERNMENT: "AzureUSGovernment",
    CloudName.CHINA: "AzureChinaCloud",
}


@pytest.fixture(scope="module")
def az(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> AzureCli:
    found = AzureCli(sandbox, tmp_path_factory.mktemp("azure-cli"))
    found.sign_in()
    return found


@pytest.fixture(scope="module")
def group(az: AzureCli) -> tuple[str, str]:
    az("group create", "--name", _GROUP, "--location", _REGION)
    return ("--resource-group", _GROUP)


def names(listed: Any) -> list[str]:
    return [one["name"] for one in listed]


def unique(prefix: str) -> str:
    return f"{prefix}{uuid.uuid4().hex[:10]}"


def written(folder: Path, text: str) -> str:
    """A file with a secret, for a command that must not have it among its words."""
    path = folder / "secret"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def test_the_clouds_of_the_product_are_where_the_cli_finds_them(az: AzureCli) -> None:
    """The CLI has no table of where sites are: nobody here holds that."""
    found = {one["name"]: one for one in az("cloud list")}
    for name, cloud in CLOUDS.items():
        told, ends = found[_CLOUDS[name]]["endpoints"], found[_CLOUDS[name]]["suffixes"]
        assert cloud.arm == told["resourceManager"].rstrip("/")
        assert cloud.logs == told["logAnalyticsResourceId"]
        assert cloud.login == told["activeDirectory"] or name is CloudName.CHINA
        assert f".{cloud.vault_suffix}" == ends["keyvaultDns"]
        assert f".{cloud.postgres_suffix}" == ends["postgresqlServerEndpoint"]
        assert cloud.blob_suffix == f"blob.{ends['storageEndpoint']}"


def test_a_group(az: AzureCli) -> None:
    name = unique("rg-")
    made = az("group create", "--name", name, "--location", _REGION, "--tags", "client=one")
    assert (made["location"], made["tags"]) == (_REGION, {"client": "one"})
    assert az("group show", "--name", name)["properties"]["provisioningState"] == "Succeeded"
    assert name in names(az("group list"))
    az("group delete", "--name", name, "--yes")
    with pytest.raises(Refused, match="ResourceGroupNotFound"):
        az("group show", "--name", name)


def test_a_network_and_a_lock(az: AzureCli, group: tuple[str, str]) -> None:
    space = ("--address-prefixes", "10.0.0.0/16", "--subnet-name", "apps", "--subnet-prefixes", "10.0.1.0/24")
    made = az("network vnet create", *group, "--name", "vnet", *space)["newVNet"]
    assert names(made["subnets"]) == ["apps"]
    assert names(az("network vnet list", *group)) == ["vnet"]
    on = ("--resource-name", "vnet", "--resource-type", "Microsoft.Network/virtualNetworks")
    az("lock create", *group, *on, "--name", "keep", "--lock-type", "CanNotDelete")
    assert names(az("lock list", *group)) == ["keep"]
    with pytest.raises(Refused, match="ScopeLocked"):
        az("network vnet delete", *group, "--name", "vnet")
    az("lock delete", *group, *on, "--name", "keep")
    az("network vnet delete", *group, "--name", "vnet")
    assert az("network vnet list", *group) == []


def test_a_vault_and_a_secret(az: AzureCli, group: tuple[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    name, value = unique("kv-"), secrets.token_hex(16)
    vault = az("keyvault create", *group, "--name", name, "--location", _REGION, "--retention-days", "7")
    assert vault["properties"]["softDeleteRetentionInDays"] == 7
    assert name in names(az("keyvault list", *group))
    who = ("--assignee-object-id", sandbox.told["object_id"], "--assignee-principal-type", "ServicePrincipal")
    az("role assignment create", *who, "--role", _OFFICER, "--scope", vault["id"])
    where = ("--vault-name", name, "--name", "token")
    az("keyvault secret set", *where, "--file", written(tmp_path, value))
    assert az("keyvault secret show", *where)["value"] == value
    az("keyvault delete", "--name", name)
    assert name in names(az("keyvault list-deleted"))
    az("keyvault purge", "--name", name)
    assert name not in names(az("keyvault list-deleted"))


def test_who_has_a_role_is_looked_up_in_the_directory(
    az: AzureCli, group: tuple[str, str], sandbox: Sandbox
) -> None:
    me = az("ad sp show", "--id", sandbox.told["client_id"])
    assert me["id"] == sandbox.told["object_id"]
    scope = az("group show", "--name", group[1])["id"]
    az("role assignment create", "--assignee", me["appId"], "--role", _OFFICER, "--scope", scope)
    (given,) = az("role assignment list", "--scope", scope)
    assert (given["principalId"], given["principalName"]) == (me["id"], me["appId"])
    az("role assignment delete", "--ids", given["id"])
    assert az("role assignment list", "--scope", scope) == []


def test_a_database_server(az: AzureCli, group: tuple[str, str], tmp_path: Path) -> None:
    name = unique("pg-")
    password = written(tmp_path, f"Aa1{secrets.token_hex(12)}")
    size = ("--tier", "GeneralPurpose", "--sku-name", "Standard_D2ds_v5", "--storage-size", "32")
    who = ("--admin-user", "operator1", "--admin-password", f"@{password}")
    az(
        "postgres flexible-server create",
        *(*group, "--name", name, "--location", _REGION, "--version", "17", "--public-access", "None"),
        *(*size, *who, "--yes"),
    )
    found = az("postgres flexible-server show", *group, "--name", name)
    assert (found["state"], found["sku"]["name"]) == ("Ready", "Standard_D2ds_v5")
    assert names(az("postgres flexible-server list", *group)) == [name]
    az("postgres flexible-server delete", *group, "--name", name, "--yes")
    assert az("postgres flexible-server list", *group) == []


def test_an_account_and_its_blobs(az: AzureCli, group: tuple[str, str], tmp_path: Path) -> None:
    name, sent, back = unique("st"), tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(secrets.token_bytes(5000))
    az("storage account create", *group, "--name", name, "--location", _REGION, "--sku", "Standard_LRS")
    assert az("storage account show", *group, "--name", name)["provisioningState"] == "Succeeded"
    listed = az("storage account keys list", *group, "--account-name", name)
    assert [one["keyName"] for one in listed] == ["key1", "key2"]
    account = ("--account-name", name, "--auth-mode", "key")
    assert az("storage container create", *account, "--name", "papers")["created"] is True
    assert names(az("storage container list", *account)) == ["papers"]
    blob = ("--container-name", "papers", "--name", "one")
    az("storage blob upload", *account, *blob, "--file", str(sent))
    az("storage blob download", *account, *blob, "--file", str(back))
    assert back.read_bytes() == sent.read_bytes()
    az("storage account delete", *group, "--name", name, "--yes")
    with pytest.raises(Refused, match="ResourceNotFound"):
        az("storage account show", *group, "--name", name)


def test_a_site_and_its_plan(az: AzureCli, group: tuple[str, str]) -> None:
    name = unique("app-")
    az("appservice plan create", *group, "--name", "plan", "--is-linux", "--sku", "B1")
    made = az("webapp create", *group, "--name", name, "--plan", "plan", "--runtime", "PYTHON:3.11")
    assert made["defaultHostName"].startswith(f"{name}.azurewebsites.")
    settings = ("--settings", "GREETING=hello")
    az("webapp config appsettings set", *group, "--name", name, *settings)
    told = az("webapp config appsettings list", *group, "--name", name)
    assert {one["name"]: one["value"] for one in told}["GREETING"] == "hello"
    assert names(az("webapp list", *group)) == [name]
    az("webapp delete", *group, "--name", name, "--keep-empty-plan")
    assert az("webapp list", *group) == []
    assert name in [one["deletedSiteName"] for one in az("webapp deleted list")]


def test_workspaces_and_diagnostic_settings(az: AzureCli, group: tuple[str, str]) -> None:
    log = ("--workspace-name", unique("log-"))
    workspace = az("monitor log-analytics workspace create", *group, *log)
    vault = az("keyvault create", *group, "--name", unique("kv-"), "--location", _REGION)
    logs = json.dumps([{"category": "AuditEvent", "enabled": True}])
    where = ("--resource", vault["id"])
    setting = ("--name", "logs", "--workspace", workspace["id"], "--logs", logs)
    made = az("monitor diagnostic-settings create", *where, *setting)
    assert made["logs"][0]["category"] == "AuditEvent"
    assert names(az("monitor diagnostic-settings list", *where)) == ["logs"]
    az("monitor diagnostic-settings delete", *where, "--name", "logs")
    assert az("monitor diagnostic-settings list", *where) == []
    az("monitor log-analytics workspace delete", *group, *log, "--yes")
    assert log[1] in names(az("monitor log-analytics workspace list-deleted-workspaces"))
    az("monitor log-analytics workspace delete", *group, *log, "--yes", "--force")


def test_the_days_of_a_table(az: AzureCli, group: tuple[str, str]) -> None:
    where = (*group, "--workspace-name", unique("log-"))
    table = (*where, "--name", "AppTraces")
    az("monitor log-analytics workspace create", *where)
    days = ("--retention-time", "14", "--total-retention-time", "60")
    told = [az("monitor log-analytics workspace table show", *table)]
    told += [az("monitor log-analytics workspace table update", *table, *days)]
    told += [az("monitor log-analytics workspace table show", *table)]
    listed = az("monitor log-analytics workspace table list", *where)
    told += [one for one in listed if one["name"] == "AppTraces"]
    kept = [(one["retentionInDays"], one["totalRetentionInDays"]) for one in told]
    assert kept == [(90, 90), (14, 60), (14, 60), (14, 60)]
    assert len(set(names(listed))) == len(listed)


def test_no_secret_was_among_the_words_of_a_command(az: AzureCli, sandbox: Sandbox) -> None:
    secret = Path(sandbox.told["client_secret_file"]).read_text(encoding="utf-8").strip()
    assert secret
    assert not any(secret in word for command in az.commands for word in command)


def test_the_clouds_metadata_tell_the_places_of_its_status(az: AzureCli, sandbox: Sandbox) -> None:
    cloud, told = az("cloud show"), sandbox.command("status")
    places = {key: cloud["endpoints"][key].rstrip("/") for key in ("resourceManager", "activeDirectory")}
    assert places == {"resourceManager": told["arm"], "activeDirectory": told["login"]}
    assert cloud["suffixes"]["keyvaultDns"] == f".{sandbox.told['vault_suffix']}"
    assert cloud["suffixes"]["storageEndpoint"] == sandbox.told["blob_suffix"].removeprefix("blob.")
