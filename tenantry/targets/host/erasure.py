"""The steps that erase an instance from a host, in their order.

Each is idempotent, and after a kill at any point the same list is run again.
The stack's passphrase goes last: without it the engine could not go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.adapters.vault import vault_files
from tenantry.errors import TenantryError
from tenantry.model.lifecycle import State
from tenantry.model.status import EraseMethod
from tenantry.ports import Event, Instance, OnEvent
from tenantry.providers.host import cluster, process
from tenantry.providers.host.postgres import Server, identifier, session

if TYPE_CHECKING:
    from tenantry.targets.host.target import HostTarget

__all__ = ["Step", "erase_steps"]

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where PostgreSQL keeps it on Linux

Step = tuple[str, EraseMethod, Callable[[OnEvent], None]]


def erase_steps(target: HostTarget, instance: Instance) -> Sequence[Step]:
    """Return the steps for an instance: name, method, act."""
    return (
        ("stop the writers", EraseMethod.CLEAR, lambda _: _stop_writers(target, instance)),
        ("revoke the credentials", EraseMethod.CLEAR, lambda tell: _revoke(target, instance, tell)),
        ("destroy what the engine made", EraseMethod.PURGE, lambda tell: _destroy(target, instance, tell)),
        ("destroy the keys", EraseMethod.PURGE, lambda _: target.vault(instance.opaque).destroy()),
        ("remove the stack and its history", EraseMethod.PURGE, lambda _: target.remove_stack(instance)),
        (
            "destroy the stack's passphrase",
            EraseMethod.PURGE,
            lambda _: target.stack_vault(instance).destroy(),
        ),
        ("remove what is left", EraseMethod.PURGE, lambda _: _sweep(target, instance)),
    )


def _stop_writers(target: HostTarget, instance: Instance) -> None:
    database = cluster.service_id(instance.opaque)
    for service_id in process.service_ids(target.machine.layout, instance.opaque):
        if service_id != database:
            target.machine.supervised.stop(service_id)


def _revoke(target: HostTarget, instance: Instance, tell: OnEvent) -> None:
    """Take the right to log in from every role, and end their sessions.

    A database that does not answer lets nobody in either.
    """
    if "database" not in instance.ports:
        return
    server = Server(
        socket_folder=target.machine.layout.sockets(instance.opaque), port=instance.ports["database"]
    )
    try:
        with session(server) as opened:
            rows = opened.rows("select rolname from pg_roles where rolcanlogin and not rolsuper")
            names = [str(row[0]) for row in rows]
            for name in names:
                opened.change(f"revoke {name}", f"alter role {identifier(name)} nologin")
            opened.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = any(:n)", n=names
            )
    except TenantryError as error:
        tell(Event(text=f"the database does not answer, nobody can log in: {error.message}"))


def _destroy(target: HostTarget, instance: Instance, tell: OnEvent) -> None:
    if target.stack_exists(instance):
        target.destroy_stack(instance, tell)


def _sweep(target: HostTarget, instance: Instance) -> None:
    """Remove the instance's own folders, and with the last instance the host's services."""
    machine = target.machine
    for service_id in process.service_ids(machine.layout, instance.opaque):
        machine.supervised.remove(service_id)
    layout = machine.layout
    for path in (
        layout.private(instance.opaque),
        layout.database_backups(instance.opaque).parent,
        layout.home(instance.opaque),
    ):
        if path.exists() and not path.is_mount():
            machine.executor.remove(path)
    if instance.uid is not None:
        _sweep_shared_memory(target, instance.uid)
    if not any(_is_here(target, one) for one in target.register.instances() if one.opaque != instance.opaque):
        with suppress(FileNotFoundError):
            machine.leave()


def _sweep_shared_memory(target: HostTarget, uid: int) -> None:
    """Remove the shared memory of a database server that was killed: it could not do so itself."""
    for path in _SHARED_MEMORY.glob("PostgreSQL.*"):
        with suppress(FileNotFoundError):
            if path.lstat().st_uid == uid:
                target.machine.executor.remove(path)


def _is_here(target: HostTarget, other: Instance) -> bool:
    """Say whether another instance still needs the host's services.

    Of several that are erased at once the last to come here takes the services
    away: an erasure that is as far as this has no passphrase of its stack any more.
    """
    if other.state is not State.ERASING:
        return True
    vault = target.workspace.private / "vault"
    return bool(vault_files(vault, opaque=f"{other.opaque}-stack"))
