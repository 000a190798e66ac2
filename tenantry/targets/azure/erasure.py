"""The steps that erase an instance from Azure, in their order (docs/explanation/erasure.md).

A resource group's deletion only soft-deletes much of what is in it, so each of
these goes before the group, and is purged where Azure lets it be purged. Keys
go late, the stack's passphrase last. Every step may be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import FailedError, TenantryError
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES
from tenantry.model.status import EraseMethod
from tenantry.ports import Event, Instance, OnEvent
from tenantry.targets.azure import inventory, residues, storage, values
from tenantry.targets.azure.clients import Clients

if TYPE_CHECKING:
    from tenantry.targets.azure.target import AzureTarget

__all__ = ["Step", "erase_steps", "foreign"]

Step = tuple[str, EraseMethod, Callable[[OnEvent], None]]
_PURGE_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0)  # seconds
_LOCKS: Final = "Microsoft.Authorization/locks"
_INTERFACES: Final = "microsoft.network/networkinterfaces"
# Azure makes these by itself for resources of ours, without our tags.
_MADE_BY_AZURE: Final = frozenset({"microsoft.alertsmanagement/smartdetectoralertrules"})


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
    if not engines.place:  # a team's key is the team's; what it wrapped goes with the stack
        passphrase = engines.stack_vault(instance)
        here.append(("destroy the stack's passphrase", purge, lambda _: passphrase.destroy()))
    if not made:
        return here
    return (
        ("look for what is not the instance's", clear, run.refuse_foreign),
        ("lift the instance's own locks", clear, run.lift_locks),
        ("stop the workload and empty its settings", clear, run.stop_writers),
        ("delete the database server", clear, run.delete_server),
        ("take the host name from the site", clear, run.release_names),
        ("delete the site", clear, run.delete_site),
        ("empty the storage account", clear, run.empty_storage),
        ("delete the storage account", clear, run.delete_storage),
        ("delete the logs with force", clear, run.delete_logs),
        ("delete and purge the secrets", purge, run.delete_secrets),
        ("delete the vaults of the keys", purge, run.delete_keys),
        ("delete role assignments", clear, run.delete_assignments),
        ("delete the resource group", clear, run.delete_group),
        ("note what Azure keeps", clear, run.note_residues),
        *here,
    )


def foreign(arm: Arm, group: str, opaque: str) -> Sequence[str]:
    """Return the ids of what lies in an instance's group and is not its own."""
    return [
        one["id"]
        for one in inventory.resources(arm, group)
        if (one.get("tags") or {}).get("instance") != opaque
        and one["type"].lower() not in _MADE_BY_AZURE
        and not _is_of_an_endpoint(arm, one)
    ]


def _is_of_an_endpoint(arm: Arm, one: Mapping[str, Any]) -> bool:
    """Say whether it is the network interface that Azure makes for a private endpoint."""
    if one["type"].lower() != _INTERFACES:
        return False
    version = TYPES["azure-native:network:PrivateEndpoint"].version
    found = arm.get(one["id"], version) or {}
    return bool((found.get("properties") or {}).get("privateEndpoint"))


