"""What each part of an instance is asked for with: values that the specification promises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tenantry.config.regions import find_region
from tenantry.model.residency import AzurePlacement, ZoneRedundancy
from tests.azure.components.running import engine_at, sent_by
from tests.azure.recording import example_props, token_of

_GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-kenya-san-abc234"
_PROVIDERS = f"{_GROUP}/providers/Microsoft"
_NETWORK = f"{_PROVIDERS}.Network/virtualNetworks/vnet-kenya-san-abc234"
_SERVER = f"{_PROVIDERS}.DBforPostgreSQL/flexibleServers/psql-kenya-san-abc234"
_SITE = f"{_PROVIDERS}.Web/sites/app-kenya-san-abc234"
_VAULT = f"{_PROVIDERS}.KeyVault/vaults"
_CACHE = f"{_PROVIDERS}.Cache/redisEnterprise/amr-kenya-san-abc234"
_ACCOUNT = f"{_PROVIDERS}.Storage/storageAccounts/stkenyasanabc234"
_WORKSPACE = f"{_PROVIDERS}.OperationalInsights/workspaces/log-kenya-san-abc234"
_RULES = f"{_PROVIDERS}.Network/networkSecurityGroups"
_PEOPLE = f"{_PROVIDERS}.Insights/actionGroups/ag-kenya-san-abc234"
_PORTAL = f"{_PROVIDERS}.Web/staticSites/stapp-kenya-san-abc234"
_PLAN = f"{_PROVIDERS}.Web/serverfarms/asp-kenya-san-abc234"
_EMAILS = ("it@example.org", "ops@example.org")

_URNS = Path(__file__).parents[2] / "data" / "azure-urns.txt"

Sent = Mapping[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("values")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Sent:
    """An instance with every service and every wish, in the cloud to rehearse with."""
    placement = AzurePlacement(
        region="southafricanorth",
        zone_redundancy=ZoneRedundancy.REQUIRED,
        geo_redundant_backup=True,
        backup_retention_days=21,
    )
    props = example_props(
        folder / "w",
        profile="121-platform",
        placement=placement,
        monthly_budget=200,
        budget_start="2026-11-01T00:00:00Z",
        emails=_EMAILS,
        webhook="https://alerts.example.org/hook",
        log_retention_days=180,
        rehearsal=True,
    )
    return sent_by(folder / "engine", props)


@pytest.mark.usefixtures("whole")
def test_every_resource_keeps_the_urn_that_instances_know_it_by(folder: Path) -> None:
    """To the engine another URN is another resource: the old one, that people use, would be deleted."""
    made = engine_at(folder / "engine", port=0).resources("one")
    urns = sorted("::".join(one.urn.split("::")[2:]) for one in made if "azure" in one.type)
    assert urns == _URNS.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """One without wishes, where Azure offers no standby."""
    folder = tmp_path_factory.mktemp("values")
    return sent_by(
        folder / "engine", example_props(folder / "w", standby_offered=False, log_retention_days=30)
    )


def _at(body: Mapping[str, Any], path: str) -> Any:
    value: Any = body
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


# The resource, then where in its body, then what must stand there.
_VALUES: tuple[tuple[str, str, Any], ...] = (
    (_SERVER, "properties.highAvailability.mode", "ZoneRedundant"),
    (_SERVER, "properties.backup", {"backupRetentionDays": 21, "geoRedundantBackup": "Enabled"}),
    (_SERVER, "properties.version", "17"),
    (_SERVER, "properties.authConfig.passwordAuth", "Enabled"),
    (_SERVER, "properties.authConfig.activeDirectoryAuth", "Disabled"),
    (f"{_SERVER}/configurations/require_secure_transport", "properties.value", "on"),
    (f"{_SERVER}/configurations/log_statement", "properties.value", "none"),
    *(
        (f"{_VAULT}/{name}-kenya-san-abc234", f"properties.{key}", value)
        for name in ("kvk", "kvs", "kvp")
        for key, value in (
            ("softDeleteRetentionInDays", 7),
            ("enableSoftDelete", True),
            ("enableRbacAuthorization", True),
            ("publicNetworkAccess", "Disabled"),
        )
    ),
    (f"{_VAULT}/kvk-kenya-san-abc234", "properties.enablePurgeProtection", True),
    (f"{_VAULT}/kvp-kenya-san-abc234", "properties.enablePurgeProtection", True),
    (f"{_VAULT}/kvk-kenya-san-abc234/keys/data", "properties.keyOps", ["wrapKey", "unwrapKey"]),
    (_SITE, "properties.httpsOnly", True),
    (_SITE, "properties.virtualNetworkSubnetId", f"{_NETWORK}/subnets/snet-app"),
    (_SITE, "properties.siteConfig.minTlsVersion", "1.2"),
    (_SITE, "properties.siteConfig.scmMinTlsVersion", "1.2"),
    (_SITE, "properties.siteConfig.ftpsState", "Disabled"),
    (_SITE, "properties.siteConfig.vnetRouteAllEnabled", True),
    (f"{_SITE}/basicPublishingCredentialsPolicies/ftp", "properties.allow", False),
    (f"{_SITE}/basicPublishingCredentialsPolicies/scm", "properties.allow", False),
    (f"{_NETWORK}/subnets/snet-app", "properties.addressPrefix", "10.20.0.0/24"),
    (
        f"{_NETWORK}/subnets/snet-app",
        "properties.delegations.0.properties.serviceName",
        "Microsoft.Web/serverFarms",
    ),
    (
        f"{_NETWORK}/subnets/snet-app",
        "properties.networkSecurityGroup.id",
        f"{_RULES}/nsg-app-kenya-san-abc234",
    ),
    (f"{_NETWORK}/subnets/snet-endpoints", "properties.delegations", []),
    (
        f"{_NETWORK}/subnets/snet-endpoints",
        "properties.networkSecurityGroup.id",
        f"{_RULES}/nsg-endpoints-kenya-san-abc234",
    ),
    (f"{_NETWORK}/subnets/snet-endpoints", "properties.defaultOutboundAccess", False),
    (_ACCOUNT, "properties.minimumTlsVersion", "TLS1_2"),
    (_ACCOUNT, "properties.supportsHttpsTrafficOnly", True),
    (_WORKSPACE, "properties.retentionInDays", 180),
    (f"{_PROVIDERS}.Consumption/budgets/budget-kenya-san-abc234", "properties.amount", 200),
    (
        f"{_PROVIDERS}.Consumption/budgets/budget-kenya-san-abc234",
        "properties.notifications.costs.contactEmails",
        list(_EMAILS),
    ),
    (
        f"{_PROVIDERS}.Consumption/budgets/budget-kenya-san-abc234",
        "properties.notifications.costs.threshold",
        80,
    ),
)


@pytest.mark.parametrize(
    ("resource", "path", "value"),
    _VALUES,
    ids=[f"{one.rpartition('/')[2]} {path.rpartition('.')[2]}" for one, path, _ in _VALUES],
)
def test_a_resource_is_asked_for_with_the_value_that_is_promised(
    whole: Sent, resource: str, path: str, value: Any
) -> None:
    assert _at(whole[resource], path) == value


def test_one_without_wishes_gets_the_least_and_no_standby_that_azure_does_not_offer(plain: Sent) -> None:
    assert _at(plain[_SERVER], "properties.highAvailability.mode") == "Disabled"
    assert _at(plain[_SERVER], "properties.backup") == {
        "backupRetentionDays": 7,
        "geoRedundantBackup": "Disabled",
    }
    assert _at(plain[_WORKSPACE], "properties.retentionInDays") == 30


def test_thirty_days_of_logs_are_not_thirty_one(plain: Sent, whole: Sent) -> None:
    assert _at(plain[_WORKSPACE], "properties.features") == {
        "immediatePurgeDataOn30Days": True,
        "enableLogAccessUsingOnlyResourcePermissions": True,
    }
    # Azure keeps to 180 days by itself, if it does not go on with what it was told of 30.
    assert _at(whole[_WORKSPACE], "properties.features.immediatePurgeDataOn30Days") is False


def test_the_endpoints_are_reached_from_the_sites_subnet_at_their_ports_and_from_nowhere_else(
    whole: Sent,
) -> None:
    found = {
        one["name"]: one["properties"]
        for one in _at(whole[f"{_RULES}/nsg-endpoints-kenya-san-abc234"], "properties.securityRules")
    }
    allow, deny = found.pop("from-app"), found.pop("nobody-else")
    assert found == {}
    assert (allow["access"], allow["direction"], allow["protocol"]) == ("Allow", "Inbound", "Tcp")
    assert (allow["sourceAddressPrefix"], allow["destinationAddressPrefix"]) == (
        "10.20.0.0/24",
        "10.20.1.0/24",
    )
    assert allow["destinationPortRanges"] == ["443", "5432", "10000"]
    assert (deny["access"], deny["direction"], deny["protocol"]) == ("Deny", "Inbound", "*")
    assert (deny["sourceAddressPrefix"], deny["destinationPortRange"]) == ("*", "*")
    assert allow["priority"] < deny["priority"]


def test_names_of_private_services_resolve_inside_of_the_network_and_register_nobody(whole: Sent) -> None:
    zones = f"{_PROVIDERS}.Network/privateDnsZones/"
    links = {
        path.removeprefix(zones).partition("/")[0]: body["properties"]
        for path, body in whole.items()
        if "/virtualNetworkLinks/" in path
    }
    link = {"registrationEnabled": False, "virtualNetwork": {"id": _NETWORK}}
    assert [one for one in links.values() if one != link] == []
    assert set(links) == {
        *("privatelink.vaultcore.azure.net", "privatelink.postgres.database.azure.com"),
        *("privatelink.blob.core.windows.net", "privatelink.redis.azure.net"),
    }
    endpoints = {
        path.partition("/privateDnsZoneGroups/")[0].rpartition("/")[2]: _at(
            body, "properties.privateDnsZoneConfigs.0.properties.privateDnsZoneId"
        ).removeprefix(zones)
        for path, body in whole.items()
        if "/privateDnsZoneGroups/" in path
    }
    assert endpoints == {
        "pep-kvk-kenya-san-abc234": "privatelink.vaultcore.azure.net",
        "pep-kvs-kenya-san-abc234": "privatelink.vaultcore.azure.net",
        "pep-psql-kenya-san-abc234": "privatelink.postgres.database.azure.com",
        "pep-stkenyasanabc234": "privatelink.blob.core.windows.net",
        "pep-amr-kenya-san-abc234": "privatelink.redis.azure.net",
    }


def test_every_resource_that_can_sends_its_logs_and_metrics_to_the_workspace(whole: Sent) -> None:
    mark = "/providers/Microsoft.Insights/diagnosticSettings/"
    found = {
        path.partition(mark)[0]: (
            [one["categoryGroup"] for one in body["properties"]["logs"] if one["enabled"]],
            [one["category"] for one in body["properties"]["metrics"] if one["enabled"]],
        )
        for path, body in whole.items()
        if mark in path
    }
    metrics = ["AllMetrics"]
    # As Azure Monitor's reference has logs and metrics that a setting sends, per type.
    assert found == {
        f"{_VAULT}/kvk-kenya-san-abc234": (["audit"], metrics),
        f"{_VAULT}/kvs-kenya-san-abc234": (["audit"], metrics),
        f"{_VAULT}/kvp-kenya-san-abc234": (["audit"], metrics),
        _SITE: (["allLogs"], metrics),
        _PLAN: ([], metrics),
        _SERVER: (["audit"], metrics),
        _ACCOUNT: ([], metrics),
        f"{_ACCOUNT}/blobServices/default": (["audit"], metrics),
        _CACHE: ([], metrics),
        f"{_CACHE}/databases/default": (["allLogs"], []),
        _PORTAL: (["allLogs"], []),
        _NETWORK: (["allLogs"], metrics),
        f"{_RULES}/nsg-app-kenya-san-abc234": (["allLogs"], []),
        f"{_RULES}/nsg-endpoints-kenya-san-abc234": (["allLogs"], []),
        _WORKSPACE: (["audit"], metrics),
    }
    sinks = {body["properties"]["workspaceId"] for path, body in whole.items() if mark in path}
    assert sinks == {_WORKSPACE}


# Of each rule over a metric: what is looked at, which metric, how, above what, in which window.
_ALERTS: Mapping[str, tuple[str, str, str, float, str]] = {
    "database-cpu": (_SERVER, "cpu_percent", "Average", 85, "PT15M"),
    "database-storage": (_SERVER, "storage_percent", "Average", 85, "PT15M"),
    "database-connections": (_SERVER, "active_connections", "Average", 687, "PT15M"),  # 80 % of 859
    "failed-requests": (_SITE, "Http5xx", "Total", 10, "PT5M"),
    "denied-keys-vault": (f"{_VAULT}/kvk-kenya-san-abc234", "ServiceApiResult", "Count", 5, "PT5M"),
    "denied-secrets-vault": (f"{_VAULT}/kvs-kenya-san-abc234", "ServiceApiResult", "Count", 5, "PT5M"),
    "denied-pair-keys-vault": (f"{_VAULT}/kvp-kenya-san-abc234", "ServiceApiResult", "Count", 5, "PT5M"),
}


def test_rules_over_metrics_look_at_the_right_figure_and_call_people(whole: Sent) -> None:
    mark = "/metricAlerts/alert-"
    rules = {
        path.partition(mark)[2].removesuffix("-kenya-san-abc234"): body["properties"]
        for path, body in whole.items()
        if mark in path
    }
    availability = rules.pop("availability")
    found = {
        name: (
            *rule["scopes"],
            *(_at(rule, f"criteria.allOf.0.{key}") for key in ("metricName", "timeAggregation", "threshold")),
            rule["windowSize"],
        )
        for name, rule in rules.items()
    }
    assert found == _ALERTS
    assert {_at(one, "criteria.allOf.0.operator") for one in rules.values()} == {"GreaterThan"}
    denied = [
        _at(rules[name], "criteria.allOf.0.dimensions.0") for name in rules if name.startswith("denied")
    ]
    assert denied == [{"name": "StatusCode", "operator": "Include", "values": ["403"]}] * 3
    assert (availability["windowSize"], _at(availability, "criteria.failedLocationCount")) == ("PT5M", 2)
    called = [one["actions"] for one in (*rules.values(), availability)]
    assert called == [[{"actionGroupId": _PEOPLE}]] * len(called)


def test_a_rule_over_logs_looks_for_exceptions_and_calls_the_same_people(whole: Sent) -> None:
    (rule,) = [body["properties"] for path, body in whole.items() if "/scheduledQueryRules/" in path]
    criterion = _at(rule, "criteria.allOf.0")
    assert (criterion["query"], criterion["operator"], criterion["threshold"]) == (
        "AppExceptions",
        "GreaterThan",
        0,
    )
    assert (rule["scopes"], rule["windowSize"], rule["actions"]) == (
        [_WORKSPACE],
        "PT5M",
        {"actionGroups": [_PEOPLE]},
    )


def test_people_are_called_by_e_mail_and_a_webhook(whole: Sent, plain: Sent) -> None:
    told = whole[_PEOPLE]["properties"]
    assert [one["emailAddress"] for one in told["emailReceivers"]] == list(_EMAILS)
    assert [one["serviceUri"] for one in told["webhookReceivers"]] == ["https://alerts.example.org/hook"]
    assert plain[_PEOPLE]["properties"]["webhookReceivers"] == []


_CRYPTO_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"  # Key Vault Crypto Service Encryption User
_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"  # Key Vault Secrets User
_BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"  # Storage Blob Data Contributor


def test_identities_get_one_narrow_role_each_at_the_one_resource_that_they_use(whole: Sent) -> None:
    mark = "/providers/Microsoft.Authorization/roleAssignments/"
    given: dict[str, set[tuple[str, str]]] = {}
    for path, body in whole.items():
        if mark in path:
            role = body["properties"]["roleDefinitionId"].rpartition("/")[2]
            given.setdefault(body["properties"]["principalId"], set()).add((path.partition(mark)[0], role))
    (app,) = [one for one in given.values() if len(one) > 1]
    assert app == {
        (f"{_VAULT}/kvs-kenya-san-abc234", _SECRETS_USER),
        (_ACCOUNT, _BLOB_CONTRIBUTOR),
    }
    others = [next(iter(one)) for one in given.values() if one != app]
    for vault in ("kvk", "kvp"):
        others.remove((f"{_VAULT}/{vault}-kenya-san-abc234", _CRYPTO_USER))
    assert {scope for scope, _ in others} <= {f"{_VAULT}/kvs-kenya-san-abc234"}  # the operator's


def test_tags_say_whose_and_by_which_operation_it_is_and_that_it_is_a_rehearsal(
    whole: Sent, plain: Sent
) -> None:
    ours = {"instance": "tnabc", "client": "kenya", "operation": "op-1"}
    for sent, promised in ((plain, ours), (whole, {**ours, "rehearsal": "true"})):
        tags = [
            {key: value for key, value in body["tags"].items() if not key.startswith("hidden-link:")}
            for body in sent.values()
            if "tags" in body
        ]
        assert tags
        assert [one for one in tags if one != promised] == []


def test_what_the_spec_says_of_people_stands_where_they_are_called_and_in_no_name_or_tag(plain: Sent) -> None:
    personal = ("@example.org", "Example", "admin")
    holders = {
        token_of(path).rpartition(":")[2] for path, body in plain.items() if "@example.org" in str(body)
    }
    assert holders == {"ActionGroup", "WebAppApplicationSettings"}  # ADMIN_EMAIL is the workload's to know
    named = [*plain, *(str(body.get("tags")) for body in plain.values())]
    assert [one for one in named if any(word in one for word in personal)] == []


def test_the_availability_test_asks_from_places_of_the_instances_cloud(tmp_path: Path) -> None:
    region = find_region("usgovvirginia")
    assert region is not None
    sent = sent_by(tmp_path / "engine", example_props(tmp_path / "w", region=region, pair=None))
    (test,) = [body for path, body in sent.items() if "/webtests/" in path.lower()]
    assert {one["Id"] for one in test["properties"]["Locations"]} == {
        "usgov-va-azr", "usgov-phx-azr", "usgov-tx-azr",
    }  # fmt: skip
