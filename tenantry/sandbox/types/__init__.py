"""Types that have no real part behind them, each with what Azure asks of it."""

from __future__ import annotations

from tenantry.sandbox.kinds import Kind
from tenantry.sandbox.settings import Identity
from tenantry.sandbox.types import (
    authorization,
    dns,
    endpoints,
    groups,
    identity,
    monitor,
    network,
    smart_detection,
    workspace,
    workspace_tables,
)

__all__ = ["kinds"]


def kinds(who: Identity) -> list[Kind]:
    """Return the kinds of a sandbox."""
    subnets = network.Subnets()
    return [
        groups.ResourceGroups(),
        identity.UserAssignedIdentities(who.directory_id),
        identity.FederatedCredentials(),
        authorization.RoleAssignments(who),
        authorization.Locks(),
        network.VirtualNetworks(subnets),
        subnets,
        network.SecurityGroups(),
        network.SecurityRules(),
        endpoints.PrivateEndpoints(),
        endpoints.NetworkInterfaces(),
        endpoints.ZoneGroups(),
        dns.PrivateZones(),
        dns.ZoneLinks(),
        dns.Records(),
        workspace.Workspaces(),
        workspace_tables.Tables(),
        monitor.Components(),
        monitor.WebTests(),
        monitor.ActionGroups(),
        monitor.MetricAlerts(),
        monitor.QueryRules(),
        monitor.DiagnosticSettings(),
        monitor.Budgets(),
        smart_detection.DetectorRules(),
    ]