class _Erasure:
    """The acts, each on what is still there."""

    def __init__(self, target: AzureTarget, instance: Instance) -> None:
        self._target = target
        self._instance = instance

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
        found = foreign(self._arm, self._group, self._instance.opaque)
        if found:
            raise FailedError(
                f"{len(found)} resources in {self._names.resource_group} are not the instance's: {found[0]}",
                hint="see whose they are and move or delete them, then run the same command again",
                code="foreign-resource",
            )
        ours = self._target.lock_ids(self._instance)
        others = [one["id"] for one in self._locks() if one["id"].lower() not in ours]
        if others:
            raise FailedError(
                f"somebody else locked it: {others[0]}",
                hint="see who did and why; remove the lock only if its owner agrees",
                code="scope-locked",
            )

    def lift_locks(self, tell: OnEvent) -> None:
        """Remove the locks that the components made."""
        for lock in self._locks():
            tell(Event(text=f"lifting the lock {lock['id'].rpartition('/')[2]}"))
            self._arm.delete(lock["id"], TYPES["azure-native:authorization:ManagementLockByScope"].version)

    def stop_writers(self, _: OnEvent) -> None:
        """Stop the site, and take its settings away: a restored one would have them."""
        site, version = self._one("web:WebApp", self._names.site)
        if self._arm.get(site, version) is None:
            return
        self._arm.post(f"{site}/stop", version)
        self._arm.put_only(f"{site}/config/appsettings", version, {"properties": {}})

    def delete_server(self, _: OnEvent) -> None:
        """Delete the database server; its backups stay for days, encrypted."""
        server, version = self._one("dbforpostgresql:Server", self._names.server)
        if self._arm.get(server, version) is not None:
            self._arm.delete(server, version)
            self._target.record_residue(
                self._instance, residues.of_server(server, deleted_at=self._clients.now())
            )

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
        """Delete the site; Azure keeps content and settings for a month."""
        site, version = self._one("web:WebApp", self._names.site)
        self._arm.delete(site, version, deleteEmptyServerFarm="false")

    def empty_storage(self, tell: OnEvent) -> None:
        """Delete every container for good: Azure keeps a deleted account, and it can be recovered."""
        account, version = self._one("storage:StorageAccount", self._names.storage)
        if self._arm.get(account, version) is None:
            return
        for one in storage.emptied(self._arm, account, now=self._clients.now(), tell=tell):
            self._target.record_residue(self._instance, one)

    def delete_storage(self, _: OnEvent) -> None:
        """Delete the account of the blobs."""
        account, version = self._one("storage:StorageAccount", self._names.storage)
        self._arm.delete(account, version)

    def delete_logs(self, _: OnEvent) -> None:
        """Delete the workspace so that it cannot be recovered; one deleted before is recovered for it."""
        workspace, version = self._one("operationalinsights:Workspace", self._names.workspace)
        self._arm.delete(workspace, version, force="true")

    def delete_secrets(self, _: OnEvent) -> None:
        """Delete the vault of the secrets, and purge it."""
        self._delete_vault(self._names.secrets_vault)
        for kind, entry in self._kept():
            if kind.word == "vault" and entry["name"] == self._names.secrets_vault:
                self._purge(f"{entry['id']}/purge", kind.version)

    def delete_keys(self, _: OnEvent) -> None:
        """Delete the vaults of the keys; purge protection keeps them for a week."""
        for name in (self._names.keys_vault, self._names.pair_keys_vault):
            self._delete_vault(name)

    def delete_assignments(self, _: OnEvent) -> None:
        """Delete role assignments: with their principal gone they would stay."""
        version = TYPES["azure-native:authorization:RoleAssignment"].version
        for asset in self._target.inventory(self._instance):
            if asset.type == "Microsoft.Authorization/roleAssignments":
                self._arm.delete(asset.id, version)

    def delete_group(self, _: OnEvent) -> None:
        """Delete the group with all that is left in it."""
        self._arm.delete(self._group, TYPES["azure-native:resources:ResourceGroup"].version)

    def note_residues(self, _: OnEvent) -> None:
        """Keep what Azure keeps, before the last key is gone."""
        self._target.record_residues(self._instance)

    def _purge(self, path: str, version: str) -> None:
        """Purge what was deleted. Azure may forbid it for a while; what it goes on keeps is a residue."""
        for pause in (*_PURGE_PAUSES, None):
            try:
                self._arm.post(path, version)
            except TenantryError as error:
                if arm_code(error, "MethodNotAllowed") and pause is not None:
                    time.sleep(pause)
                    continue
                if not arm_code(error, "ResourceNotFound") and not arm_code(error, "MethodNotAllowed"):
                    raise
            return

    def _delete_vault(self, name: str) -> None:
        vault, version = self._one("keyvault:Vault", name)
        self._arm.delete(vault, version)

    def _locks(self) -> Sequence[dict[str, Any]]:
        if self._arm.get(self._group, TYPES["azure-native:resources:ResourceGroup"].version) is None:
            return []
        return self._arm.list(f"{self._group}/providers/{_LOCKS}", "2020-05-01")

    def _kept(self) -> Sequence[tuple[inventory.DeletedKind, dict[str, Any]]]:
        return inventory.kept(self._arm, self._clients.access.subscription_id, self._names)

    def _one(self, token: str, name: str) -> tuple[str, str]:
        kind = TYPES[f"azure-native:{token}"]
        return f"{self._group}/providers/{kind.arm_type}/{name}", kind.version
