"""Which client that nobody here wrote does what with each type of the sandbox, and with what lies in one.

A cell names the call and the test that makes it, or says why Azure has no such
verb. ``test_table.py`` holds the table against the types that an instance
consists of, and each cell against the test that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

__all__ = ["ASIDE", "AZURE_CLI", "BESIDE", "CLI_TESTS", "DATA", "PSQL", "TABLE", "Called", "Never", "Row"]

AZURE_CLI: Final = "Azure CLI"
PSQL: Final = "psql"
CLI_TESTS: Final = "clients/test_azure_cli.py"


@dataclass(frozen=True, kw_only=True)
class Called:
    """A verb that a client does."""

    client: str  # its class, or AZURE_CLI, or PSQL
    call: str  # "virtual_networks.begin_delete"; of the CLI or of SQL the first words of a command
    test: str  # "clients/test_management_clients.py::test_a_network_and_its_subnets"


@dataclass(frozen=True)
class Never:
    """A verb that Azure does not have for a type."""

    why: str


Cell = Called | Never


@dataclass(frozen=True, kw_only=True)
class Row:
    """The verbs of a type."""

    create: Cell
    read: Cell
    list: Cell
    update: Cell
    delete: Cell
    list_deleted: Cell
    cli: Mapping[str, str] = field(default_factory=dict)  # verb → command that the Azure CLI does it with

    def cells(self) -> dict[str, Cell]:
        """The cells by their verbs."""
        names = ("create", "read", "list", "update", "delete", "list_deleted")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True)
class _Client:
    """Where the calls of a row are made, unless a cell says otherwise."""

    name: str
    group: str
    test: str

    def __call__(self, method: str, test: str = "", group: str = "") -> Called:
        file, _, name = self.test.partition("::")
        where = test if ".py::" in test else f"{file}::{test or name}"
        call = ".".join(part for part in (group or self.group, method) if part)
        return Called(client=self.name, call=call, test=where)


_GOES_FOR_GOOD = Never("what is deleted is gone: Azure keeps nothing and has no list")
_WITH_PARENT = Never("it is there as long as its parent")
_ALWAYS = Never("its parent has it from the start")
_KEPT_BY_NOBODY = Never("the login gives tokens away and keeps none of them")

_HERE, _WATCH = "clients/test_management_clients.py", "clients/test_monitor_and_app_clients.py"
_NETWORK: Final = "azure.mgmt.network.NetworkManagementClient"
_DNS: Final = "azure.mgmt.privatedns.PrivateDnsManagementClient"
_INSIGHTS: Final = "azure.mgmt.applicationinsights.ApplicationInsightsManagementClient"
_MONITOR: Final = "azure.mgmt.monitor.MonitorManagementClient"
_VAULTS: Final = "azure.mgmt.keyvault.KeyVaultManagementClient"
_POSTGRES: Final = "azure.mgmt.postgresqlflexibleservers.PostgreSQLManagementClient"
_REDIS: Final = "azure.mgmt.redisenterprise.RedisEnterpriseManagementClient"
_STORAGE: Final = "azure.mgmt.storage.StorageManagementClient"
_WEB: Final = "azure.mgmt.web.WebSiteManagementClient"


def _usual(do: _Client, **more: Cell | Mapping[str, str]) -> Row:
    """A row of the calls that most clients have; ``more`` names the others."""
    cells: dict[str, Cell | Mapping[str, str]] = {
        "create": do("begin_create_or_update"),
        "read": do("get"),
        "list": do("list"),
        "update": do("begin_create_or_update"),
        "delete": do("begin_delete"),
        "list_deleted": _GOES_FOR_GOOD,
    }
    return Row(**{**cells, **more})  # type: ignore[arg-type]


def _at_once(do: _Client, **more: Cell | Mapping[str, str]) -> Row:
    """A row of a type whose calls end with their answers."""
    cells: dict[str, Cell | Mapping[str, str]] = {
        "create": do("create_or_update"),
        "list": do("list_by_resource_group"),
        "update": do("update"),
        "delete": do("delete"),
    }
    return _usual(do, **{**cells, **more})


def _client(name: str, group: str, test: str) -> _Client:
    return _Client(name=name, group=group, test=test)


_groups = _client(
    "azure.mgmt.resource.resources.ResourceManagementClient",
    "resource_groups",
    "test_arm_clients.py::test_a_resource_group_is_made_read_listed_changed_and_deleted",
)
_identities = _client(
    "azure.mgmt.msi.ManagedServiceIdentityClient",
    "user_assigned_identities",
    f"{_HERE}::test_an_identity",
)
_roles = _client(
    "azure.mgmt.authorization.AuthorizationManagementClient",
    "role_assignments",
    f"{_HERE}::test_a_role_assignment",
)
_locks = _client(
    "azure.mgmt.resource.locks.ManagementLockClient", "management_locks", f"{_HERE}::test_a_lock"
)
_budgets = _client("azure.mgmt.consumption.ConsumptionManagementClient", "budgets", f"{_HERE}::test_a_budget")
_networks = _client(_NETWORK, "virtual_networks", f"{_HERE}::test_a_network_and_its_subnets")
_subnets = _client(_NETWORK, "subnets", f"{_HERE}::test_a_network_and_its_subnets")
_security = _client(_NETWORK, "network_security_groups", f"{_HERE}::test_a_security_group")
_endpoints = _client(_NETWORK, "private_endpoints", f"{_HERE}::test_a_private_endpoint_and_its_zone_group")
_zone_groups = _client(
    _NETWORK, "private_dns_zone_groups", f"{_HERE}::test_a_private_endpoint_and_its_zone_group"
)
_zones = _client(_DNS, "private_zones", f"{_HERE}::test_a_zone_and_its_links")
_links = _client(_DNS, "virtual_network_links", f"{_HERE}::test_a_zone_and_its_links")
_workspaces = _client(
    "azure.mgmt.loganalytics.LogAnalyticsManagementClient", "workspaces", f"{_HERE}::test_a_workspace"
)
_tables = _client(
    "azure.mgmt.loganalytics.LogAnalyticsManagementClient", "tables", f"{_HERE}::test_tables_of_a_workspace"
)
_components = _client(_INSIGHTS, "components", f"{_WATCH}::test_a_component")
_tests = _client(_INSIGHTS, "web_tests", f"{_WATCH}::test_a_web_test")
_action_groups = _client(_MONITOR, "action_groups", f"{_WATCH}::test_an_action_group")
_metric_alerts = _client(_MONITOR, "metric_alerts", f"{_WATCH}::test_a_metric_alert")
_query_rules = _client(_MONITOR, "scheduled_query_rules", f"{_WATCH}::test_a_query_rule")
_by_id = _client(
    "azure.mgmt.resource.resources.ResourceManagementClient",
    "resources",
    f"{_WATCH}::test_a_diagnostic_setting",
)
_vault_test = f"{_WATCH}::test_a_vault_with_keys_and_secrets_as_resource_manager_has_them"
_vaults = _client(_VAULTS, "vaults", _vault_test)
_vault_keys, _vault_secrets = (_client(_VAULTS, one, _vault_test) for one in ("keys", "secrets"))
_keys = _client(
    "azure.keyvault.keys.KeyClient", "", "test_vault_clients.py::test_a_key_is_made_read_listed_and_deleted"
)
_secrets = _client(
    "azure.keyvault.secrets.SecretClient",
    "",
    "test_vault_clients.py::test_a_secret_is_set_read_listed_changed_and_has_versions",
)
_undone = "test_a_deleted_secret_is_listed_recovered_and_purged"
_server_test = "test_postgres_clients.py::test_a_server_is_read_listed_and_changed"
_servers = _client(_POSTGRES, "servers", _server_test)
_databases = _client(
    _POSTGRES, "databases", "test_postgres_clients.py::test_a_database_is_made_listed_and_deleted"
)
_settings = _client(
    _POSTGRES, "configurations", "test_postgres_clients.py::test_a_setting_is_changed_read_and_listed"
)
_letting_in = _client(
    _POSTGRES, "firewall_rules", "test_postgres_clients.py::test_psql_is_let_in_by_a_rule_alone"
)
_backups = _client(
    _POSTGRES,
    "backups_automatic_and_on_demand",
    "test_postgres_clients.py::test_a_backup_is_made_listed_and_deleted",
)
_clusters = _client(_REDIS, "redis_enterprise", "test_cache_clients.py::test_a_cluster_is_read_and_listed")
_caches = _client(_REDIS, "databases", "test_cache_clients.py::test_its_database_is_read_and_listed")
_gone = "test_a_deleted_cluster_is_gone_at_once_and_so_is_its_host_name"
_told = "test_storage_clients.py::test_resource_manager_tells_accounts_services_and_containers"
_accounts = _client(_STORAGE, "storage_accounts", _told)
_services, _containers = (_client(_STORAGE, one, _told) for one in ("blob_services", "blob_containers"))
_plans = _client(_WEB, "app_service_plans", f"{_WATCH}::test_a_site_and_its_plan")
_sites = _client(_WEB, "web_apps", f"{_WATCH}::test_a_site_and_its_plan")
_app_settings = _client(_WEB, "web_apps", f"{_WATCH}::test_settings_of_a_site")
_publishing = _client(_WEB, "web_apps", f"{_WATCH}::test_publishing_with_a_password_is_forbidden")
_host_names = _client(_WEB, "web_apps", f"{_WATCH}::test_a_host_name_and_its_certificate")
_certificates = _client(_WEB, "certificates", f"{_WATCH}::test_a_host_name_and_its_certificate")
_blobs = _client(
    "azure.storage.blob.ContainerClient",
    "",
    "test_storage_clients.py::test_a_blob_is_written_read_listed_changed_and_deleted",
)
_tokens = _client(
    "azure.identity.CertificateCredential",
    "",
    "test_login.py::test_the_certificate_is_the_application",
)
_rows = _client(
    PSQL, "", "test_postgres_clients.py::test_rows_are_written_read_listed_changed_and_deleted_by_psql"
)
_static = _client(
    _WEB, "", "test_static_site_clients.py::test_a_new_one_is_read_listed_and_waits_for_content"
)

# Types that no instance consists of, and that operations on one make for a while, ask for or change.
BESIDE: Final = (
    "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
    "Microsoft.DBforPostgreSQL/flexibleServers/backups",
    "Microsoft.OperationalInsights/workspaces/tables",
)
# Types that the sandbox has and nothing of ours makes or asks for.
ASIDE: Final[Mapping[str, str]] = {
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": "clients may make some",
    "Microsoft.Network/networkSecurityGroups/securityRules": "a part of its group, and told inside of it",
    "Microsoft.Network/networkInterfaces": "a private endpoint's own, made and deleted with it",
    "Microsoft.Network/privateDnsZones/A": "a private endpoint's record, made and deleted with its group",
    "Microsoft.DBforPostgreSQL/flexibleServers/administrators": "nobody signs in by the directory",
    "Microsoft.AlertsManagement/smartDetectorAlertRules": "a component's own, made by Azure minutes after it",
}

TABLE: Final[Mapping[str, Row]] = {
    "Microsoft.Resources/resourceGroups": _at_once(
        _groups,
        list=_groups("list"),
        delete=_groups("begin_delete"),
        cli={
            one: f"group {word}"
            for one, word in (
                ("create", "create"),
                ("read", "show"),
                ("list", "list"),
                ("delete", "delete"),
            )
        },
    ),
    "Microsoft.ManagedIdentity/userAssignedIdentities": _at_once(_identities),
    "Microsoft.Authorization/roleAssignments": _at_once(
        _roles,
        create=_roles("create"),
        list=_roles("list_for_scope"),
        update=_roles("create"),
        cli={one: f"role assignment {one}" for one in ("create", "list", "delete")},
    ),
    "Microsoft.Authorization/locks": _usual(
        _locks,
        create=_locks("create_or_update_by_scope"),
        read=_locks("get_by_scope"),
        list=_locks("list_at_resource_group_level"),
        update=_locks("create_or_update_by_scope"),
        delete=_locks("delete_by_scope"),
        cli={"create": "lock create", "list": "lock list", "delete": "lock delete"},
    ),
    "Microsoft.Consumption/budgets": _at_once(
        _budgets, list=_budgets("list"), update=_budgets("create_or_update")
    ),
    "Microsoft.Network/virtualNetworks": _usual(
        _networks,
        update=_networks("update_tags"),
        cli={"create": "network vnet create", "list": "network vnet list"},
    ),
    "Microsoft.Network/virtualNetworks/subnets": _usual(_subnets),
    "Microsoft.Network/networkSecurityGroups": _usual(_security, update=_security("update_tags")),
    "Microsoft.Network/privateEndpoints": _usual(_endpoints),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": _usual(_zone_groups),
    "Microsoft.Network/privateDnsZones": _usual(
        _zones, list=_zones("list_by_resource_group"), update=_zones("begin_update")
    ),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": _usual(_links, update=_links("begin_update")),
    "Microsoft.OperationalInsights/workspaces": _usual(
        _workspaces,
        list=_workspaces("list_by_resource_group"),
        update=_workspaces("update"),
        list_deleted=_workspaces("list", group="deleted_workspaces"),
        cli={
            "create": "monitor log-analytics workspace create",
            "delete": "monitor log-analytics workspace delete",
            "list_deleted": "monitor log-analytics workspace list-deleted-workspaces",
        },
    ),
    "Microsoft.OperationalInsights/workspaces/tables": _usual(
        _tables,
        list=_tables("list_by_workspace"),
        update=_tables("begin_update"),
        delete=Never("Azure's own tables, and there are no others here, go with their workspace"),
        cli={
            "read": "monitor log-analytics workspace table show",
            "list": "monitor log-analytics workspace table list",
            "update": "monitor log-analytics workspace table update",
        },
    ),
    "Microsoft.Insights/components": _at_once(_components, update=_components("update_tags")),
    "Microsoft.Insights/webtests": _at_once(_tests, update=_tests("update_tags")),
    "Microsoft.Insights/actionGroups": _at_once(_action_groups),
    "Microsoft.Insights/metricAlerts": _at_once(_metric_alerts),
    "Microsoft.Insights/scheduledQueryRules": _at_once(_query_rules),
    "Microsoft.Insights/diagnosticSettings": _usual(
        _by_id,
        create=_by_id("begin_create_or_update_by_id"),
        read=_by_id("get_by_id"),
        # azure-mgmt-monitor has no diagnostic settings since its version 7.
        list=Called(
            client=AZURE_CLI,
            call="monitor diagnostic-settings list",
            test=f"{CLI_TESTS}::test_workspaces_and_diagnostic_settings",
        ),
        update=_by_id("begin_create_or_update_by_id"),
        delete=_by_id("begin_delete_by_id"),
        cli={"create": "monitor diagnostic-settings create"},
    ),
    "Microsoft.KeyVault/vaults": _usual(
        _vaults,
        list=_vaults("list_by_resource_group"),
        update=_vaults("update"),
        delete=_vaults("delete"),
        list_deleted=_vaults("list_deleted"),
        cli={
            "create": "keyvault create",
            "list": "keyvault list",
            "delete": "keyvault delete",
            "list_deleted": "keyvault list-deleted",
        },
    ),
    "Microsoft.KeyVault/vaults/keys": _usual(
        _vault_keys,
        create=_vault_keys("create_if_not_exist"),
        # Resource Manager neither changes nor deletes keys and secrets: the vault itself does.
        update=_keys("update_key_properties", "test_a_disabled_key_unwraps_nothing"),
        delete=_keys("begin_delete_key"),
        list_deleted=_keys("list_deleted_keys"),
    ),
    "Microsoft.KeyVault/vaults/secrets": _at_once(
        _vault_secrets,
        list=_vault_secrets("list"),
        delete=_secrets("begin_delete_secret", _undone),
        list_deleted=_secrets("list_deleted_secrets", _undone),
        cli={"create": "keyvault secret set", "read": "keyvault secret show"},
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers": _usual(
        _servers,
        list=_servers("list_by_resource_group"),
        update=_servers("begin_update"),
        delete=_servers("begin_delete", "test_a_server_that_was_deleted_is_gone"),
        list_deleted=Never("Azure lists no deleted servers: one is revived by its id within five days"),
        cli={
            "create": "postgres flexible-server create",
            "read": "postgres flexible-server show",
            "list": "postgres flexible-server list",
            "delete": "postgres flexible-server delete",
        },
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/databases": _usual(
        _databases,
        create=_databases("begin_create"),
        list=_databases("list_by_server"),
        update=Never("character set and collation of a database are decided once"),
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/configurations": _usual(
        _settings,
        create=_ALWAYS,
        list=_settings("list_by_server"),
        update=_settings("begin_put"),
        delete=_WITH_PARENT,
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules": _usual(
        _letting_in, list=_letting_in("list_by_server")
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/backups": _usual(
        _backups,
        create=_backups("begin_create"),
        list=_backups("list_by_server"),
        update=Never("a backup is what the server was at a moment, and is not changed"),
    ),
    "Microsoft.Cache/redisEnterprise": _usual(
        _clusters,
        create=_clusters("begin_create"),
        list=_clusters("list_by_resource_group"),
        update=_clusters("begin_update", f"{_WATCH}::test_a_cluster_of_caches_is_changed"),
        delete=_clusters("begin_delete", _gone),
    ),
    "Microsoft.Cache/redisEnterprise/databases": _usual(
        _caches,
        create=_caches("begin_create"),
        list=_caches("list_by_cluster"),
        update=_caches("begin_update", "test_another_eviction_policy_holds_at_once"),
        delete=_caches("begin_delete", _gone),
    ),
    "Microsoft.Storage/storageAccounts": _at_once(
        _accounts,
        create=_accounts("begin_create"),
        read=_accounts("get_properties"),
        delete=_accounts("delete", "test_a_deleted_account_is_kept_for_fourteen_days"),
        list_deleted=_accounts(
            "list", "test_a_deleted_account_is_kept_for_fourteen_days", group="deleted_accounts"
        ),
        cli={
            "create": "storage account create",
            "read": "storage account show",
            "delete": "storage account delete",
        },
    ),
    "Microsoft.Storage/storageAccounts/blobServices": _usual(
        _services,
        create=_ALWAYS,
        read=_services("get_service_properties"),
        update=_services("set_service_properties"),
        delete=_WITH_PARENT,
    ),
    "Microsoft.Storage/storageAccounts/blobServices/containers": _at_once(
        _containers,
        create=_containers("create"),
        list=_containers("list"),
        update=_containers("update", f"{_WATCH}::test_a_container_is_changed"),
        list_deleted=_containers("list", "test_a_deleted_container_comes_back_with_its_blobs"),
        cli={"create": "storage container create", "list": "storage container list"},
    ),
    "Microsoft.Web/serverfarms": _at_once(
        _plans,
        create=_plans("begin_create_or_update"),
        cli={"create": "appservice plan create"},
    ),
    "Microsoft.Web/sites": _at_once(
        _sites,
        create=_sites("begin_create_or_update"),
        delete=_sites(
            "delete",
            "test_site_clients.py::test_a_deleted_site_is_restored_into_another_and_gone_after_its_days",
        ),
        list_deleted=_sites(
            "list",
            "test_site_clients.py::test_a_deleted_site_is_restored_into_another_and_gone_after_its_days",
            group="deleted_web_apps",
        ),
        cli={
            "create": "webapp create",
            "list": "webapp list",
            "delete": "webapp delete",
            "list_deleted": "webapp deleted list",
        },
    ),
    "Microsoft.Web/sites/config": _usual(
        _app_settings,
        create=_ALWAYS,
        read=_app_settings("list_application_settings"),
        list=_app_settings("list_configurations"),
        update=_app_settings("update_application_settings"),
        delete=_WITH_PARENT,
    ),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": _usual(
        _publishing,
        create=_ALWAYS,
        read=_publishing("get_ftp_allowed"),
        list=_publishing("list_basic_publishing_credentials_policies"),
        update=_publishing("update_scm_allowed"),
        delete=_WITH_PARENT,
    ),
    "Microsoft.Web/sites/hostNameBindings": _usual(
        _host_names,
        create=_host_names("create_or_update_host_name_binding"),
        read=_host_names("get_host_name_binding"),
        list=_host_names("list_host_name_bindings"),
        update=_host_names("create_or_update_host_name_binding"),
        delete=_host_names("delete_host_name_binding"),
    ),
    "Microsoft.Web/certificates": _at_once(_certificates),
    "Microsoft.Web/staticSites": _usual(
        _static,
        create=_static("begin_create_or_update_static_site"),
        read=_static("get_static_site"),
        list=_static("get_static_sites_by_resource_group"),
        update=_static("update_static_site", f"{_WATCH}::test_a_static_site_is_changed"),
        delete=_static("begin_delete_static_site", "test_a_deleted_one_is_gone_at_once"),
    ),
}

# What lies in a resource is reached at its own host, and not at Resource Manager.
DATA: Final[Mapping[str, Row]] = {
    "blob": Row(
        create=_blobs("upload_blob"),
        read=_blobs("download_blob"),
        list=_blobs("list_blobs"),
        update=replace(_blobs("set_blob_metadata"), client="azure.storage.blob.BlobClient"),
        delete=_blobs("delete_blob"),
        list_deleted=_blobs("list_blobs", "test_a_deleted_blob_is_listed_and_comes_back"),
    ),
    "secret": Row(
        create=_secrets("set_secret"),
        read=_secrets("get_secret"),
        list=_secrets("list_properties_of_secrets"),
        update=_secrets("update_secret_properties"),
        delete=_secrets("begin_delete_secret", _undone),
        list_deleted=_secrets("list_deleted_secrets", _undone),
    ),
    "key": Row(
        create=_keys("create_rsa_key"),
        read=_keys("get_key"),
        list=_keys("list_properties_of_keys"),
        update=_keys("update_key_properties", "test_a_disabled_key_unwraps_nothing"),
        delete=_keys("begin_delete_key"),
        list_deleted=_keys("list_deleted_keys"),
    ),
    "token": Row(
        create=_tokens("get_token"),
        read=_KEPT_BY_NOBODY,
        list=_KEPT_BY_NOBODY,
        update=Never("a token is signed as it is: whoever needs another asks for one"),
        delete=Never("a token ends when its time is over, and nobody takes it back"),
        list_deleted=_KEPT_BY_NOBODY,
    ),
    "row": Row(
        create=_rows("insert into"),
        read=_rows("select"),
        list=_rows("select"),
        update=_rows("update"),
        delete=_rows("delete from"),
        list_deleted=Never("a deleted row is in backups alone, and no list has it"),
    ),
}
