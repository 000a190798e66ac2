"""Monitoring: Application Insights, tests, alerts, whom they go to, settings, budgets."""

from __future__ import annotations

import uuid
from typing import Any

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.notes import iso, moment
from tenantry.sandbox.types.common import reference, require, table

__all__ = [
    "ActionGroups",
    "Budgets",
    "Components",
    "DiagnosticSettings",
    "MetricAlerts",
    "QueryRules",
    "WebTests",
]

_MOST_SETTINGS = 5  # diagnostic settings of a resource
_DESTINATIONS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")


class Components(Kind):
    """Application Insights; it keeps its data in a workspace."""

    type = "Microsoft.Insights/components"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse one without a workspace: Azure has no others any more."""
        del old
        require(new, "Application_Type")
        workspace = str(new.properties.get("WorkspaceResourceId") or "")
        if not workspace:
            raise ArmFault(
                400, "BadRequest", "WorkspaceResourceId is required: classic components are retired."
            )
        reference(cloud, workspace, of=new.id)

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Give it its key and its connection string."""
        before = old.properties if old is not None else {}
        key = before.get("InstrumentationKey") or str(uuid.uuid4())
        app = before.get("AppId") or str(uuid.uuid4())
        port = cloud.listener().rpartition(":")[2]
        end = f"applicationinsights.{cloud.suffix}" + ("" if port == "443" else f":{port}")
        new.body.setdefault("kind", "web")
        new.properties.setdefault("Flow_Type", "Bluefield")
        new.properties.setdefault("RetentionInDays", 90)
        new.properties.setdefault("IngestionMode", "LogAnalytics")
        for name in ("publicNetworkAccessForIngestion", "publicNetworkAccessForQuery"):
            new.properties.setdefault(name, "Enabled")
        new.properties.update(
            ApplicationId=new.name,
            AppId=app,
            InstrumentationKey=key,
            ConnectionString=f"InstrumentationKey={key};IngestionEndpoint=https://ingest.{end}/;"
            f"LiveEndpoint=https://live.{end}/;ApplicationId={app}",
            Name=new.name,
            CreationDate=before.get("CreationDate") or iso(cloud.now()),
            TenantId=new.id.split("/")[2],
            provisioningState="Succeeded",
        )


class WebTests(Kind):
    """Tests of availability; each belongs to a component by a tag."""

    type = "Microsoft.Insights/webtests"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a test without its component, name or places."""
        del old
        require(new, "SyntheticMonitorId", "Name", "Kind", "Locations")
        tags = table(new.body.get("tags"))
        linked = [name.removeprefix("hidden-link:") for name in tags if name.startswith("hidden-link:")]
        if not linked:
            raise ArmFault(400, "BadRequest", "A web test needs a tag 'hidden-link:<id of its component>'.")
        for one in linked:
            reference(cloud, one, of=new.id)


class ActionGroups(Kind):
    """Whom alerts go to."""

    type = "Microsoft.Insights/actionGroups"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a group without a short name, or with one that is too long."""
        del cloud, old
        require(new, "groupShortName")
        if len(str(new.properties["groupShortName"])) > 12:  # noqa: PLR2004 - Azure's limit
            raise ArmFault(
                400, "InvalidGroupShortName", "The short name of an action group has at most 12 characters."
            )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Fill in every list of receivers."""
        del cloud, old
        new.properties.setdefault("enabled", True)
        for name in _RECEIVERS:
            new.properties.setdefault(name, [])
        for one in new.properties["emailReceivers"]:
            one.setdefault("status", "Enabled")


class _Rules(Kind):
    """What alert rules have in common: scopes and whom they call."""

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a rule about nothing, or one that calls who is not there."""
        del old
        require(new, "scopes", "criteria")
        for scope in new.properties["scopes"]:
            if ids.parse(str(scope)) is not None:
                reference(cloud, str(scope), of=new.id)
        for group in _called(new.properties):
            reference(cloud, group, of=new.id)


class MetricAlerts(_Rules):
    """Rules about figures."""

    type = "Microsoft.Insights/metricAlerts"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a rule about a metric that there is not, and what is never evaluated here."""
        from tenantry.sandbox.watch.checking import check_metric_rule

        super().admit(cloud, new, old)
        check_metric_rule(cloud, new)

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Fill in what Azure fills in."""
        del cloud, old
        new.properties.setdefault("enabled", True)
        new.properties.setdefault("autoMitigate", True)
        new.properties.setdefault("evaluationFrequency", "PT1M")
        new.properties.setdefault("windowSize", "PT5M")


class QueryRules(_Rules):
    """Rules about what a query of logs finds."""

    type = "Microsoft.Insights/scheduledQueryRules"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a query that is not understood: it would never fire."""
        from tenantry.sandbox.watch.checking import check_query_rule

        super().admit(cloud, new, old)
        check_query_rule(new)

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Fill in what Azure fills in."""
        before = old.properties if old is not None else {}
        new.body.setdefault("kind", "LogAlert")
        new.properties.setdefault("enabled", True)
        new.properties.setdefault("autoMitigate", False)
        new.properties["createdWithApiVersion"] = before.get("createdWithApiVersion", "2023-12-01")
        new.properties["isLegacyLogAnalyticsRule"] = False
        del cloud


class DiagnosticSettings(Kind):
    """Where a resource's logs go."""

    type = "Microsoft.Insights/diagnosticSettings"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a setting without a destination, or one too many."""
        if not any(new.properties.get(name) for name in _DESTINATIONS):
            raise ArmFault(400, "BadRequest", "At least one data sink needs to be specified.")
        for name in ("workspaceId", "storageAccountId"):
            reference(cloud, str(new.properties.get(name) or ""), of=new.id)
        target = ids.parse(new.id)
        around = target.scope if target is not None else ""
        here = [
            one for one in cloud.children(around, self.type) if ids.key(ids.parent(one.id)) == ids.key(around)
        ]
        if old is None and len(here) >= _MOST_SETTINGS:
            raise ArmFault(409, "Conflict", f"A resource has at most {_MOST_SETTINGS} diagnostic settings.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Keep both lists."""
        del cloud, old
        for name in ("logs", "metrics"):
            new.properties.setdefault(name, [])


class Budgets(Kind):
    """A limit of costs. Nothing costs anything here."""

    type = "Microsoft.Consumption/budgets"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse one whose time Azure refuses."""
        del cloud, old
        require(new, "amount", "category", "timeGrain", "timePeriod")
        start = moment(str(table(new.properties["timePeriod"]).get("startDate")).replace("Z", "+00:00"))
        if start.day != 1:
            raise ArmFault(400, "400", "Start date must be the first of a month.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Say what was spent: nothing."""
        del cloud, old
        new.properties["currentSpend"] = {"amount": 0.0, "unit": "EUR"}
        new.body["eTag"] = f'"{uuid.uuid4().hex[:15]}"'


def _called(properties: dict[str, Any]) -> list[str]:
    actions = properties.get("actions") or []
    if isinstance(actions, dict):
        return [str(one) for one in actions.get("actionGroups") or []]
    return [str(one.get("actionGroupId")) for one in actions if one.get("actionGroupId")]


_RECEIVERS = (
    "emailReceivers",
    "smsReceivers",
    "webhookReceivers",
    "eventHubReceivers",
    "itsmReceivers",
    "azureAppPushReceivers",
    "automationRunbookReceivers",
    "voiceReceivers",
    "logicAppReceivers",
    "azureFunctionReceivers",
    "armRoleReceivers",
)
