"""What other files leave of monitoring, App Service and data, called through Microsoft's clients."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.keys import KeyClient

from tests.sandbox.clients.conftest import Ground
from tests.support.people import wait_until

_GLOBAL = "global"
_OFFICER = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603"  # Key Vault Crypto Officer
_SETTINGS = "2021-05-01-preview"  # API version of diagnostic settings
_INSIGHTS = "azure.mgmt.applicationinsights.ApplicationInsightsManagementClient"
_MONITOR = "azure.mgmt.monitor.MonitorManagementClient"
_WEB = "azure.mgmt.web.WebSiteManagementClient"


def names(listed: Any) -> list[str]:
    return [one.name for one in listed]


@pytest.fixture(scope="module")
def workspace(ground: Ground) -> str:
    """The id of a workspace."""
    workspaces = ground.client("azure.mgmt.loganalytics.LogAnalyticsManagementClient").workspaces
    made = workspaces.begin_create_or_update(ground.group, "log-shared", {"location": ground.region}).result()
    return str(made.id)


@pytest.fixture(scope="module")
def site(ground: Ground) -> Any:
    """A site on a plan."""
    client = ground.client(_WEB)
    plan = {
        "location": ground.region,
        "kind": "linux",
        "sku": {"name": "B1", "tier": "Basic"},
        "properties": {"reserved": True},
    }
    farm = client.app_service_plans.begin_create_or_update(ground.group, "plan", plan).result()
    body = {"location": ground.region, "kind": "app,linux", "properties": {"serverFarmId": farm.id}}
    return client.web_apps.begin_create_or_update(ground.group, ground.name("app"), body).result()


def test_a_component(ground: Ground, workspace: str) -> None:
    components = ground.client(_INSIGHTS, api_version="2020-02-02").components
    where = (ground.group, ground.name("appi"))
    made = components.create_or_update(*where, _component(ground, workspace))
    assert made.connection_string.startswith(f"InstrumentationKey={made.instrumentation_key};")
    assert components.update_tags(*where, {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert components.get(*where).workspace_resource_id == workspace
    assert where[1] in names(components.list_by_resource_group(ground.group))
    assert where[1] in names(components.list())
    components.delete(*where)
    with pytest.raises(ResourceNotFoundError):
        components.get(*where)


def test_a_web_test(ground: Ground, workspace: str) -> None:
    components = ground.client(_INSIGHTS, api_version="2020-02-02").components
    component = components.create_or_update(ground.group, ground.name("appi"), _component(ground, workspace))
    tests = ground.client(_INSIGHTS, api_version="2022-06-15").web_tests
    where = (ground.group, ground.name("test"))
    body: dict[str, Any] = {
        "location": ground.region,
        "kind": "standard",
        "tags": {f"hidden-link:{component.id}": "Resource"},
        "properties": {
            "SyntheticMonitorId": where[1],
            "Name": where[1],
            "Kind": "standard",
            "Enabled": False,
            "Locations": [{"Id": "emea-nl-ams-azr"}],
            "Request": {"RequestUrl": "https://app.example/health", "HttpVerb": "GET"},
        },
    }
    assert tests.create_or_update(*where, body).enabled is False
    changed = tests.update_tags(*where, {"tags": {**body["tags"], "a": "b"}})
    assert changed.tags["a"] == "b"
    assert tests.get(*where).request.request_url == "https://app.example/health"
    assert where[1] in names(tests.list_by_resource_group(ground.group))
    tests.delete(*where)
    assert where[1] not in names(tests.list())


def test_an_action_group(ground: Ground) -> None:
    groups = ground.client(_MONITOR).action_groups
    where = (ground.group, ground.name("ag"))
    hook = {"name": "hook", "serviceUri": "https://alerts.example", "useCommonAlertSchema": True}
    body = {"location": _GLOBAL, "properties": {"groupShortName": "ops", "webhookReceivers": [hook]}}
    made = groups.create_or_update(*where, body)
    assert (made.enabled, made.webhook_receivers[0].service_uri) == (True, "https://alerts.example")
    assert groups.update(*where, {"properties": {"enabled": False}}).enabled is False
    assert groups.get(*where).group_short_name == "ops"
    assert where[1] in names(groups.list_by_resource_group(ground.group))
    groups.delete(*where)
    assert where[1] not in names(groups.list_by_subscription_id())


def test_a_metric_alert(ground: Ground, site: Any) -> None:
    alerts = ground.client(_MONITOR).metric_alerts
    where = (ground.group, ground.name("alert"))
    criterion = {
        "criterionType": "StaticThresholdCriterion",
        "name": "failed",
        "metricName": "Http5xx",
        "operator": "GreaterThan",
        "threshold": 5,
        "timeAggregation": "Total",
    }
    criteria = {
        "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
        "allOf": [criterion],
    }
    properties = {
        "severity": 2,
        "enabled": False,
        "scopes": [site.id],
        "evaluationFrequency": "PT1M",
        "windowSize": "PT5M",
        "criteria": criteria,
    }
    made = alerts.create_or_update(*where, {"location": _GLOBAL, "properties": properties})
    assert made.criteria.all_of[0].metric_name == "Http5xx"
    assert alerts.update(*where, {"properties": {"severity": 1}}).severity == 1
    assert alerts.get(*where).scopes == [site.id]
    assert where[1] in names(alerts.list_by_resource_group(ground.group))
    alerts.delete(*where)
    assert where[1] not in names(alerts.list_by_subscription())


def test_a_query_rule(ground: Ground, workspace: str) -> None:
    rules = ground.client(_MONITOR).scheduled_query_rules
    where = (ground.group, ground.name("rule"))
    condition = {
        "query": "AppExceptions",
        "timeAggregation": "Count",
        "operator": "GreaterThan",
        "threshold": 0,
        "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
    }
    properties = {
        "severity": 2,
        "enabled": False,
        "scopes": [workspace],
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "criteria": {"allOf": [condition]},
    }
    made = rules.create_or_update(*where, {"location": ground.region, "properties": properties})
    assert made.criteria.all_of[0].query == "AppExceptions"
    assert rules.update(*where, {"properties": {"severity": 3}}).severity == 3
    assert rules.get(*where).scopes == [workspace]
    assert where[1] in names(rules.list_by_resource_group(ground.group))
    rules.delete(*where)
    assert where[1] not in names(rules.list_by_subscription())


def test_a_diagnostic_setting(ground: Ground, workspace: str, site: Any) -> None:
    # The management package of Monitor has no diagnostic settings any more; its listing is the CLI's part.
    resources = ground.client("azure.mgmt.resource.resources.ResourceManagementClient").resources
    where = f"{site.id}/providers/Microsoft.Insights/diagnosticSettings/logs"
    logs = [{"category": "AppServiceHTTPLogs", "enabled": True}]
    body = {"properties": {"workspaceId": workspace, "logs": logs}}
    made = resources.begin_create_or_update_by_id(where, body, api_version=_SETTINGS).result()
    assert made.properties["workspaceId"] == workspace
    logs[0]["enabled"] = False
    resources.begin_create_or_update_by_id(where, body, api_version=_SETTINGS).result()
    assert resources.get_by_id(where, api_version=_SETTINGS).properties["logs"][0]["enabled"] is False
    resources.begin_delete_by_id(where, api_version=_SETTINGS).result()
    with pytest.raises(ResourceNotFoundError):
        resources.get_by_id(where, api_version=_SETTINGS)


def test_a_site_and_its_plan(ground: Ground, site: Any) -> None:
    client = ground.client(_WEB)
    apps, plans = client.web_apps, client.app_service_plans
    assert plans.update(ground.group, "plan", {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert plans.get(ground.group, "plan").properties.number_of_sites == 1
    assert names(plans.list_by_resource_group(ground.group)) == ["plan"]
    changed = apps.update(ground.group, site.name, {"properties": {"httpsOnly": True}})
    assert changed.properties.https_only is True
    assert apps.get(ground.group, site.name).properties.state == "Running"
    assert names(apps.list_by_resource_group(ground.group)) == [site.name]
    assert site.name in names(apps.list())
    body = {"location": ground.region, "sku": {"name": "B1"}, "properties": {"reserved": True}}
    plans.begin_create_or_update(ground.group, "empty", body).result()
    plans.delete(ground.group, "empty")
    assert "empty" not in names(plans.list())


def test_settings_of_a_site(ground: Ground, site: Any) -> None:
    apps, where = ground.client(_WEB).web_apps, (ground.group, site.name)
    apps.update_application_settings(*where, {"properties": {"GREETING": "hello"}})
    assert apps.list_application_settings(*where).properties == {"GREETING": "hello"}
    assert "web" in names(apps.list_configurations(*where))


def test_publishing_with_a_password_is_forbidden(ground: Ground, site: Any) -> None:
    apps, where = ground.client(_WEB).web_apps, (ground.group, site.name)
    never = {"properties": {"allow": False}}
    assert apps.get_ftp_allowed(*where).properties.allow is True
    assert apps.update_ftp_allowed(*where, never).properties.allow is False
    assert apps.get_scm_allowed(*where).properties.allow is True
    assert apps.update_scm_allowed(*where, never).properties.allow is False
    listed = apps.list_basic_publishing_credentials_policies(*where)
    assert {one.name: one.properties.allow for one in listed} == {"ftp": False, "scm": False}


def test_a_host_name_and_its_certificate(ground: Ground, site: Any) -> None:
    client = ground.client(_WEB)
    apps, certificates = client.web_apps, client.certificates
    where, host = (ground.group, site.name), f"{ground.name('app')}.example.org"
    ground.sandbox.dns("add", host, "CNAME", site.properties.default_host_name)
    plain = {"properties": {"siteName": site.name, "hostNameType": "Verified"}}
    assert apps.create_or_update_host_name_binding(*where, host, plain).properties.site_name == site.name
    named = (ground.group, ground.name("cert"))
    managed = {"serverFarmId": site.properties.server_farm_id, "canonicalName": host}
    # Azure accepts a managed certificate with 202, which this package does not know of
    # (Azure/azure-sdk-for-python, issue 34395).
    with pytest.raises(HttpResponseError) as accepted:
        certificates.create_or_update(*named, {"location": ground.region, "properties": managed})
    assert accepted.value.status_code == 202
    wait_until(lambda: certificates.get(*named).properties.thumbprint)
    made = certificates.get(*named)
    assert made.properties.canonical_name == host
    assert certificates.update(*named, {"properties": {"canonicalName": host}}).name == named[1]
    assert certificates.get(*named).properties.server_farm_id == site.properties.server_farm_id
    assert named[1] in names(certificates.list_by_resource_group(ground.group))
    assert named[1] in names(certificates.list())
    thumbprint = made.properties.thumbprint
    bound = {"properties": {**plain["properties"], "sslState": "SniEnabled", "thumbprint": thumbprint}}
    apps.create_or_update_host_name_binding(*where, host, bound)
    assert apps.get_host_name_binding(*where, host).properties.ssl_state == "SniEnabled"
    listed = names(apps.list_host_name_bindings(*where))
    assert [one.rpartition("/")[2] for one in listed if one.endswith(host)] == [host]
    assert host in apps.get(*where).properties.host_names
    apps.delete_host_name_binding(*where, host)
    assert host not in apps.get(*where).properties.host_names
    certificates.delete(*named)
    assert named[1] not in names(certificates.list())


def test_a_static_site_is_changed(ground: Ground) -> None:
    sites = ground.client(_WEB).static_sites
    where = (ground.group, ground.name("portal"))
    body = {"location": ground.region, "sku": {"name": "Free", "tier": "Free"}, "properties": {}}
    sites.begin_create_or_update_static_site(*where, body).result()
    sites.update_static_site(*where, {"properties": {"stagingEnvironmentPolicy": "Disabled"}})
    assert sites.get_static_site(*where).properties.staging_environment_policy == "Disabled"
    sites.begin_delete_static_site(*where).result()


def test_a_cluster_of_caches_is_changed(ground: Ground) -> None:
    client = ground.client("azure.mgmt.redisenterprise.RedisEnterpriseManagementClient")
    clusters, where = client.redis_enterprise, (ground.group, ground.name("amr"))
    properties = {"minimumTlsVersion": "1.2", "publicNetworkAccess": "Disabled"}
    body = {"location": ground.region, "sku": {"name": "Balanced_B0"}, "properties": properties}
    clusters.begin_create(*where, body).result()
    assert clusters.begin_update(*where, {"tags": {"a": "b"}}).result().tags == {"a": "b"}
    clusters.begin_delete(*where).result()
    assert where[1] not in names(clusters.list())


def test_a_vault_with_keys_and_secrets_as_resource_manager_has_them(ground: Ground) -> None:
    client = ground.client("azure.mgmt.keyvault.KeyVaultManagementClient")
    vaults, where = client.vaults, (ground.group, ground.name("kv"))
    properties = {
        "tenantId": ground.sandbox.told["directory_id"],
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "softDeleteRetentionInDays": 7,
    }
    vaults.begin_create_or_update(*where, {"location": ground.region, "properties": properties}).result()
    assert vaults.update(*where, {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert vaults.get(*where).properties.soft_delete_retention_in_days == 7
    assert where[1] in names(vaults.list_by_resource_group(ground.group))
    key = client.keys.create_if_not_exist(*where, "data", {"properties": {"kty": "RSA", "keySize": 2048}})
    assert client.keys.get(*where, "data").key_uri_with_version == key.key_uri_with_version
    assert names(client.keys.list(*where)) == ["data"]
    made = client.secrets.create_or_update(*where, "token", {"properties": {"value": "one"}})
    assert made.properties.secret_uri.endswith("/secrets/token")
    client.secrets.update(*where, "token", {"tags": {"a": "b"}})
    assert client.secrets.get(*where, "token").tags == {"a": "b"}
    assert names(client.secrets.list(*where)) == ["token"]
    roles = ground.client(
        "azure.mgmt.authorization.AuthorizationManagementClient", api_version="2022-04-01"
    ).role_assignments
    officer = f"{ground.sandbox.subscription}/providers/Microsoft.Authorization/roleDefinitions/{_OFFICER}"
    role = {"roleDefinitionId": officer, "principalId": ground.sandbox.told["object_id"]}
    roles.create(vaults.get(*where).id, str(uuid.uuid4()), {"properties": role})
    told = ground.sandbox.told
    with KeyClient(
        f"https://{where[1]}.{told['vault_suffix']}",
        ground.sandbox.credential(),
        connection_verify=told["ca_file"],
        use_env_settings=False,
    ) as inside:
        inside.begin_delete_key("data").wait()
        assert names(inside.list_deleted_keys()) == ["data"]
    assert names(client.keys.list(*where)) == []
    vaults.delete(*where)
    assert where[1] in names(vaults.list_deleted())


def test_a_container_is_changed(ground: Ground) -> None:
    client = ground.client("azure.mgmt.storage.StorageManagementClient")
    account = f"st{uuid.uuid4().hex[:12]}"
    body = {"location": ground.region, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    client.storage_accounts.begin_create(ground.group, account, body).result()
    where = (ground.group, account, "papers")
    client.blob_containers.create(*where, {})
    client.blob_containers.update(*where, {"properties": {"metadata": {"a": "b"}}})
    assert client.blob_containers.get(*where).metadata == {"a": "b"}


def _component(ground: Ground, workspace: str) -> dict[str, Any]:
    properties = {"Application_Type": "web", "WorkspaceResourceId": workspace}
    return {"location": ground.region, "kind": "web", "properties": properties}
