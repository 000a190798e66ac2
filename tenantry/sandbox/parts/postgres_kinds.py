"""The kinds of PostgreSQL."""

from __future__ import annotations

from tenantry.sandbox.kinds import Kind
from tenantry.sandbox.parts.postgres import FlexibleServers, Issue
from tenantry.sandbox.parts.postgres_children import (
    Backups,
    Configurations,
    Databases,
    FirewallRules,
    setting_names,
)

__all__ = ["kinds"]


def kinds(issue: Issue) -> list[Kind]:
    """Return the servers and what lies below them."""
    servers = FlexibleServers(issue=issue, settings=setting_names())
    return [
        servers,
        *(kind(servers) for kind in (Databases, FirewallRules, Configurations, Backups)),
    ]
