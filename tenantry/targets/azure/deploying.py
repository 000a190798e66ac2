"""What a deploy does when the engine has made the resources: roles, migration, package, start."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path

from tenantry.adapters.azure_answers import strange
from tenantry.components.azure.props import APP_PASSWORD, APP_ROLE, SYSTEM_CA_FILE, AzureProps
from tenantry.components.azure.settings import DATABASE_PORT, folder_path
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import resource_id
from tenantry.model.profile import Service
from tenantry.ports import Event, Lease, OnEvent
from tenantry.targets.azure import database, package, patience, retention, tasks, values, way_in
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.way_to_database import ToDatabase
from tenantry.targets.host.environment import environment

__all__ = [
    "door",
    "enters",
    "facts",
    "finish",
    "log_lines",
    "server_id",
    "variables",
    "workspace_id",
]


def finish(
    clients: Clients,
    props: AzureProps,
    secrets: Mapping[str, str],
    *,
    lease: Lease,
    on_event: OnEvent,
) -> None:
    """Have the logs kept as long as asked, prepare the database, run what runs once, send the package."""
    if not _is_mere_switch(lease):
        retention.hold(
            clients.arm,
            workspace_id(props.subscription_id, props.names),
            props.log_retention_days,
            lease=lease,
            on_event=on_event,
        )
    if enters(props, lease):
        entrance = door(clients, props)
        way = ToDatabase(clients.arm, server_id(props.subscription_id, props.names), entrance)
        with way_in.opened(way, lease, on_event):
            _prepare(clients, props, secrets, entrance, lease=lease, on_event=on_event)
    if props.running:
        identity = {"resourceGroupName": props.names.resource_group, "name": props.names.site}
        web_app = resource_id("azure-native:web:WebApp", identity, props.subscription_id)
        patience.references_resolved(clients.arm, web_app, lease=lease, on_event=on_event)
    if props.profile.package is not None and props.running:
        site = clients.site(props.names.site)
        package.send(site, props.profile.package.folder, lease, on_event)


def enters(props: AzureProps, lease: Lease) -> bool:
    """Say whether the database must be looked at; a mere stop or start leaves it alone."""
    return props.needs(Service.DATABASE) and not _is_mere_switch(lease)


def _is_mere_switch(lease: Lease) -> bool:
    return lease.operation.kind in {"suspend", "resume"}


def facts(props: AzureProps, clients: Clients) -> Mapping[str, str]:
    """Return what is told of an instance."""
    found = {
        **clients.access.cloud.facts,
        "encryption": "customer-managed key",
        "isolation": "resource group, virtual network, private endpoints",
        "region": props.region.name,
        "resource_group": props.names.resource_group,
        "ca_file": str(clients.access.cloud.ca_file or ""),
    }
    if props.needs(Service.DATABASE):
        found |= {
            "database_host": props.server_host,
            "database_port": DATABASE_PORT,
            "database_name": props.names.database,
            "database_user": APP_ROLE,
            "database_ca_file": str(_ca_file(clients)),
        }
    return found


def log_lines(clients: Clients, props: AzureProps, *, lines: int) -> Sequence[str]:
    """Return the last lines that the site wrote."""
    site = clients.site(props.names.site)
    path = "/api/logs/docker"
    listed = site.call("GET", path)
    if listed.status == 200 and not isinstance(listed.body, list):  # noqa: PLR2004
        raise strange("GET", path, listed)
    found: list[str] = []
    for one in listed.body if isinstance(listed.body, list) else []:
        answer = site.call("GET", urllib.parse.urlsplit(str(one.get("href", ""))).path)
        text = answer.body if isinstance(answer.body, bytes) else b""
        found += text.decode("utf-8", errors="replace").splitlines()
    return found[-lines:]


def door(clients: Clients, props: AzureProps) -> database.Door:
    """Return where the server is reached, as its administrator."""
    return database.Door(
        host=props.server_host,
        database=props.names.database,
        ca_file=_ca_file(clients),
        password=props.administrator_password,
    )


def server_id(subscription_id: str, names: AzureNames) -> str:
    """Return the id of the database server."""
    inputs = {"resourceGroupName": names.resource_group, "serverName": names.server}
    token = "azure-native:dbforpostgresql:Server"  # noqa: S105 - a type's token
    return resource_id(token, inputs, subscription_id)


def workspace_id(subscription_id: str, names: AzureNames) -> str:
    """Return the id of the workspace of the logs."""
    inputs = {"resourceGroupName": names.resource_group, "workspaceName": names.workspace}
    token = "azure-native:operationalinsights:Workspace"  # noqa: S105 - a type's token
    return resource_id(token, inputs, subscription_id)


def _prepare(
    clients: Clients,
    props: AzureProps,
    secrets: Mapping[str, str],
    entrance: database.Door,
    *,
    lease: Lease,
    on_event: OnEvent,
) -> None:
    on_event(Event(text="roles and rights in the database"))
    lease.intent("prepare roles, schemas and rights in the database")
    database.prepare(
        entrance,
        props.profile,
        app_password=secrets[APP_PASSWORD],
        deploy_password=secrets[values.DEPLOY_PASSWORD],
    )
    for name, task in (("migration", props.profile.migration), ("bootstrap", props.profile.bootstrap)):
        if task is not None:
            tasks.run(
                name,
                task,
                props=props,
                environment=variables(
                    clients,
                    props,
                    secrets,
                    user=database.DEPLOY_ROLE,
                    password=secrets[values.DEPLOY_PASSWORD],
                ),
                door=entrance,
                lease=lease,
                on_event=on_event,
            )


def variables(
    clients: Clients, props: AzureProps, secrets: Mapping[str, str], *, user: str, password: str
) -> dict[str, str]:
    """Return the variables of the profile for a command on this machine, with a login of the database.

    libpq's own two are set beside: it would not verify a server at a public address by itself.
    """
    ca_file = str(_ca_file(clients))
    quoted = urllib.parse.quote(password, safe="")
    where = f"{props.server_host}:{DATABASE_PORT}/{props.names.database}"
    known = {
        "instance.name": props.instance,
        "instance.url": props.url,
        "instance.hostname": props.public_host,
        "profile.version": props.version,
        "port": "",
        "database.host": props.server_host,
        "database.port": DATABASE_PORT,
        "database.name": props.names.database,
        "database.user": user,
        "database.password": password,
        "database.ca_file": ca_file,
        "database.url": f"postgresql://{user}:{quoted}@{where}?sslmode=verify-full&sslrootcert={ca_file}",
        **{f"folder.{one.name}": folder_path(one.name) for one in props.profile.folders},
    }
    verified = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": ca_file} if props.needs(Service.DATABASE) else {}
    return {**verified, **environment(props.profile, facts=known, secrets=secrets, settings=props.settings)}


def _ca_file(clients: Clients) -> Path:
    return clients.access.cloud.ca_file or Path(SYSTEM_CA_FILE)
