"""The steps that erase an instance from Azure, in their order (docs/explanation/erasure.md).

A resource group's deletion only soft-deletes much of what is in it, so each of
these goes before the group, and is purged where Azure lets it be purged. Keys
go late, the stack's passphrase last. Every step may be repeated. What needs
nothing of each other goes at once: Azure takes minutes for a server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.config.regions import find_region
from tenantry.errors import FailedError, TenantryError
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES
from tenantry.model.status import EraseMethod, Residue
from tenantry.ports import Event, Instance, OnEvent
from tenantry.targets.azure import (
    backups,
    content,
    inventory,
    locks,
    residues,
    storage,
    values,
    workspaces,
)
from tenantry.targets.azure.clients import Clients

if TYPE_CHECKING:
    from tenantry.targets.azure.target import AzureTarget

__all__ = ["Step", "erase_steps"]

Step = tuple[str, EraseMethod, Callable[[OnEvent], None]]
_PURGE_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0)  # seconds
_GROUP_PAUSES: Final = (3.0, 10.0, 30.0)  # seconds, in which what uses a subnet goes
_AT_A_TIME: Final = 8  # deletions of small things
_PROTECTED: Final = "purge protection is enabled"  # as Key Vault says it
_NO_VAULT: Final = ("DeletedVaultNotFound", "ResourceNotFound", "VaultNotFound")
_NO_ACCOUNT: Final = ("ParentResourceNotFound", "ResourceGroupNotFound", "ResourceNotFound")


def erase_steps(target: AzureTarget, instance: Instance) -> Sequence[Step]:
    """Return the steps for an instance: name, method, act."""
    run = _Erasure(target, instance)
    clear, purge = EraseMethod.CLEAR, EraseMethod.PURGE
    engines = target.engines
    here: list[Step] = [
        ("destroy the keys on this machine", purge, lambda _: target.vault(instance.opaque).destroy())
    ]
    made = values.is_made(instance)
    if made or not engines.place:
        here.append(("remove the stack and its history", purge, lambda _: engines.remove(instance)))
    # With a team's state too: it may have been in the workspace before. What a team's key wrapped goes with
    # the stack; the key is the team's.
    passphrase = engines.stack_vault(instance)
    here.append(("destroy the stack's passphrase", purge, lambda _: passphrase.destroy()))
    if not made:
        return here
    free = run.once_let_go
    return (
        ("look for what is not the instance's", clear, run.refuse_foreign),
        ("lift the instance's own locks", clear, run.lift_locks),
        ("stop the workload, empty its files and its settings", clear, run.empty_site),
        ("delete the settings that send logs", clear, free(run.delete_diagnostics)),
        ("take the host name from the site", clear, free(run.release_names)),
        _at_once(
            ("delete the database server", clear, free(run.delete_server)),
            ("delete the site", clear, free(run.delete_site)),
            ("empty the storage account and delete it", clear, free(run.delete_storage)),
            ("delete the logs with force", clear, free(run.delete_logs)),
        ),
        _at_once(
            ("delete and purge the secrets", purge, free(run.delete_secrets)),
            ("delete the vaults of the keys", purge, free(run.delete_keys)),
        ),
        ("delete role assignments", clear, free(run.delete_assignments)),
        ("delete the resource group", clear, free(run.delete_group)),
        ("note what Azure keeps", clear, run.note_residues),
        *here,
    )


def _at_once(*steps: Step) -> Step:
    """Return steps of one method as one that does all of them at once. Each comes to its end in any case."""
    (method,) = {method for _, method, _ in steps}

    def act(tell: OnEvent) -> None:
        with ThreadPoolExecutor(len(steps)) as pool:
            running = [pool.submit(one, tell) for _, _, one in steps]
        for one in running:
            one.result()

    return "; ".join(name for name, _, _ in steps), method, act


class _Erasure:
    """The acts, each on what is still there."""

    def __init__(self, target: AzureTarget, instance: Instance) -> None:
        self._target = target
        self._instance = instance
        self._recording = threading.Lock()
        self._left = ""  # why the site's files are still there

    @property
    def _clients(self) -> Clients:
        return self._target.clients(self._instance)

    @property
    def _arm(self) -> Arm:
        return self._clients.arm

    @property
    def _names(self) -> AzureNames:
        return self._target.names(self._instance)

    @property
    def _group(self) -> str:
        return inventory.group_id(self._clients.access.subscription_id, self._names)

    def refuse_foreign(self, _: OnEvent) -> None:
        """Stop at what somebody else put into the group, or locked."""
        found = self._target.obstacles(self._instance)
        if found:
            raise FailedError(problems=[*found.values()])

    def lift_locks(self, tell: OnEvent) -> None:
        """Remove the locks that the components made."""
        found = [lock["id"] for lock in self._locks() if locks.is_own(lock, self._group)]
        for lock in found:
            tell(Event(text=f"lift the lock {lock}", recorded=True))
        self._delete_all(found, locks.VERSION)

    def once_let_go(self, act: Callable[[OnEvent], None]) -> Callable[[OnEvent], None]:
        """Return an act that is done again while Azure holds a lock that was lifted before."""

        def look() -> None:
            locks.refuse_foreign(self._locks(), self._group)

        return lambda tell: locks.until_let_go(partial(act, tell), look)

    def empty_site(self, tell: OnEvent) -> None:
        """Stop the site, and take its files and settings away: a restored one would have them.

        Files whose management does not answer are no reason to keep the rest.
        """
        site, version = self._one("web:WebApp", self._names.site)
        if self._arm.get(site, version) is None:
            return
        self._arm.post(f"{site}/stop", version)
        try:
            content.emptied(self._clients.site(self._names.site))
        except TenantryError as error:
            self._left = error.message
            tell(Event(text=f"the site's files could not be deleted: {error.message}"))
        # Before it goes: what could not be deleted is known now, and after a kill no more.
        self._record(residues.of_site(site, deleted_at=self._clients.now(), left=self._left))
        self._arm.put_only(f"{site}/config/appsettings", version, {"properties": {}})

    def delete_diagnostics(self, _: OnEvent) -> None:
        """Delete what sends logs: it can outlive its resource, and take hold of one of the same name."""
        type_ = "Microsoft.Insights/diagnosticSettings"
        version = TYPES["azure-native:monitor:DiagnosticSetting"].version
        listed = inventory.resources(self._arm, self._group)
        found = inventory.parts(self._arm, self._group, listed, types=[type_])
        self._delete_all((one.id for one in found), version)

    def delete_server(self, tell: OnEvent) -> None:
        """Delete the database server, and before it what can be of its backups; the rest stays, encrypted."""
        server, version = self._one("dbforpostgresql:Server", self._names.server)
        found = self._arm.get(server, version)
        copied = backups.is_copied(found or {})
        if found is not None:
            # Before it goes: a run that is killed in between would see no server any more.
            self._note_server(server, copied=copied)
            backups.delete_asked_for(self._arm, server, tell)
        # Asked for even if it is not seen: it may have just been made.
        if self._arm.delete(server, version) or found is not None:
            self._note_server(server, copied=copied)

    def release_names(self, _: OnEvent) -> None:
        """Unbind host names of the instance's own, then delete their certificates: not in use any more."""
        binding, certificate = (
            TYPES[f"azure-native:web:{one}"] for one in ("WebAppHostNameBinding", "Certificate")
        )
        for one in inventory.host_names(self._arm, self._group, self._names.site):
            self._arm.delete(one["id"], binding.version)
        for one in inventory.resources(self._arm, self._group):
            if one["type"].lower() == certificate.arm_type.lower():
                self._arm.delete(one["id"], certificate.version)

    def delete_site(self, _: OnEvent) -> None:
        """Delete the site; Azure keeps what it still has for a month."""
        site, version = self._one("web:WebApp", self._names.site)
        if self._arm.delete(site, version, deleteEmptyServerFarm="false"):
            self._record(residues.of_site(site, deleted_at=self._clients.now(), left=self._left))

    def delete_storage(self, tell: OnEvent) -> None:
        """Delete the account; every container before, for good: Azure keeps an account, to be recovered."""
        account, version = self._one("storage:StorageAccount", self._names.storage)
        try:
            left = storage.emptied(
                self._arm,
                account,
                known=self._target.made(self._instance, ":BlobContainer"),
                now=self._clients.now(),
                tell=tell,
            )
        except TenantryError as error:
            # Not asked for before: what was just made may not be seen yet.
            if any(arm_code(error, code) for code in _NO_ACCOUNT):
                return
            raise
        for one in left:
            self._record(one)
        self._delete_and_note(account, version)

    def delete_logs(self, tell: OnEvent) -> None:
        """Delete the workspace so that it cannot be recovered; one deleted before is recovered for it."""
        workspace, _ = self._one("operationalinsights:Workspace", self._names.workspace)
        workspaces.delete_for_good(self._arm, workspace, self._instance.opaque, tell)

    def delete_secrets(self, _: OnEvent) -> None:
        """Delete the vault of the secrets, and purge it, whether it is listed already or not."""
        vault, version = self._one("keyvault:Vault", self._names.secrets_vault)
        existed = self._arm.delete(vault, version)
        kept = (
            f"/subscriptions/{self._clients.access.subscription_id}/providers/Microsoft.KeyVault"
            f"/locations/{self._target.region(self._instance)}/deletedVaults/{self._names.secrets_vault}"
        )
        self._purge(f"{kept}/purge", version, existed=existed)

    def delete_keys(self, _: OnEvent) -> None:
        """Delete the vaults of the keys; purge protection keeps them for a week."""
        vaults = [
            self._one("keyvault:Vault", one) for one in (self._names.keys_vault, self._names.pair_keys_vault)
        ]
        for vault, version in vaults:
            self._delete_and_note(vault, version)

    def delete_assignments(self, _: OnEvent) -> None:
        """Delete role assignments: with their principal gone they would stay."""
        version = TYPES["azure-native:authorization:RoleAssignment"].version
        subscription_id = self._clients.access.subscription_id
        found = inventory.assignments(self._arm, subscription_id, self._group)
        self._delete_all((one["id"] for one in found), version)

    def delete_group(self, tell: OnEvent) -> None:
        """Delete the group with all that is left in it; what held a subnet may be gone a moment later.

        What somebody put into it since the first look, which may be long ago, stops it, too.
        """
        self.refuse_foreign(tell)
        for pause in (*_GROUP_PAUSES, None):
            try:
                self._arm.delete(self._group, TYPES["azure-native:resources:ResourceGroup"].version)
            except TenantryError as error:
                if pause is None or not arm_code(error, "InUseSubnetCannotBeDeleted"):
                    raise
                time.sleep(pause)
            else:
                return

    def note_residues(self, _: OnEvent) -> None:
        """Keep what Azure keeps, before the last key is gone."""
        subscription_id = self._clients.access.subscription_id
        self._record(residues.of_activity(subscription_id, at=self._clients.now()))
        self._target.record_residues(self._instance)

    def _purge(self, path: str, version: str, *, existed: bool) -> None:
        """Purge what was deleted. Azure may forbid it for a while; what it goes on keeps is a residue.

        What ``existed`` a moment ago may not be known as deleted yet.
        """
        for pause in (*_PURGE_PAUSES, None):
            try:
                self._arm.post(path, version)
            except TenantryError as error:
                if arm_code(error, "Forbidden") and _PROTECTED in error.message:
                    return  # until its date nobody can
                missing = any(arm_code(error, code) for code in _NO_VAULT)
                if not missing and not arm_code(error, "MethodNotAllowed"):
                    raise
                if pause is not None and (existed or not missing):
                    time.sleep(pause)
                    continue
            return

    def _delete_all(self, found: Iterable[str], version: str) -> None:
        """Delete resources of one type at once."""
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            list(pool.map(lambda one: self._arm.delete(one, version), list(found)))

    def _note_server(self, server: str, *, copied: bool) -> None:
        now = self._clients.now()
        self._record(residues.of_server(server, deleted_at=now))
        region = find_region(self._target.region(self._instance))
        if copied and region is not None:
            self._record(residues.of_copy(server, region.pair, deleted_at=now))

    def _delete_and_note(self, resource: str, version: str) -> None:
        """Delete what Azure keeps, and note that it does before a list of the deleted shows it."""
        if self._arm.delete(resource, version):
            self._record(residues.of_deleted(resource, deleted_at=self._clients.now()))

    def _record(self, residue: Residue) -> None:
        with self._recording:  # what was known is read and written back
            self._target.record_residue(self._instance, residue)

    def _locks(self) -> Sequence[dict[str, Any]]:
        return locks.at_and_below(self._arm, self._group)

    def _one(self, token: str, name: str) -> tuple[str, str]:
        kind = TYPES[f"azure-native:{token}"]
        return f"{self._group}/providers/{kind.arm_type}/{name}", kind.version
