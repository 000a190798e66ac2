"""The program of an instance under the real engine: what it asks Azure for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.coverage import named_by_the_components
from tenantry.components.azure.identity import SECRETS_USER
from tenantry.components.azure.tokens import DATA_TOKENS
from tenantry.model.azure_types import TYPES
from tenantry.model.residency import AzurePlacement
from tenantry.targets.azure.asset_types import ASSET_TYPES
from tenantry.targets.azure.deciding import planned_resources
from tests.azure import arm_types
from tests.azure.components.running import sent_by
from tests.azure.recording import ACCOUNT_KEY, CACHE_KEY, example_props, token_of
from tests.sandbox.clients.table import BESIDE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("program")


@pytest.fixture(scope="module")
def sent(folder: Path) -> dict[str, dict[str, Any]]:
    return sent_by(folder / "small", example_props(folder / "w"))


@pytest.fixture(scope="module")
def with_pair(folder: Path) -> dict[str, dict[str, Any]]:
    placement = AzurePlacement(region="southafricanorth", geo_redundant_backup=True)
    return sent_by(
        folder / "pair",
        example_props(
            folder / "w",
            placement=placement,
            monthly_budget=200,
            budget_start="2026-11-01T00:00:00Z",
            webhook="https://alerts.example.org/hook",
        ),
    )


@pytest.fixture(scope="module")
def platform(folder: Path) -> dict[str, dict[str, Any]]:
    """What the 121 Platform needs: a database, a cache, blobs, a portal, e-mail."""
    return sent_by(folder / "121", example_props(folder / "w", profile="121-platform"))


def _of(sent: Mapping[str, dict[str, Any]], token: str) -> list[dict[str, Any]]:
    return [body for path, body in sent.items() if token_of(path) == f"azure-native:{token}"]


def test_every_body_is_one_that_microsofts_own_types_have(
    sent: dict[str, dict[str, Any]],
    with_pair: dict[str, dict[str, Any]],
    platform: dict[str, dict[str, Any]],
) -> None:
    assert [token_of(path) for path in sent if not arm_types.has_oracle(token_of(path))] == []
    wrong = {
        path.rpartition("/providers/")[2]: found
        for path, body in [*with_pair.items(), *sent.items(), *platform.items()]
        if (found := arm_types.faults(token_of(path), body))
    }
    assert wrong == {}


def test_what_the_components_name_is_made_and_has_a_row_of_assets(
    sent: dict[str, dict[str, Any]],
    with_pair: dict[str, dict[str, Any]],
    platform: dict[str, dict[str, Any]],
) -> None:
    made = {token_of(path) for path in (*sent, *with_pair, *platform)}
    # A host name is brought on in stages; tests/azure/components/test_host_name.py makes these.
    staged = {f"azure-native:web:{one}" for one in ("Certificate", "WebAppHostNameBinding")}
    assert made | staged == named_by_the_components()
    rows = {name.lower() for name in ASSET_TYPES}
    assert [one for one in sorted(made | staged) if TYPES[one].arm_type.lower() not in rows] == []


def test_every_type_of_the_table_has_somebody_elses_description() -> None:
    assert [token for token in TYPES if not arm_types.has_oracle(token)] == []
    described = {one: arm_types.token_beside(one) for one in BESIDE}
    assert [one for one, token in described.items() if not arm_types.has_oracle(token)] == []


@pytest.mark.parametrize("which", ["sent", "with_pair", "platform"])
def test_policies_are_asked_about_every_type_with_a_region_as_it_is_made(
    request: pytest.FixtureRequest, folder: Path, which: str
) -> None:
    props = example_props(folder / "w", profile="121-platform" if which == "platform" else "registrations")
    assert props.pair is not None
    planned = planned_resources(
        props.names,
        props.region,
        services=props.profile.services,
        tags=props.all_tags,
        pair=props.pair.name if which == "with_pair" else "",
    )
    made = [
        (token_of(path), body["location"].lower(), body.get("tags"), path.rpartition("/")[2])
        for path, body in request.getfixturevalue(which).items()
        if "location" in body and "/virtualNetworkLinks/" not in path  # a part of a zone
    ]
    asked = {(f"azure-native:{one.token}", one.location.lower()) for one in planned}
    assert {one[:2] for one in made} == asked
    names = {(token, name) for token, _, _, name in made}
    unlike = [one for one in planned if one.name and (f"azure-native:{one.token}", one.name) not in names]
    assert unlike == []
    assert all(one.tags == props.all_tags for one in planned)
    assert [name for _, _, tags, name in made if not props.all_tags.items() <= (tags or {}).items()] == []


def test_no_setting_of_the_site_is_a_secret(sent: dict[str, dict[str, Any]]) -> None:
    settings = _of(sent, "web:WebAppApplicationSettings")[0]["properties"]
    assert settings["DATABASE_PASSWORD"].startswith(
        "@Microsoft.KeyVault(SecretUri=https://kvs-kenya-san-abc234."
    )
    hidden = {"the-session-secret", "the-admin-password", "the-app-password"}
    assert not [name for name, value in settings.items() if any(one in value for one in hidden)]


def test_secrets_go_into_the_vault_and_nowhere_else(sent: dict[str, dict[str, Any]]) -> None:
    holders = {token_of(path) for path, body in sent.items() if "the-session-secret" in str(body)}
    assert holders == {"azure-native:keyvault:Secret"}


def test_nobody_but_the_workload_may_use_the_secrets_of_the_vault(sent: dict[str, dict[str, Any]]) -> None:
    given = [
        body["properties"]["roleDefinitionId"].rpartition("/")[2]
        for path, body in sent.items()
        if "/vaults/kvs-" in path and token_of(path).endswith(":RoleAssignment")
    ]
    assert given == [SECRETS_USER]


def test_data_services_have_no_public_access(sent: dict[str, dict[str, Any]]) -> None:
    server = _of(sent, "dbforpostgresql:Server")[0]["properties"]
    vaults = [body["properties"] for body in _of(sent, "keyvault:Vault")]
    assert server["network"]["publicNetworkAccess"] == "Disabled"
    assert [one["publicNetworkAccess"] for one in vaults] == ["Disabled", "Disabled"]
    assert {one["networkAcls"]["defaultAction"] for one in vaults} == {"Deny"}
    doors = [
        body["properties"]["privateLinkServiceConnections"] for body in _of(sent, "network:PrivateEndpoint")
    ]
    assert len(doors) == 3


def test_the_storage_of_blobs_is_private_and_encrypted_with_a_key_of_the_instances_own(
    platform: dict[str, dict[str, Any]],
) -> None:
    account = _of(platform, "storage:StorageAccount")[0]
    properties = account["properties"]
    assert properties["publicNetworkAccess"] == "Disabled"
    assert properties["networkAcls"] == {"bypass": "None", "defaultAction": "Deny"}
    assert properties["allowBlobPublicAccess"] is False
    assert properties["encryption"]["keySource"] == "Microsoft.Keyvault"
    assert properties["encryption"]["keyvaultproperties"]["keyname"] == "data"
    assert account["sku"]["name"] in {"Standard_ZRS", "Standard_LRS"}  # no copy in another region


def test_each_container_of_the_profile_is_made_and_none_is_public(
    platform: dict[str, dict[str, Any]],
) -> None:
    made = {
        path.rpartition("/")[2]: body["properties"]["publicAccess"]
        for path, body in platform.items()
        if token_of(path) == "azure-native:storage:BlobContainer"
    }
    assert made == {"program-attachments": "None", "instance-reporting-data": "None"}


def test_the_accounts_key_is_in_the_vault_and_nowhere_else(platform: dict[str, dict[str, Any]]) -> None:
    holders = {token_of(path) for path, body in platform.items() if ACCOUNT_KEY in str(body)}
    assert holders == {"azure-native:keyvault:Secret"}


def test_what_is_deleted_in_the_storage_is_kept_as_long_as_backups_and_has_no_versions(
    platform: dict[str, dict[str, Any]],
) -> None:
    kept = _of(platform, "storage:BlobServiceProperties")[0]["properties"]
    days = AzurePlacement(region="southafricanorth").backup_retention_days
    assert kept["deleteRetentionPolicy"] == {"enabled": True, "days": days}
    assert kept["containerDeleteRetentionPolicy"] == {"enabled": True, "days": days}
    assert kept["isVersioningEnabled"] is False


def test_the_cache_is_private_and_loses_no_job_of_a_queue(platform: dict[str, dict[str, Any]]) -> None:
    cluster = _of(platform, "redisenterprise:RedisEnterprise")[0]["properties"]
    database = _of(platform, "redisenterprise:Database")[0]["properties"]
    assert (cluster["publicNetworkAccess"], cluster["minimumTlsVersion"]) == ("Disabled", "1.2")
    assert (database["evictionPolicy"], database["clientProtocol"]) == ("NoEviction", "Encrypted")
    holders = {token_of(path) for path, body in platform.items() if CACHE_KEY in str(body)}
    assert holders == {"azure-native:keyvault:Secret"}


def test_the_workload_is_told_where_cache_and_portal_are_and_as_whom_it_sends_mail(
    platform: dict[str, dict[str, Any]],
) -> None:
    settings = _of(platform, "web:WebAppApplicationSettings")[0]["properties"]
    assert settings["REDIS_HOST"] == "amr-kenya.southafricanorth.redis.azure.net"
    assert settings["REDIS_PORT"] == "10000"
    assert settings["REDIS_PASSWORD"].startswith("@Microsoft.KeyVault(")
    assert settings["REDIRECT_PORTAL_URL_HOST"] == "https://calm-sea-0123.azurestaticapps.net"
    assert len(settings["AZURE_USER_ASSIGNED_IDENTITY_CLIENT_ID"]) == 36


def test_a_portal_lies_where_static_sites_can_be_and_holds_no_client_data(
    platform: dict[str, dict[str, Any]],
) -> None:
    places = {body["location"] for body in platform.values() if body.get("location")}
    assert places - {"southafricanorth", "Global"} == {_of(platform, "web:StaticSite")[0]["location"]}


def test_pages_of_the_portal_alone_may_ask_the_workload(
    sent: dict[str, dict[str, Any]], platform: dict[str, dict[str, Any]]
) -> None:
    cors = _of(platform, "web:WebApp")[0]["properties"]["siteConfig"]["cors"]
    assert cors == {
        "allowedOrigins": ["https://calm-sea-0123.azurestaticapps.net"],
        "supportCredentials": True,
    }
    assert "cors" not in _of(sent, "web:WebApp")[0]["properties"]["siteConfig"]  # it has no portal


def test_the_database_is_encrypted_with_a_key_of_the_instances_own(sent: dict[str, dict[str, Any]]) -> None:
    server = _of(sent, "dbforpostgresql:Server")[0]
    assert server["properties"]["dataEncryption"]["type"] == "AzureKeyVault"
    assert "kvk-kenya-san-abc234" in server["properties"]["dataEncryption"]["primaryKeyURI"]
    assert server["sku"]["tier"] != "Burstable"
    protected = [one["properties"].get("enablePurgeProtection") for one in _of(sent, "keyvault:Vault")]
    assert sorted(protected, key=str) == [None, True]


def test_everything_lies_in_the_region(sent: dict[str, dict[str, Any]]) -> None:
    places = {str(body["location"]) for body in sent.values() if body.get("location")}
    assert places == {"southafricanorth", "Global"}


def test_a_second_copy_of_the_backups_has_key_and_identity_in_the_pair(
    with_pair: dict[str, dict[str, Any]],
) -> None:
    elsewhere = {
        token_of(path) for path, body in with_pair.items() if body.get("location") == "southafricawest"
    }
    assert elsewhere == {"azure-native:keyvault:Vault", "azure-native:managedidentity:UserAssignedIdentity"}
    encryption = _of(with_pair, "dbforpostgresql:Server")[0]["properties"]["dataEncryption"]
    assert "kvp-kenya-san-abc234" in encryption["geoBackupKeyURI"]


def test_what_has_tags_says_whose_it_is_and_nothing_personal(sent: dict[str, dict[str, Any]]) -> None:
    tagged = [body["tags"] for body in sent.values() if "tags" in body]
    ours = {tuple(sorted(key for key in tags if not key.startswith("hidden-link:"))) for tags in tagged}
    assert ours == {("client", "instance", "operation")}
    bare = {token_of(path).rpartition(":")[2] for path, body in sent.items() if "tags" not in body}
    assert bare == {
        *("Configuration", "Database", "DiagnosticSetting", "ManagementLockByScope", "PrivateDnsZoneGroup"),
        *("RoleAssignment", "Subnet", "WebAppApplicationSettings", "WebAppFtpAllowed", "WebAppScmAllowed"),
    }


def test_people_are_told_of_database_requests_denials_exceptions_and_an_instance_that_is_down(
    sent: dict[str, dict[str, Any]],
) -> None:
    rules = {
        path.rpartition("/alert-")[2].partition("-kenya")[0] for path in sent if "/metricAlerts/" in path
    }
    assert rules == {
        *("availability", "database-connections", "database-cpu", "database-storage", "failed-requests"),
        *("denied-keys-vault", "denied-secrets-vault"),
    }
    assert len(_of(sent, "monitor:ScheduledQueryRule")) == 1
    people = next(path for path in sent if "/actionGroups/" in path)
    told = [str(body) for path, body in sent.items() if "Alerts/" in path or "QueryRules/" in path]
    assert all(people in body for body in told)


def test_a_budget_is_made_where_the_workspace_names_one(
    sent: dict[str, dict[str, Any]], with_pair: dict[str, dict[str, Any]]
) -> None:
    assert not _of(sent, "consumption:Budget")
    budget = _of(with_pair, "consumption:Budget")[0]["properties"]
    assert (budget["amount"], budget["timePeriod"]["startDate"]) == (200, "2026-11-01T00:00:00Z")


@pytest.mark.parametrize("which", ["sent", "with_pair", "platform"])
def test_what_holds_data_is_locked(request: pytest.FixtureRequest, which: str) -> None:
    """By a lock of its own or of what it lies in; a group by one in it, without which it does not go."""
    made = request.getfixturevalue(which)
    locked = [
        path.partition("/providers/Microsoft.Authorization/locks/")[0] for path in made if "/locks/" in path
    ]
    levels = {body["properties"]["level"] for path, body in made.items() if "/locks/" in path}
    assert levels == {"CanNotDelete"}
    data = [path for path in made if token_of(path) in DATA_TOKENS]
    open_ = [
        path
        for path in data
        if not any(f"{path}/".startswith(f"{one}/") or one.startswith(f"{path}/providers/") for one in locked)
    ]
    assert open_ == []
    assert {token_of(one) for one in locked} <= DATA_TOKENS


def test_a_role_assignment_has_the_same_name_at_every_run(
    sent: dict[str, dict[str, Any]], with_pair: dict[str, dict[str, Any]]
) -> None:
    def names(found: Mapping[str, Any]) -> set[str]:
        return {path for path in found if "/roleAssignments/" in path and "/kvs-" in path}

    assert names(sent) == names(with_pair)
