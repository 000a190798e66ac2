"""The health of an instance on Azure: what Resource Manager, the instance itself and its backups say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tenantry.adapters.azure_look import OneLook
from tenantry.components.azure.props import STORAGE_PERCENT, AzureProps, Binding
from tenantry.errors import TenantryError, UnavailableError
from tenantry.model.azure_types import TYPES
from tenantry.model.lifecycle import State
from tenantry.model.profile import Service
from tenantry.model.spec import InstanceSpec
from tenantry.model.status import Condition, Truth
from tenantry.ports import Instance
from tenantry.targets.azure import (
    backups,
    foreign,
    host_name,
    inventory,
    lent_roles,
    located,
    measured,
    package,
    probes,
    way_to_database,
)
from tenantry.targets.azure.clients import Clients

__all__ = ["look"]

Seen = tuple[bool, str, str]  # good?, reason, message
_YOUNG: Final = timedelta(hours=1)  # Azure's first figures come minutes after a resource
_ENDS_SOON: Final = timedelta(days=30)  # App Service renews 45 days before the end
# What stays so until somebody makes DNS records, or deploys.
_AWAITS_PEOPLE: Final = frozenset({"RecordsMissing", "NameTaken", "NotBound"})
# What it means that one of these types does not say whether it has public access: Azure's default. Of a
# cache made with an old version of the API Azure does not tell, and publishes no default.
_UNLESS_TOLD: Final = {"keyvault:Vault": "Enabled", "storage:StorageAccount": "Enabled"}
_EXCEPTIONS: Final = "AppExceptions | where TimeGenerated > ago(15m) | count"


class _Look:
    """One look at one instance."""

    def __init__(
        self,
        clients: Clients,
        reads: OneLook,
        props: AzureProps,
        *,
        spec: InstanceSpec,
        instance: Instance,
        now: datetime,
        own_rights: Callable[[], Collection[str]],
    ) -> None:
        self._clients = clients
        self._arm = reads
        self._born = instance.created_at
        self._unfinished = instance.state is State.PROVISIONING
        self._own_rights = own_rights
        self._most_hours = spec.backups.max_age_hours
        self._props = props
        self._path = props.profile.health.path
        self._residency = spec.residency
        self._ca_file = clients.access.cloud.ca_file
        self._now = now
        self._group = inventory.group_id(props.subscription_id, props.names)

    def resources(self) -> Seen:
        """Every resource that the group lists is the instance's and ready, server and site among them."""
        listed = self._listed()
        if not listed:
            return False, "NoResources", f"{self._props.names.resource_group} has no resources"
        states = {one["name"]: str(one.get("provisioningState") or "Succeeded") for one in listed}
        bad = sorted(f"{name} is {state}" for name, state in states.items() if state != "Succeeded")
        needed = [self._props.names.site, self._props.names.secrets_vault, self._props.names.keys_vault]
        if self._props.needs(Service.DATABASE):
            needed.append(self._props.names.server)
        if self._props.needs(Service.BLOBS):
            needed.append(self._props.names.storage)
        if self._props.needs(Service.CACHE):
            needed.append(self._props.names.cache)
        bad += [f"{name} is missing" for name in needed if name not in states]
        if bad:
            return False, "NotReady", "; ".join(bad)
        theirs = foreign.resources(listed, self._props.tags["instance"])
        if theirs:
            return False, "ForeignResource", f"not the instance's: {', '.join(theirs)}"
        return True, "Ready", located.counted(len(listed), "resource")

    def database(self) -> Seen:
        """The server says that it is ready, and that its key can be used."""
        server = self._get("dbforpostgresql:Server", self._props.names.server)
        state = str((server.get("properties") or {}).get("state") or "missing")
        return state == "Ready", "Reachable" if state == "Ready" else "NotReachable", f"the server is {state}"

    def space(self) -> Seen:
        """The server's storage has room, as Azure measured it last."""
        server = self._id("dbforpostgresql:Server", self._props.names.server)
        percent = measured.last_figure(self._arm, server, "storage_percent", now=self._now)
        if percent is None:
            if self._now - self._born < _YOUNG:
                return True, "TooYoung", "Azure has not measured it yet"
            raise UnavailableError("Azure has no figure of the last half hour for storage_percent")
        well = percent < STORAGE_PERCENT
        return well, "Room" if well else "AlmostFull", f"{percent:.0f} % of the server's storage is used"

    def exceptions(self) -> Seen:
        """The workload reported no exception in the last quarter of an hour."""
        workspace = self._get("operationalinsights:Workspace", self._props.names.workspace)
        customer = str((workspace.get("properties") or {}).get("customerId") or "")
        if not customer:
            return False, "NoWorkspace", f"the workspace {self._props.names.workspace} is missing"
        count = measured.count_rows(self._clients.logs, customer, _EXCEPTIONS)
        return count == 0, "Quiet" if count == 0 else "Exceptions", f"{count} in the last 15 minutes"

    def storage(self) -> Seen:
        """The storage account is available in its region, and every container of the profile is there."""
        name = self._props.names.storage
        account = self._get("storage:StorageAccount", name)
        state = str((account.get("properties") or {}).get("statusOfPrimary") or "missing")
        if state != "available":
            return False, "NotAvailable", f"the storage account is {state}"
        path = f"{self._id('storage:StorageAccount', name)}/blobServices/default/containers"
        listed = self._arm.list(path, TYPES["azure-native:storage:BlobContainer"].version)
        there = {one["name"] for one in listed}
        missing = [one for one in self._props.profile.containers if one not in there]
        if missing:
            return False, "ContainerMissing", f"not there: {', '.join(missing)}"
        return True, "Available", located.counted(len(there), "container")

    def cache(self) -> Seen:
        """The cache says that it runs."""
        cluster = self._get("redisenterprise:RedisEnterprise", self._props.names.cache)
        state = str((cluster.get("properties") or {}).get("resourceState") or "missing")
        return state == "Running", "Running" if state == "Running" else "NotRunning", f"the cache is {state}"

    def site(self) -> Seen:
        """The site runs, or is stopped because the instance is suspended."""
        site = self._get("web:WebApp", self._props.names.site)
        state = str((site.get("properties") or {}).get("state") or "missing")
        if self._props.running:
            return state == "Running", "Running" if state == "Running" else "NotRunning", f"it is {state}"
        return state == "Stopped", "Suspended" if state == "Stopped" else "NotSuspended", f"it is {state}"

    def answers(self) -> Seen:
        """The health path answers over HTTPS, as people reach it, and it is the workload that answers."""
        if not self._props.running:
            return True, "Suspended", "nobody is to be answered"
        again = f"tenantry instance deploy {self._props.instance}"
        if self._unfinished:
            return False, "NotDeployed", f"its first deploy did not come to its end; finish it: {again}"
        url = self._props.url + self._path
        status = self._asked(url)
        if isinstance(status, str):
            return False, "NoAnswer", status
        if status != self._props.profile.health.expected_status:
            return False, "BadStatus", f"{url} answers {status}"
        # App Service's own page answers every path with 200 where there is no workload yet.
        if self._props.profile.package and not package.is_there(self._clients.site(self._props.names.site)):
            return False, "NotDeployed", f"the site {self._props.names.site} has no package: {again}"
        return True, "Answers", f"{url} answers {status}"

    def host_name(self) -> Seen:
        """The spec's host name leads here, and is served with a certificate that does not end soon."""
        seen, name = host_name.look(self._arm, self._props), self._props.hostname
        again = f"tenantry instance deploy {self._props.instance}"
        match seen.binding:
            case Binding.NONE if not seen.made:
                found = (False, "NoSite", f"the site {self._props.names.site} is missing")
            case Binding.NONE if seen.taken_by:
                found = (False, "NameTaken", f"{name} is bound to {seen.taken_by}")
            case Binding.NONE if not seen.ready:
                found = (False, "RecordsMissing", f"make DNS records: {seen.wanted}; then run: {again}")
            case Binding.NONE | Binding.BOUND | Binding.CERTIFIED:
                found = (False, "NotBound", f"{name} is {seen.binding}; to have it served run: {again}")
            case Binding.SECURED:
                until = host_name.certificate(self._arm, self._props).get("expirationDate")
                answer = self._asked(replace(self._props, binding=Binding.SECURED).url + self._path)
                if until is None or datetime.fromisoformat(until) - self._now < _ENDS_SOON:
                    ends = f"the certificate of {name} ends: {until or 'there is none'}"
                    found = (False, "CertificateEnds", f"{ends}; its renewal needs the DNS: {seen.wanted}")
                elif isinstance(answer, str):
                    found = (False, "NotReached", f"{answer}; it needs the DNS: {seen.wanted}")
                else:
                    found = (True, "Served", f"{name}, with a certificate until {until:.10}")
        return found

    def _asked(self, url: str) -> int | str:
        """Return the status that a URL answers, or why there is no answer."""
        seconds = self._props.profile.health.timeout_seconds
        return probes.status_of(url, timeout_seconds=seconds, ca_file=self._ca_file)

    def residency(self) -> Seen:
        """Nothing lies outside of the residency, no copy either, and nothing elsewhere than the spec says."""
        listed, props = self._listed(), self._props
        account = server = dict[str, Any]()
        if props.needs(Service.BLOBS):
            account = self._get("storage:StorageAccount", props.names.storage)
        if props.needs(Service.DATABASE):
            server = self._get("dbforpostgresql:Server", props.names.server)
        wrong = located.outside(listed, account, server, props=props, residency=self._residency)
        if wrong:
            return False, "OutsideResidency", "; ".join(wrong)
        return True, "Inside", located.told(listed, props)

    def private(self) -> Seen:
        """Nobody outside reaches the data services, and nobody but the instance has a right there."""
        server = self._id("dbforpostgresql:Server", self._props.names.server)
        if why := way_to_database.why_open(self._arm, server):
            return False, "DatabaseOpen", f"the database server {why}"
        names, props = self._props.names, self._props
        pair = [names.pair_keys_vault] if props.geo_backup else []
        for name in (names.secrets_vault, names.keys_vault, *pair):
            if self._is_public("keyvault:Vault", name):
                return False, "VaultOpen", f"the vault {name} has public access"
        if props.needs(Service.BLOBS) and self._is_public("storage:StorageAccount", names.storage):
            return False, "StorageOpen", f"the storage account {names.storage} has public access"
        if props.needs(Service.CACHE) and self._is_public("redisenterprise:RedisEnterprise", names.cache):
            return False, "CacheOpen", f"the cache {names.cache} has public access"
        left = lent_roles.left(self._arm, self._group)
        if given := left or self._given():
            reason = "RoleLeft" if left else "RightGiven"
            who = "tenantry gave itself for an operation" if left else "somebody gave by hand"
            return False, reason, f"rights that {who} are still there: {', '.join(given)}"
        return True, "Private", "no data service has public access, and nobody else a right"

    def _given(self) -> Sequence[str]:
        """Return the role assignments in the group that the engine did not make."""
        own = self._own_rights()
        given = foreign.rights(self._arm, self._group, own)
        if given and not own:  # there is no instance without
            raise UnavailableError("the engine has no record of the rights that it gave")
        return given

    def _is_public(self, token: str, name: str) -> bool:
        """Say whether a resource has public access; one that is not there has none."""
        there = self._get(token, name)
        if not there:
            return False
        told = (there.get("properties") or {}).get("publicNetworkAccess") or _UNLESS_TOLD.get(token)
        if told is None:
            raise UnavailableError(f"{name} does not say whether it has public access")
        return str(told).lower() != "disabled"

    def backed_up(self) -> Seen:
        """The newest backup of the database is young enough."""
        listed = backups.listed(self._arm, self._id("dbforpostgresql:Server", self._props.names.server))
        if not listed:
            return False, "NoBackup", "the server lists no backup"
        age = self._now - listed[0].finished
        well = age < timedelta(hours=self._most_hours)
        return well, "Recent" if well else "BackupOld", f"the newest is {_hours(age)} old"

    def _get(self, token: str, name: str) -> dict[str, Any]:
        """Return what a resource says of itself, {} for one that is not there."""
        return self._arm.get(self._id(token, name), TYPES[f"azure-native:{token}"].version) or {}

    def _listed(self) -> Sequence[dict[str, Any]]:
        """Return what the group lists."""
        return inventory.resources(self._arm, self._group)

    def _id(self, token: str, name: str) -> str:
        return f"{self._group}/providers/{TYPES[f'azure-native:{token}'].arm_type}/{name}"


