"""From spec, register and vault to what the components are told. No effect but new secrets."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping

from tenantry.adapters import tools
from tenantry.components.host.database import APP_ROLE, DEPLOY_ROLE
from tenantry.components.host.props import InstanceProps
from tenantry.config.profile import resolved_settings
from tenantry.errors import RefusedError
from tenantry.model.lifecycle import State
from tenantry.model.profile import DatabaseTransport
from tenantry.model.spec import Workspace
from tenantry.ports import Request
from tenantry.providers.host.layout import HostLayout
from tenantry.targets.host import secrets as names
from tenantry.targets.host.environment import environment

__all__ = ["database_host", "instance_props"]


def instance_props(
    request: Request,
    *,
    workspace: Workspace,
    layout: HostLayout,
    secrets: Mapping[str, str],
    proxy_uid: int | None,
) -> InstanceProps:
    """Return the props of the instance's program.

    Raises:
        RefusedError: the profile has a process that listens, and the instance no port for it.
        UnavailableError: PostgreSQL or the workload's runtime is not on this machine.
    """
    spec, profile, instance = request.spec, request.profile, request.instance
    _refuse_new_ports(request)
    runtime = profile.runtime
    program = None if runtime.name == "none" else tools.find_runtime(runtime.name, runtime.version)
    _, postgres = tools.postgres_bin()
    settings = resolved_settings(profile, spec, workspace)

    def variables(user: str, password: str) -> dict[str, str]:
        facts = _facts(request, layout=layout, user=user, password=password)
        return environment(profile, facts=facts, secrets=secrets, settings=settings)

    return InstanceProps(
        opaque=instance.opaque,
        uid=os.geteuid() if instance.uid is None else instance.uid,
        as_root=instance.uid is not None,
        proxy_uid=proxy_uid,
        layout=layout,
        settings=workspace.host,
        spec=spec,
        profile=profile,
        ports=instance.ports,
        generation=instance.generation,
        suspended=instance.state is State.SUSPENDED,
        postgres_bin=postgres,
        runtime_program=program,
        secrets=secrets,
        environment=variables(APP_ROLE, secrets[names.APP_PASSWORD]),
        task_environment=variables(DEPLOY_ROLE, secrets[names.DEPLOY_PASSWORD]),
    )


def _refuse_new_ports(request: Request) -> None:
    for process in request.profile.processes:
        if process.listens and process.name not in request.instance.ports:
            raise RefusedError(
                f"process {process.name} listens, and {request.spec.name} was made without a port for it",
                hint="keep the name of the process that listens, or make a new instance",
                code="no-port",
            )


def database_host(request: Request, layout: HostLayout) -> str:
    """Return what the workload connects to: a name in the certificate, or the socket's folder."""
    if request.profile.database.transport is DatabaseTransport.TLS:
        return "localhost"
    return str(layout.sockets(request.instance.opaque))


def _facts(request: Request, *, layout: HostLayout, user: str, password: str) -> dict[str, str]:
    spec, instance = request.spec, request.instance
    opaque = instance.opaque
    values = {
        "instance.name": spec.name,
        "instance.url": instance.url,
        "instance.hostname": spec.hostname,
        "profile.version": spec.version or request.profile.version,
        "port": "",  # each process gets its own
    }
    for folder in request.profile.folders:
        values[f"folder.{folder.name}"] = str(layout.folder(opaque, folder.name))
    if "database" in instance.ports:
        host, port = database_host(request, layout), str(instance.ports["database"])
        ca_file = str(layout.secrets(opaque) / names.AUTHORITY)
        values |= {
            "database.host": host,
            "database.port": port,
            "database.name": opaque,
            "database.user": user,
            "database.password": password,
            "database.ca_file": ca_file,
            "database.url": _url(host, port, name=opaque, user=user, password=password, ca_file=ca_file),
        }
    return values


def _url(host: str, port: str, *, name: str, user: str, password: str, ca_file: str) -> str:
    quoted = urllib.parse.quote
    where = f"{host}:{port}" if not host.startswith("/") else f"{quoted(host, safe='')}:{port}"
    tls = f"?sslmode=verify-full&sslrootcert={quoted(ca_file)}" if not host.startswith("/") else ""
    return f"postgresql://{quoted(user)}:{quoted(password, safe='')}@{where}/{name}{tls}"
