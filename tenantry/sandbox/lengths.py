"""How long Azure works on a resource, for ``faults pace``.

Of the order that others saw, rounded down, so that what is compared with them is
not flattered. Each says who: clients that wait for more than Resource Manager does
(a name that resolves, a second look) are counted with less than they took.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["LENGTHS", "Length", "length_of"]


@dataclass(frozen=True, kw_only=True)
class Length:
    """Of one type, in seconds of Azure's."""

    make: float
    change: float = 0.0  # 0: as long as to make it
    remove: float
    source: str


# Runs against Azure that are public: the logs in pull requests of turbot/steampipe-plugin-azure.
_LOGS: Final = "turbot/steampipe-plugin-azure#{}"
_LIKE: Final = "no public figure; as long as {}"
_QUICK: Final = _LIKE.format("other writes that are answered at once")

LENGTHS: Final[Mapping[str, Length]] = {
    "Microsoft.Resources/resourceGroups": Length(make=2, remove=60, source=_LOGS.format("76, #698")),
    "Microsoft.ManagedIdentity/userAssignedIdentities": Length(make=2, remove=2, source=_QUICK),
    "Microsoft.Authorization/roleAssignments": Length(make=2, remove=2, source=_QUICK),
    "Microsoft.Authorization/locks": Length(make=2, remove=2, source=_QUICK),
    "Microsoft.Network/virtualNetworks": Length(make=8, remove=10, source=_LOGS.format("824")),
    "Microsoft.Network/virtualNetworks/subnets": Length(make=6, remove=10, source=_LOGS.format("824")),
    "Microsoft.Network/networkSecurityGroups": Length(make=6, remove=10, source=_LIKE.format("a subnet")),
    "Microsoft.Network/privateDnsZones": Length(make=30, remove=15, source=_LOGS.format("824")),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": Length(
        make=30, remove=15, source=_LOGS.format("824")
    ),
    "Microsoft.Network/privateEndpoints": Length(
        make=40,
        remove=30,
        source="tests of hashicorp/terraform-provider-azurerm#33298, less what surrounds it",
    ),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": Length(
        make=10, remove=10, source=_LIKE.format("a subnet, and some")
    ),
    "Microsoft.KeyVault/vaults": Length(
        make=30, change=10, remove=5, source=_LOGS.format("263, of over 120 s with the wait for its name")
    ),
    "Microsoft.KeyVault/vaults/keys": Length(make=2, remove=2, source=_QUICK),
    "Microsoft.KeyVault/vaults/secrets": Length(make=2, remove=2, source=_QUICK),
    "Microsoft.Storage/storageAccounts": Length(
        make=25, change=5, remove=5, source=_LOGS.format("220, of 45 s with looks at its services")
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers": Length(
        make=360, change=60, remove=60, source="six minutes, as the project's figures are defined"
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/databases": Length(
        make=15, remove=15, source=_LIKE.format("a change of settings")
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/configurations": Length(
        make=15, remove=15, source=_LIKE.format("a database")
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules": Length(
        make=30, remove=30, source=_LIKE.format("half a change of the server")
    ),
    "Microsoft.DBforPostgreSQL/flexibleServers/backups": Length(
        make=120, remove=10, source=_LIKE.format("two changes of the server")
    ),
    "Microsoft.Web/serverFarms": Length(make=12, remove=5, source=_LOGS.format("204")),
    "Microsoft.Web/sites": Length(make=20, change=10, remove=10, source=_LIKE.format("its plan, and some")),
    "Microsoft.Web/sites/config": Length(make=5, remove=5, source=_LIKE.format("half a change of the site")),
    "Microsoft.Web/staticSites": Length(make=10, remove=10, source=_LIKE.format("half a site")),
    "Microsoft.Cache/redisEnterprise": Length(
        make=480, change=120, remove=240, source=_LIKE.format("a flexible server, and some")
    ),
    "Microsoft.Cache/redisEnterprise/databases": Length(
        make=120, remove=60, source=_LIKE.format("two changes of a server")
    ),
    "Microsoft.OperationalInsights/workspaces": Length(
        make=30, change=5, remove=5, source=_LIKE.format("a private zone")
    ),
    "Microsoft.Insights/components": Length(make=5, remove=5, source=_QUICK),
}
_BY_TYPE: Final = {name.lower(): length for name, length in LENGTHS.items()}


def length_of(type_: str, method: str, *, new: bool = False) -> float:
    """Return how many seconds Azure works on a write; 0 for a type that is not listed."""
    length = _BY_TYPE.get(type_.lower())
    if length is None:
        return 0.0
    if method == "DELETE":
        return length.remove
    return length.make if new else length.change or length.make
