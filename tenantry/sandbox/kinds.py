"""What a type of resource is in the sandbox: the seam between its Resource Manager and real parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["ArmFault", "Cloud", "Handler", "Kind", "Resource"]

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Resource:
    """A resource. ``body`` is the whole body that Resource Manager answers; its kind fills it."""

    id: str
    type: str  # "Microsoft.KeyVault/vaults"
    name: str  # the last segment of the id
    location: str  # "" when its type has none
    body: dict[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        """The part of the body that belongs to the type."""
        found: dict[str, Any] = self.body.setdefault("properties", {})
        return found


class ArmFault(Exception):  # noqa: N818 — Azure calls it so; it is an answer, not a defect
    """A request that Azure refuses, in Azure's words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class Cloud(Protocol):
    """What a kind may use of the sandbox. Every call may come from any thread."""

    folder: Path  # of real parts; exists
    suffix: str  # "<id>.sandbox.test"
    ca_file: Path  # the certificate of the sandbox's authority

    def now(self) -> datetime:
        """Return the cloud's time, UTC; ``faults time`` moves it."""

    def find(self, resource_id: str) -> Resource | None:
        """Return a resource by its id, in any case of letters."""

    def children(self, resource_id: str, type_: str = "") -> list[Resource]:
        """Return what lies below a resource at any depth, only of one type when it is given."""

    def save(self, resource: Resource) -> None:
        """Keep a resource's body for good."""

    def drop(self, resource: Resource) -> None:
        """Forget a resource and what lies below it; nothing of their kinds is called."""

    def remember(self, key: str, value: dict[str, Any] | None) -> None:
        """Keep a note for good; None forgets it, and its bytes."""

    def recall(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the notes whose keys begin with ``prefix``."""

    def address(self, name: str) -> str:
        """Give a full host name a loopback address of its own, with its hosts line; the same one later."""

    def release(self, name: str) -> None:
        """Take a host name's address and hosts line away."""

    def secret(self, uri: str, *, principal: str) -> str:
        """Return a vault's secret as an identity may read it. ArmFault 403 or 404 when it may not."""

    def principal(self, authorization: str, *, audience: str) -> str:
        """Return the object id that a header ``Authorization`` proves; ArmFault 401 when it proves none.

        ``audience`` is what the token must have been asked for: "arm", "vault", "storage" or "graph".
        """

    def roles(self, principal: str, scope: str) -> set[str]:
        """Return the role definitions (their GUIDs, lower case) that a principal has at or above a scope."""

    def seen(self, resource_id: str, type_: str = "") -> list[Resource]:
        """Return what lies below a resource as others see it, who may be behind; as ``children`` else."""

    def listener(self) -> str:
        """Return the address of the HTTPS listener, ``127.A.B.1:443``."""

    def sample(self, resource_id: str, metric: str, value: float, **dimensions: str) -> None:
        """Keep a figure that was observed of a resource just now, for its metrics."""

    def log(self, resource_id: str, category: str, *rows: Mapping[str, Any]) -> None:
        """Send rows of a resource's log to the workspaces that its diagnostic settings name."""

    def erase_logs(self, customer_id: str) -> None:
        """Erase every row of a workspace, by its customer id."""


class Kind:
    """A type of resource. This base is the generic behaviour: the body is kept as it came."""

    type: str = ""
    implied: bool = False  # it is there with its parent, so it can be asked before it was ever put
    implied_names: tuple[str, ...] = ()  # those of them that a GET and a list tell before that
    unlisted_names: tuple[str, ...] = ()  # those that only a GET tells
    named_actions: frozenset[str] = frozenset()  # that are asked for like one of its resources, by POST
    shown_when_deleted: bool = False  # the answer to a DELETE is what was there

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse what Azure would refuse before it accepts: raise ArmFault."""

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Do the work of a PUT or PATCH, in its operation; fill ``new.body``."""

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse a DELETE that Azure would refuse before it accepts: raise ArmFault."""

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Do the work of a DELETE, in its operation. What can be recovered is remembered here."""

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Answer ``POST …/action``. None: there is nothing to say."""
        del cloud, body
        raise ArmFault(404, "NotFound", f"{resource.type} has no action {action}")

    def view(self, cloud: Cloud, resource: Resource, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer ``GET …/name`` below a resource where that is no list of children; {}: there is none."""
        del cloud, resource, name, query
        return {}

    def document(self, cloud: Cloud, resource: Resource, action: str) -> str:
        """Answer an action that is told in XML; "" leaves it to ``action``."""
        del cloud, resource, action
        return ""

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Refresh ``resource.body`` from what really is."""

    def listed(self, cloud: Cloud, parent: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return what a list of children has beside those that are there, when its query asks for it."""
        del cloud, parent, query
        return []

    def deleted(self, cloud: Cloud, location: str) -> list[dict[str, Any]]:
        """Return what the list of deleted ones says; ``location`` "" means every one."""
        del cloud, location
        return []

    def purge(self, cloud: Cloud, location: str, name: str) -> None:
        """Purge a deleted one for good: ``POST …/locations/L/deleted<Type>/NAME/purge``.

        A forced delete (``force=true``) comes here too, with the whole id as ``name``.
        """
        del cloud, location
        raise ArmFault(404, "ResourceNotFound", f"There is no deleted {self.type} {name}.")

    def secret(self, cloud: Cloud, uri: str, *, principal: str) -> str:
        """Answer ``Cloud.secret``; the kind Microsoft.KeyVault/vaults does."""
        del cloud, principal
        raise ArmFault(404, "SecretNotFound", f"A secret {uri} was not found.")

    def served(self, cloud: Cloud, host: str) -> str:
        """Return certificate and key (PEM) of a host name that is not the cloud's own; "": it has none."""
        del cloud, host
        return ""

    def resume(self, cloud: Cloud) -> None:
        """Start real parts again after a restart of the server."""

    def sweep(self, cloud: Cloud) -> None:
        """Do what is due at ``cloud.now()``."""

    def stop(self, cloud: Cloud) -> None:
        """End processes: the server ends."""

    def hosts(self, cloud: Cloud) -> dict[str, Handler]:
        """Return who answers for host names: ``"*.azurewebsites.<suffix>"`` → handler."""
        del cloud
        return {}
