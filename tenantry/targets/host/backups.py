"""Backups of an instance on a host: pgBackRest for the database, restic for the folders."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

from tenantry.components.host.backups import backed_up_folders
from tenantry.components.host.props import InstanceProps
from tenantry.errors import UnavailableError
from tenantry.model.profile import Service
from tenantry.model.status import BackupRecord
from tenantry.ports import Event, Lease, OnEvent
from tenantry.providers.host import archive, pgbackrest
from tenantry.providers.host.postgres import Server
from tenantry.providers.host.snapshots import SnapshotRepository
from tenantry.targets.host.machine import Machine

__all__ = ["back_up", "lacking", "listed", "server"]


def back_up(
    props: InstanceProps, machine: Machine, lease: Lease, on_event: OnEvent
) -> Sequence[BackupRecord]:
    """Take what the instance's profile needs, at the same time; return the new records.

    If one fails, the other is still finished before the error is raised.
    """
    lease.check()
    with ThreadPoolExecutor(2, thread_name_prefix="backup") as pool:
        taken: list[Future[BackupRecord]] = []
        if Service.DATABASE in props.profile.services:
            on_event(Event(text="full backup of the database"))
            taken.append(pool.submit(pgbackrest.back_up, machine.executor, _repository(props), kind="full"))
        if backed_up_folders(props):
            on_event(Event(text="snapshot of the folders"))
            taken.append(pool.submit(_snapshots(props, machine).back_up))
        return [one.result() for one in taken]


def lacking(props: InstanceProps, machine: Machine) -> bool:
    """Say whether database or folders have no backup at all yet; cheap, since every deploy asks."""
    has_database = Service.DATABASE in props.profile.services
    if has_database and not pgbackrest.list_backups(machine.executor, _repository(props)):
        return True
    return bool(backed_up_folders(props)) and not _snapshots(props, machine).has_any()


def listed(props: InstanceProps, machine: Machine) -> Sequence[BackupRecord]:
    """Return all backups, newest first."""
    found: list[BackupRecord] = []
    if Service.DATABASE in props.profile.services:
        found += pgbackrest.list_backups(machine.executor, _repository(props), restorable_to=_reaches(props))
    if backed_up_folders(props):
        found += _snapshots(props, machine).list_backups()
    return sorted(found, key=lambda one: one.finished, reverse=True)


def _reaches(props: InstanceProps) -> datetime | None:
    """Return how far the archive reaches; None while the database does not answer."""
    try:
        return archive.look(server(props)).reaches
    except UnavailableError:
        return None


def server(props: InstanceProps) -> Server:
    """Return where the instance's database is reached."""
    return Server(socket_folder=props.layout.sockets(props.opaque), port=props.ports["database"])


def _repository(props: InstanceProps) -> pgbackrest.Repository:
    return pgbackrest.Repository(
        config_file=props.layout.private(props.opaque) / "pgbackrest.conf",
        stanza="main",
        uid=props.uid,
        server=server(props),
    )


def _snapshots(props: InstanceProps, machine: Machine) -> SnapshotRepository:
    return SnapshotRepository.of(
        machine.executor,
        {
            "repoPath": str(props.layout.file_backups(props.opaque)),
            "password": props.secrets["backup.files.password"],
            "uid": props.uid,
            "folders": backed_up_folders(props),
            "keep": props.spec.backups.keep_snapshots,
        },
    )
