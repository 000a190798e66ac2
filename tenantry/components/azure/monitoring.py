"""The instance's own logs and metrics, and who is told when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from tenantry.components.azure.props import AzureProps

__all__ = ["DiagnosticSetting", "Monitoring"]

_WITH_A_DAY_MORE = 30  # days of retention at which Azure keeps rows for 31, unless it is told not to


@dataclass(frozen=True)
class DiagnosticSetting:
    """What a resource sends to the workspace."""

    resource_id: pulumi.Input[str]
    _: KW_ONLY
    logs: str = ""  # the category group of its logs: "audit", "allLogs"; "": it has none
    metrics: bool = True  # False: it has none that a setting sends


class Monitoring(pulumi.ComponentResource):
    """Log Analytics, Application Insights, and an action group."""

    def __init__(self, props: AzureProps, group: pulumi.Input[str], *, opts: pulumi.ResourceOptions) -> None:
        super().__init__("tenantry:azure:Monitoring", "monitoring", None, opts)
        self._props, self._group = props, group
        mine = pulumi.ResourceOptions(parent=self)
        self.workspace = operationalinsights.Workspace(
            "logs",
            resource_group_name=group,
            workspace_name=props.names.workspace,
            location=props.region.name,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=props.log_retention_days,
            features=_kept_no_longer(props.log_retention_days),
            tags=props.all_tags,
            opts=mine,
        )
        self.insights = applicationinsights.Component(
            "insights",
            resource_group_name=group,
            resource_name_=props.names.insights,
            location=props.region.name,
            kind="web",
            application_type="web",
            flow_type="Bluefield",
            request_source="rest",
            ingestion_mode="LogAnalytics",
            workspace_resource_id=self.workspace.id,
            disable_ip_masking=False,  # addresses are personal data
            tags=props.all_tags,
            opts=mine,
        )
        self.action_group = monitor.ActionGroup(
            "people",
            resource_group_name=group,
            action_group_name=props.names.action_group,
            group_short_name=props.names.code[:12],
            location="Global",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name=f"email-{number}", email_address=address, use_common_alert_schema=True
                )
                for number, address in enumerate(props.emails, 1)
            ],
            webhook_receivers=[
                monitor.WebhookReceiverArgs(
                    name="webhook", service_uri=props.webhook, use_common_alert_schema=True
                )
            ]
            if props.webhook
            else [],
            tags=props.all_tags,
            opts=mine,
        )
        self.register_outputs({})

    def diagnose(self, diagnostic_settings: Mapping[str, DiagnosticSetting]) -> None:
        """Send the logs and metrics of resources to the workspace; each has a name here."""
        for name, one in diagnostic_settings.items():
            logs = [monitor.DiagnosticsLogSettingsArgs(category_group=one.logs, enabled=True)]
            metrics = [monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)]
            monitor.DiagnosticSetting(
                f"logs-of-{name}",
                resource_uri=one.resource_id,
                name="tenantry",
                workspace_id=self.workspace.id,
                logs=logs if one.logs else [],
                metrics=metrics if one.metrics else [],
                opts=pulumi.ResourceOptions(parent=self),
            )


def _kept_no_longer(days: int) -> operationalinsights.WorkspaceFeaturesArgs:
    """Return what has Azure keep to a retention of 30 days; it keeps to all others by itself.

    Said of those, too: a workspace that had 30 days before may keep a flag that is not sent.
    """
    return operationalinsights.WorkspaceFeaturesArgs(
        immediate_purge_data_on30_days=days == _WITH_A_DAY_MORE,
        enable_log_access_using_only_resource_permissions=True,  # the default of a workspace without features
    )
