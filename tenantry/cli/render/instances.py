"""What the ``instance`` commands print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tenantry.cli.render.table import REHEARSAL, cell, details, table

__all__ = [
    "changes",
    "deployed",
    "health",
    "listed",
    "log_lines",
    "moved",
    "nothing",
    "previewed",
    "shown",
    "whereabouts",
    "written",
]

Data = Mapping[str, Any]

_SERVICES = {  # what people call a module of the provider's
    "applicationinsights": "monitoring",
    "authorization": "rights and locks",
    "consumption": "costs",
    "dbforpostgresql": "database",
    "keyvault": "vaults",
    "managedidentity": "identities",
    "monitor": "monitoring",
    "operationalinsights": "logs",
    "privatedns": "network",
    "redisenterprise": "cache",
    "resources": "group",
    "web": "site",
}


def nothing(data: Data) -> str:  # noqa: ARG001 - a Render
    """Print nothing."""
    return ""


def written(data: Data) -> str:
    """Say which file was written and what comes next."""
    return f"{data['file']}\nnext: {data['next']}"


def changes(data: Data) -> str:
    """List changes."""
    return f"{_head(data)}{_changes(data)}"


def previewed(data: Data) -> str:
    """Sum up the instance; list what would be made, and where each thing's data will lie."""
    summary = f"{_summary(data['summary'])}\n\n" if data["summary"] else ""
    where = whereabouts(data["whereabouts"])
    return f"{_head(data)}{summary}{_changes(data)}\n\nWhere the data will lie:\n\n{where}"


def _head(data: Data) -> str:
    where = data.get("subscription")
    return (f"{REHEARSAL}\n" if data.get("rehearsal") else "") + (
        f"subscription {where}\n\n" if where else ""
    )


def _summary(data: Data) -> str:
    alerts = data["alerts"]
    budget = f"from {alerts['monthly_budget']} a month on" if alerts["monthly_budget"] else "no budget"
    second = f", a second copy in {data['second_backups_in']}" if data["second_backups_in"] else ""
    days = data["backup_retention_days"]
    return details(
        [
            ("region", f"{data['region']}, {data['country']}"),
            *(("product", f"{one['name']} {one['size']}") for one in data["products"]),
            ("standby", f"{cell(data['standby'])}: {data['standby_why']}"),
            ("backups", f"kept {days} days{second}" if days else "none"),
            *(("public", one) for one in data["public"]),
            ("alerts", ", ".join([*alerts["emails"], *(["a webhook"] if alerts["webhook"] else []), budget])),
        ]
    )


def _changes(data: Data) -> str:
    """List changes by what is done, then by service, then by type; columns that say nothing are left out."""
    rows = [
        {
            **row,
            "properties": ", ".join(row["properties"]),
            "type": row["type"].split(":")[-1],
            "service": _service(row["type"]),
        }
        for row in data["changes"]
    ]
    rows.sort(key=lambda row: (row["kind"], row["service"], row["type"], row["name"]))
    columns = ["kind", "service", "type", "name", "properties"]
    return table(rows, [one for one in columns if any(row[one] for row in rows)], empty="no changes")


def _service(type_: str) -> str:
    """Return the service of Azure's that a type belongs to, "" of a type on a host."""
    package, _, rest = type_.partition(":")
    return _SERVICES.get(module := rest.partition(":")[0], module) if package == "azure-native" else ""


def whereabouts(rows: Sequence[Data]) -> str:
    """List where each kind of data lies; a copy elsewhere has a line of its own."""
    places = [{**row, "region": row["region"] or "anywhere"} for row in rows]
    return table(places, ["data", "region", "country", "note"])


def deployed(data: Data) -> str:
    """List what became of each instance."""
    text = table(data["instances"], ["name", "outcome", "state", "health", "url", "seconds"])
    failed = [row for row in data["instances"] if row["outcome"] != "done"]
    text += "".join(f"\n{row['name']}: {REHEARSAL}" for row in data["instances"] if row["rehearsal"])
    return text + "".join(f"\n{row['name']}: {row['why']}" for row in failed)


def listed(data: Data) -> str:
    """List instances."""
    columns = ["name", "client", "state", "target", "placement", "version", "health", "last_backup"]
    marked = [{**row, "target": "REHEARSAL"} if row["rehearsal"] else row for row in data["instances"]]
    text = table(marked, columns, empty="no instances")
    return f"{text}\n\n{REHEARSAL}." if marked != data["instances"] else text


def shown(data: Data) -> str:
    """Show one instance with its conditions."""
    database, subscription = data["database"], data["subscription"]
    head = details(
        [
            ("name", data["name"]),
            ("client", data["client"]),
            ("state", data["state"]),
            ("target", f"{data['target']} ({cell(data['placement'])})"),
            *([("cloud", REHEARSAL if data["rehearsal"] else data["cloud"])] if data["cloud"] else []),
            *([("subscription", subscription)] if subscription else []),
            ("url", data["url"]),
            ("isolation", data["isolation"]),
            ("encryption", data["encryption"]),
            ("database", f"{database['name']} at {database['host']}:{database['port']}" if database else ""),
            ("last backup", data["backups"]["last"]),
            *(("DNS", f"{one['type']} {one['name']} → {one['value']}") for one in data["dns_records"]),
        ]
    )
    return head + "\n\n" + _conditions(data["conditions"])


def health(data: Data) -> str:
    """Show the conditions of each instance looked at, and what was in the way of a look."""
    return "\n\n".join(
        f"{row['name']}: {row['health']}{_marked(row)}\n" + _seen(row) for row in data["instances"]
    )


def _seen(row: Data) -> str:
    if row["problem"]:
        return f"could not be looked at: {row['problem']['message']} [{row['problem']['code']}]"
    return _conditions(row["conditions"])


def _marked(row: Data) -> str:
    return f"  ({REHEARSAL})" if row["rehearsal"] else ""


def moved(data: Data) -> str:
    """Say the new state."""
    return f"{data['name']} is {data['state']}"


def log_lines(data: Data) -> str:
    """Print the lines as they are."""
    return "\n".join(data["lines"])


def _conditions(rows: list[dict[str, Any]]) -> str:
    return table(rows, ["type", "status", "reason", "message"], empty="not looked at yet")
