"""``tenantry region``: where an instance can live in Azure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tenantry.cli.options import Output, OutputOption
from tenantry.cli.render.instances import whereabouts
from tenantry.cli.render.table import details, table
from tenantry.cli.run import execute
from tenantry.result import Result

__all__ = ["app"]

app = typer.Typer(help="Regions of Azure, and what a residency allows.", no_args_is_help=True)


@app.command("list")
def list_regions(
    country: Annotated[
        str, typer.Option("--country", metavar="CODE", help="The client's country: the nearest first.")
    ] = "",
    within: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Only there: a country, EU, EEA or EU-DATA-BOUNDARY; repeatable."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Regions with restricted access or without PostgreSQL, too.")
    ] = False,
    cloud: Annotated[
        str,
        typer.Option(
            metavar="CLOUD", help="public, government or china. [default: the workspace's, or public]"
        ),
    ] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List the regions in which an instance can be had.

    Distances are measured on the earth's surface. They say nothing about
    latency, nor about the law of the country: ask both before you promise.

    \b
    Example: tenantry region list --country KE
    Example: tenantry region list --within EU --country BJ
    Example: tenantry region list --cloud government
    """
    execute(
        "region list",
        output=output,
        work=lambda: _listed(country, within or [], everything=everything, cloud=cloud),
        table=_table,
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="REGION", help="A region, such as westeurope.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Show a region, and where each kind of data of an instance there would lie.

    \b
    Example: tenantry region show southafricanorth
    """
    execute("region show", output=output, work=lambda: _shown(name), table=_page)


def _listed(country: str, within: list[str], *, everything: bool, cloud: str) -> Result:
    from tenantry.cli.locating import list_regions as found

    return found(country=country, within=within, everything=everything, cloud=cloud)


def _shown(name: str) -> Result:
    from tenantry.cli.locating import show_region

    return show_region(name)


def _table(data: Mapping[str, Any]) -> str:
    columns = ["name", "country", *(["km"] if data["country"] else []), "zones", "pair", "standby"]
    rows = [
        {
            **row,
            "km": row["kilometres"],
            "pair": f"{row['pair']}, {row['pair_country']}" if row["pair"] else "",
            "standby": row["zone_redundancy"],
        }
        for row in data["regions"]
    ]
    if any(row["access"] != "open" for row in rows):
        columns.append("access")
    lines = [table(rows, columns, empty="no region is inside that residency")]
    if data["country"] and not any(row["country"] == data["country"] for row in rows):
        lines.append(f"\nNo region listed here lies in {data['country']}; the nearest stand first.")
    if data["country"] and any(row["kilometres"] is None for row in rows):
        lines.append("\nWhere exactly the regions of this cloud lie is not published: no distances.")
    cloud = "" if data["cloud"] == "public" else f" Of the cloud {data['cloud']}."
    lines.append(f"\nSTANDBY: of the database, in a second zone. As of {data['as_of']}.{cloud}")
    lines.append("What your subscription may use is told by Azure alone.")
    return "\n".join(lines)


def _page(data: Mapping[str, Any]) -> str:
    names = (
        "name",
        "cloud",
        "display_name",
        "country",
        "location",
        "zones",
        "pair",
        "pair_country",
        "access",
    )
    offered = ("postgresql", "zone_redundancy", "geo_backup")
    pairs = [(one.replace("_", " "), data[one]) for one in (*names, *offered)]
    lies = whereabouts(data["lies"])
    return (
        f"{details(pairs)}\n\nWhere the data of an instance lie, unless its spec says otherwise:\n\n{lies}"
        f"\n\nAs of {data['as_of']}."
    )