def look(
    clients: Clients,
    props: AzureProps,
    *,
    spec: InstanceSpec,
    instance: Instance,
    drifted: Callable[[], Sequence[str]],
    own_rights: Callable[[], Collection[str]],
) -> Sequence[Condition]:
    """Look at everything, several at once, and ask nothing twice. What cannot be looked at is Unknown.

    Args:
        clients: of the instance's subscription.
        props: what the instance was made from.
        spec: as it is now.
        instance: as the register has it.
        drifted: returns the names of what was changed by hand.
        own_rights: returns the ids of the role assignments that the engine made, in lower case.
    """
    reads = OneLook(clients.arm)
    group = inventory.group_id(props.subscription_id, props.names)
    now = clients.now_by(lambda: inventory.resources(reads, group))
    one = _Look(clients, reads, props, spec=spec, instance=instance, now=now, own_rights=own_rights)
    looks: dict[str, Callable[[], Seen]] = {
        "ResourcesReady": one.resources,
        "ProcessUp": one.site,
        "HttpOk": one.answers,
        "ResidencyKept": one.residency,
        "Private": one.private,
        "NoDrift": lambda: _no_drift(drifted()),
    }
    if props.needs(Service.DATABASE):
        looks |= {
            "DatabaseReachable": one.database,
            "BackupRecent": one.backed_up,
            "DatabaseSpace": one.space,
        }
    if props.hostname:
        looks |= {"HostName": one.host_name}
    if props.uses("monitoring.connection_string"):
        looks |= {"NoExceptions": one.exceptions}
    if props.needs(Service.BLOBS):
        looks |= {"StorageAvailable": one.storage}
    if props.needs(Service.CACHE):
        looks |= {"CacheUp": one.cache}
    with ThreadPoolExecutor(len(looks)) as pool:
        seen = dict(zip(looks, pool.map(_guarded, looks.values()), strict=True))
    return [_condition(name, found, now) for name, found in sorted(seen.items())]


def _guarded(act: Callable[[], Seen]) -> Seen | TenantryError:
    try:
        return act()
    except TenantryError as error:
        return error


def _condition(name: str, found: Seen | TenantryError, now: datetime) -> Condition:
    if isinstance(found, TenantryError):
        return Condition(type=name, status=Truth.UNKNOWN, reason="CannotLook", message=found.message, at=now)
    good, reason, message = found
    return Condition(
        type=name,
        status=Truth.TRUE if good else Truth.FALSE,
        reason=reason,
        message=message,
        at=now,
        awaits_people=reason in _AWAITS_PEOPLE,
    )


def _no_drift(changed: Sequence[str]) -> Seen:
    if changed:
        return False, "Drifted", "changed by hand: " + ", ".join(changed)
    return True, "InSync", "nothing was changed by hand"


def _hours(age: timedelta) -> str:
    return f"{age.total_seconds() / 3600:.1f} hours"
