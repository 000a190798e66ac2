"""Who is told of what: an availability test, rules over metrics and logs, a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import applicationinsights, consumption, monitor

from tenantry.components.azure.monitoring import Monitoring
from tenantry.components.azure.props import STORAGE_PERCENT, AzureProps
from tenantry.model.regions import CloudName

__all__ = ["Alerts", "Watched"]

# Where the availability test asks from, as Azure Monitor publishes it. It sends the URL and nothing else.
_PLACES: Mapping[CloudName, Sequence[str]] = {
    CloudName.PUBLIC: ("emea-nl-ams-azr", "emea-gb-db3-azr", "us-va-ash-azr"),
    CloudName.GOVERNMENT: ("usgov-va-azr", "usgov-phx-azr", "usgov-tx-azr"),
    CloudName.CHINA: ("mc-cne2-azr", "mc-cnn-azr", "mc-cnn2-azr"),
}
_EVERY = 300  # seconds; Azure bills each execution from each place
_CPU_PERCENT, _CONNECTIONS_SHARE = 85, 0.8
_FAILED_REQUESTS, _DENIALS = 10, 5  # in five minutes
_BUDGET_PERCENT = 80


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The resources that rules look at."""

    site: pulumi.Input[str]
    vaults: Mapping[str, pulumi.Input[str]]
    server: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class _Limit:
    """A limit on a metric."""

    metric: str
    namespace: str
    above: float
    how: str = "Average"
    window: str = "PT15M"
    dimensions: Sequence[tuple[str, str]] = ()


