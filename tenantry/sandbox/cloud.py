"""The cloud that kinds see: resources, notes, time, addresses, principals."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tenantry.model.azure_types import TYPES
from tenantry.sandbox import ids, public_dns, styles
from tenantry.sandbox.hosts import HostsFile
from tenantry.sandbox.kinds import ArmFault, Kind, Resource
from tenantry.sandbox.lag import Past
from tenantry.sandbox.settings import Identity
from tenantry.sandbox.store import Store
from tenantry.sandbox.tokens import Tokens
from tenantry.sandbox.watch.logs import Logs
from tenantry.sandbox.watch.samples import Samples

__all__ = ["SandboxCloud"]

_CLOCK, _ADDRESSES = "sandbox/clock", "sandbox/address/"
_OWN_HOSTS = ("management", "login", "graph", "api.loganalytics", "ingest.applicationinsights")
_ROLE_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
# Names of the HTTPS listener that come and go with resources.
_NAMED: Mapping[str, tuple[str, ...]] = {
    "microsoft.keyvault/vaults": ("{}.vault",),
    "microsoft.storage/storageaccounts": ("{}.blob.core",),
    "microsoft.web/sites": ("{}.azurewebsites", "{}.scm.azurewebsites"),
    "microsoft.web/staticsites": ("{}.azurestaticapps",),
}
WILDCARDS = (
    "*",
    "*.vault",
    "*.blob.core",
    "*.azurewebsites",
    "*.scm.azurewebsites",
    "*.azurestaticapps",
    "*.loganalytics",
    "*.applicationinsights",
)


class SandboxCloud:
    """What ``tenantry.sandbox.kinds.Cloud`` promises, for one sandbox."""

    def __init__(
        self, *, store: Store, identity: Identity, tokens: Tokens, folder: Path, ca_file: Path
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.suffix = identity.suffix
        self.ca_file = ca_file
        self.store = store
        self.identity = identity
        self.tokens = tokens
        self.kinds: dict[str, Kind] = {}  # by type in lower case
        self._more: list[Callable[[], None]] = []  # what else is done in a sweep
        # Kept here too: every figure that is observed asks for the time.
        note = store.recall(_CLOCK).get(_CLOCK, {})
        self._offset = timedelta(seconds=float(note.get("offset", 0.0)))
        self.past = Past(self, store)
        self.samples = Samples()
        self.logs = Logs(self, folder / "logs")
        self._hosts = HostsFile(identity.id)
        self._lock = threading.RLock()

    def use(self, kinds: Sequence[Kind]) -> None:
        """Take the kinds in."""
        self.kinds = {kind.type.lower(): kind for kind in kinds}

    def kind(self, type_: str) -> Kind:
        """Return the kind of a type; the generic one when it has none of its own."""
        return self.kinds.get(type_.lower()) or Kind()

    def known_types(self) -> list[str]:
        """Return every type that can be made here."""
        found = {one.lower(): one for one in styles.spellings()}
        for kind in self.kinds.values():
            found.setdefault(kind.type.lower(), kind.type)
        return sorted(found.values())

    def spelling(self, type_: str) -> str:
        """Return a type as Azure spells it, "" when it cannot be made here."""
        kind = self.kinds.get(type_.lower())
        return styles.spelling(type_) or (kind.type if kind else "")

    def versions(self, type_: str) -> list[str]:
        """Return the API versions that a type is described with; others are taken, too."""
        found = {one.version for one in TYPES.values() if one.arm_type.lower() == type_.lower()}
        return sorted(found, reverse=True) or ["2024-01-01"]

    # --- time ---

    def now(self) -> datetime:
        """Return the cloud's time."""
        return datetime.now(UTC) + self._offset

    def move_clock(self, by: timedelta) -> None:
        """Move the cloud's time, and do what is due then; what is now is observed before."""
        self.sweep()
        with self._lock:
            self._offset += by
            self.store.remember(_CLOCK, {"offset": self._offset.total_seconds()})
        self.sweep()

    def sweep(self) -> None:
        """Let every kind do what is due."""
        for kind in self.kinds.values():
            kind.sweep(self)
        for more in self._more:
            more()
        self.publish()

    def when_swept(self, work: Callable[[], None]) -> None:
        """Let something else be done in each sweep, too."""
        self._more.append(work)

    # --- resources ---

    def find(self, resource_id: str) -> Resource | None:
        """Return a resource by its id."""
        return self.store.find(resource_id)

    def children(self, resource_id: str, type_: str = "") -> list[Resource]:
        """Return what lies below a resource."""
        return self.store.below(resource_id, type_)

    def seen(self, resource_id: str, type_: str = "") -> list[Resource]:
        """Return what a reader sees below a resource, who may be behind."""
        return self.past.children(resource_id, type_)[0]

    def save(self, resource: Resource, *, draft: bool = False) -> None:
        """Keep a resource's body; a draft, while work on it goes on."""
        new = resource.type.lower() in _NAMED and self.store.find(resource.id) is None
        self.past.note(resource, draft=draft)
        self.store.save(resource)
        if new:
            self.publish()

    def drop(self, resource: Resource) -> None:
        """Forget a resource and what lies below it."""
        with self.store.together():
            for one in [*self.store.below(resource.id), resource]:
                self.past.note(one, gone=True)
                self.store.drop(one.id)
        if resource.type.lower() in _NAMED:
            self.publish()

    def remember(self, key: str, value: dict[str, Any] | None) -> None:
        """Keep a note."""
        self.store.remember(key, value)

    def recall(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return notes."""
        return self.store.recall(prefix)

    # --- names and addresses ---

    def address(self, name: str) -> str:
        """Give a host name a loopback address of its own."""
        with self._lock:
            taken = self.store.recall(_ADDRESSES)
            known = taken.get(_ADDRESSES + name)
            if known is not None:
                return str(known["address"])
            used = {str(note["address"]) for note in taken.values()}
            every = (f"{self.identity.network}.{number}" for number in range(2, 255))
            found = next((one for one in every if one not in used), None)
            if found is None:
                raise ArmFault(409, "QuotaExceeded", "The sandbox has no address left.")
            self.store.remember(_ADDRESSES + name, {"address": found})
        self.publish()
        return found

    def release(self, name: str) -> None:
        """Take a host name's address away."""
        self.store.remember(_ADDRESSES + name, None)
        self.publish()

    def listener(self) -> str:
        """Return the address of the HTTPS listener."""
        return f"{self.identity.address}:{self.identity.port}"

    def sample(self, resource_id: str, metric: str, value: float, **dimensions: str) -> None:
        """Keep a figure that was observed."""
        self.samples.add(resource_id, metric, value, at=self.now(), dimensions=dimensions)

    def log(self, resource_id: str, category: str, *rows: Mapping[str, Any]) -> None:
        """Send rows of a resource's log to its workspaces."""
        self.logs.send(resource_id, category, rows)

    def erase_logs(self, customer_id: str) -> None:
        """Erase every row of a workspace."""
        self.logs.erase(customer_id)

    def publish(self) -> None:
        """Make the lines of /etc/hosts what names there are."""
        with self._lock:
            names = {f"{host}.{self.suffix}": self.identity.address for host in _OWN_HOSTS}
            for resource in self.store.below(""):
                for pattern in _NAMED.get(resource.type.lower(), ()):
                    names[f"{pattern.format(resource.name.lower())}.{self.suffix}"] = self.identity.address
            for name, note in self.store.recall(_ADDRESSES).items():
                names[name.removeprefix(_ADDRESSES)] = str(note["address"])
            names |= public_dns.aliases(self, names)
            self._hosts.replace(names)

    def served(self, host: str) -> str:
        """Return certificate and key, PEM, of a bound host name; "" when nobody has one for it."""
        return next((pem for kind in self.kinds.values() if (pem := kind.served(self, host))), "")

    def withdraw(self) -> None:
        """Take every line of ours out of /etc/hosts."""
        self._hosts.replace({})

    # --- principals ---

    def principal(self, authorization: str, *, audience: str) -> str:
        """Return whom a token proves."""
        return str(self.tokens.read(authorization, audience=audience)["oid"])

    def roles(self, principal: str, scope: str) -> set[str]:
        """Return the role definitions that a principal has at or above a scope, as they are in force."""
        here = ids.key(scope)
        found = set()
        for one in self.past.children("", _ROLE_ASSIGNMENTS)[0]:
            target = ids.parse(one.id)
            at = ids.key(target.scope) if target else ""
            if str(one.properties.get("principalId")).lower() != principal.lower():
                continue
            if at in ("/", here) or here.startswith(at + "/"):
                found.add(str(one.properties.get("roleDefinitionId")).rpartition("/")[2].lower())
        return found

    def new_principal(self) -> str:
        """Return the object id of a new identity."""
        return str(uuid.uuid4())

    def secret(self, uri: str, *, principal: str) -> str:
        """Return a vault's secret as an identity may read it."""
        return self.kind("Microsoft.KeyVault/vaults").secret(self, uri, principal=principal)
