"""What a host refuses before anything is made."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

from tenantry.adapters import tools
from tenantry.errors import Problem, RefusedError, SpecError, UnavailableError
from tenantry.model.profile import FolderKind, Profile, Service
from tenantry.model.spec import HostSettings, InstanceSpec
from tenantry.ports import Instance
from tenantry.providers.host.volume_state import why_not_encrypted
from tenantry.targets.host import look

__all__ = ["check", "check_encryption", "check_ports"]

_OFFERED = frozenset({Service.DATABASE, Service.FOLDERS})


def check(spec: InstanceSpec, profile: Profile) -> None:
    """Raise for what this kind of target cannot hold, and for programs that are not here.

    Raises:
        SpecError: the profile needs a service or a feature that a host does not offer.
        UnavailableError: a program or runtime is missing on this machine.
    """
    problems = [*_services(spec, profile), *_features(spec, profile)]
    if problems:
        raise SpecError(problems=problems)
    tools.find_engine()
    for program in ("s6-svscan", "caddy", *(("pgbackrest",) if Service.DATABASE in profile.services else ())):
        tools.find_program(program)
    if any(folder.kind is not FolderKind.CACHE for folder in profile.folders):
        tools.find_program("restic")
    if profile.runtime.name != "none":
        tools.find_runtime(profile.runtime.name, profile.runtime.version)


def check_ports(settings: HostSettings, *, proxy_uid: int | None, instance: Instance | None) -> None:
    """Raise UnavailableError if somebody else listens where the proxy or the instance has to.

    Args:
        settings: of the host.
        proxy_uid: the proxy's user; None while there is none, and without root.
        instance: None when it is not recorded yet: its ports are chosen among free ones.
    """
    own = {os.geteuid()} if os.geteuid() != 0 else set()
    of_proxy = own | ({proxy_uid} if proxy_uid is not None else set())
    wanted = [("host.https_port", settings.bind, settings.https_port, of_proxy)]
    if settings.http_port:
        wanted.append(("host.http_port", settings.bind, settings.http_port, of_proxy))
    if instance is not None:
        owners = own | ({instance.uid} if instance.uid is not None else set())
        wanted += [(f"{label} of {instance.name}", "127.0.0.1", port, owners)
                   for label, port in instance.ports.items()]  # fmt: skip
    for what, address, port, owners in wanted:
        holders = look.listeners(port) - owners
        if holders and not _can_bind(address, port):
            raise UnavailableError(
                f"port {port} ({what}) is taken by a process of {_user(min(holders))}",
                hint=f"see who it is: ss -ltnp sport = :{port}; stop it"
                + (", or choose another port in tenantry.yaml" if what.startswith("host.") else ""),
                code="port-taken",
            )


def _can_bind(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user {uid}"


def check_encryption(spec: InstanceSpec, *, root: Path, made: str) -> None:
    """Raise RefusedError if the spec insists on encryption and the volume has none, or would have none.

    Args:
        spec: of the instance.
        root: folder of the host's instances.
        made: the method that was observed of the instance's volume; empty when there is none yet.
    """
    if not spec.encryption_required:
        return
    why = "it was made without" if made == "none" else "" if made else why_not_encrypted(root)
    if why:
        raise RefusedError(
            f"{spec.name} must be encrypted and cannot be here: {why}",
            hint="use a host that can encrypt, or take encryption_required out of the spec",
            where=spec.where,
            code="encryption-missing",
        )


def _services(spec: InstanceSpec, profile: Profile) -> list[Problem]:
    lacking = sorted(profile.services - _OFFERED)
    return [
        Problem(
            code="service-not-offered",
            message=f"profile {profile.name} needs {service}, which a host does not offer",
            hint="a host offers: " + ", ".join(sorted(_OFFERED)),
            where=spec.where,
        )
        for service in lacking
    ]


def _features(spec: InstanceSpec, profile: Profile) -> list[Problem]:
    problems = []
    if profile.periodic:
        problems.append("periodic commands")
    if any(task is not None and task.after_start for task in (profile.migration, profile.bootstrap)):
        problems.append("a migration or bootstrap that runs after the processes have started")
    if len([process for process in profile.processes if process.listens]) > 1:
        problems.append("more than one process that listens")
    return [
        Problem(
            code="feature-not-offered",
            message=f"profile {profile.name} needs {what}, which a host does not offer yet",
            hint="see docs/explanation/what-is-not-there.md",
            where=spec.where,
        )
        for what in problems
    ]