class Alerts(pulumi.ComponentResource):
    """The rules of one instance; all go to its action group."""

    def __init__(
        self,
        props: AzureProps,
        group: pulumi.Input[str],
        monitoring: Monitoring,
        watched: Watched,
        *,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("tenantry:azure:Alerts", "alerts", None, opts)
        self._props, self._group, self._monitoring = props, group, monitoring
        self._availability()
        self._rule(
            "failed-requests",
            watched.site,
            _Limit(
                metric="Http5xx",
                namespace="Microsoft.Web/sites",
                above=_FAILED_REQUESTS,
                how="Total",
                window="PT5M",
            ),
        )
        for name, vault in watched.vaults.items():
            self._rule(
                f"denied-{name}",
                vault,
                _Limit(
                    metric="ServiceApiResult",
                    namespace="Microsoft.KeyVault/vaults",
                    above=_DENIALS,
                    how="Count",
                    window="PT5M",
                    dimensions=(("StatusCode", "403"),),
                ),
            )
        if watched.server is not None:
            self._of_the_database(watched.server)
        self._exceptions()
        if props.monthly_budget:
            self._budget()
        self.register_outputs({})

    def _of_the_database(self, server: pulumi.Input[str]) -> None:
        namespace = "Microsoft.DBforPostgreSQL/flexibleServers"
        most = int(self._props.sizes.server_connections * _CONNECTIONS_SHARE)
        for name, metric, above in (
            ("database-cpu", "cpu_percent", _CPU_PERCENT),
            ("database-storage", "storage_percent", STORAGE_PERCENT),
            ("database-connections", "active_connections", most),
        ):
            self._rule(name, server, _Limit(metric=metric, namespace=namespace, above=above))

    def _rule(self, name: str, scope: pulumi.Input[str], limit: _Limit) -> None:
        monitor.MetricAlert(
            f"alert-{name}",
            resource_group_name=self._group,
            rule_name=self._props.names.alert(name),
            location="Global",
            description=f"{limit.metric} of {name}",
            enabled=True,
            severity=2,
            scopes=[scope],
            evaluation_frequency="PT5M",
            window_size=limit.window,
            auto_mitigate=True,
            criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                all_of=[
                    monitor.MetricCriteriaArgs(
                        criterion_type="StaticThresholdCriterion",
                        name="limit",
                        metric_name=limit.metric,
                        metric_namespace=limit.namespace,
                        operator="GreaterThan",
                        threshold=limit.above,
                        time_aggregation=limit.how,
                        dimensions=[
                            monitor.MetricDimensionArgs(name=one, operator="Include", values=[value])
                            for one, value in limit.dimensions
                        ],
                    )
                ],
            ),
            actions=[monitor.MetricAlertActionArgs(action_group_id=self._monitoring.action_group.id)],
            tags=self._props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _availability(self) -> None:
        props = self._props
        insights = self._monitoring.insights.id
        test = applicationinsights.WebTest(
            "availability",
            resource_group_name=self._group,
            web_test_name=props.names.availability,
            synthetic_monitor_id=props.names.availability,
            location=props.region.name,
            kind=applicationinsights.WebTestKind.STANDARD,
            web_test_kind=applicationinsights.WebTestKind.STANDARD,
            enabled=props.running,
            frequency=_EVERY,
            timeout=30,
            retry_enabled=True,
            locations=[
                applicationinsights.WebTestGeolocationArgs(location=place)
                for place in _PLACES[props.region.cloud]
            ],
            request=applicationinsights.WebTestPropertiesRequestArgs(
                request_url=props.url + props.profile.health.path,
                http_verb="GET",
                follow_redirects=False,
                parse_dependent_requests=False,
            ),
            validation_rules=applicationinsights.WebTestPropertiesValidationRulesArgs(
                expected_http_status_code=props.profile.health.expected_status, s_sl_check=True
            ),
            # Azure finds the component of a test by this tag.
            tags=insights.apply(lambda found: {**props.all_tags, f"hidden-link:{found}": "Resource"}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        monitor.MetricAlert(
            "alert-availability",
            resource_group_name=self._group,
            rule_name=props.names.alert("availability"),
            location="Global",
            description="the health path does not answer",
            enabled=props.running,
            severity=1,
            scopes=[test.id, insights],
            evaluation_frequency="PT1M",
            window_size="PT5M",
            criteria=monitor.WebtestLocationAvailabilityCriteriaArgs(
                odata_type="Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria",
                web_test_id=test.id,
                component_id=insights,
                failed_location_count=2,
            ),
            actions=[monitor.MetricAlertActionArgs(action_group_id=self._monitoring.action_group.id)],
            tags=props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _exceptions(self) -> None:
        monitor.ScheduledQueryRule(
            "alert-exceptions",
            resource_group_name=self._group,
            rule_name=self._props.names.alert("exceptions"),
            location=self._props.region.name,
            kind="LogAlert",
            description="the workload met an exception that it did not handle",
            enabled=True,
            severity=2,
            scopes=[self._monitoring.workspace.id],
            evaluation_frequency="PT5M",
            window_size="PT5M",
            auto_mitigate=True,
            criteria=monitor.ScheduledQueryRuleCriteriaArgs(
                all_of=[
                    monitor.ConditionArgs(
                        query="AppExceptions",
                        time_aggregation="Count",
                        operator="GreaterThan",
                        threshold=0,
                        failing_periods=monitor.ConditionFailingPeriodsArgs(
                            number_of_evaluation_periods=1, min_failing_periods_to_alert=1
                        ),
                    )
                ]
            ),
            actions=monitor.ActionsArgs(action_groups=[self._monitoring.action_group.id]),
            tags=self._props.all_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _budget(self) -> None:
        props = self._props
        consumption.Budget(
            "budget",
            scope=pulumi.Output.concat(
                "/subscriptions/", props.subscription_id, "/resourceGroups/", self._group
            ),
            budget_name=props.names.budget,
            category="Cost",
            amount=props.monthly_budget,
            time_grain="Monthly",
            time_period=consumption.BudgetTimePeriodArgs(start_date=props.budget_start),
            notifications={
                "costs": consumption.NotificationArgs(
                    enabled=True,
                    operator="GreaterThanOrEqualTo",
                    threshold=_BUDGET_PERCENT,
                    threshold_type="Actual",
                    contact_emails=list(props.emails),
                )
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
