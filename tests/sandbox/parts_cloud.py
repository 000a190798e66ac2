"""A cloud in memory for the tests of kinds with real parts: what Resource Manager does around them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tenantry.sandbox.kinds import ArmFault, Kind, Resource

__all__ = ["GROUP", "MemoryCloud"]

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"


class MemoryCloud:
    """Resources and notes in memory; every name lies at one address."""

    def __init__(self, folder: Path, *, address: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
        self.folder = folder
        self.suffix = "t0st.sandbox.test"
        self.ca_file = folder / "ca.pem"
        self.later = timedelta()
        self.secrets: dict[tuple[str, str], str] = {}
        self.names: set[str] = set()
        self.notes: dict[str, dict[str, Any]] = {}
        self.kinds: dict[str, Kind] = {}
        self._resources: dict[str, Resource] = {}
        self._address = address

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def find(self, resource_id: str) -> Resource | None:
        return copy.deepcopy(self._resources.get(resource_id.lower()))

    def children(self, resource_id: str, type_: str = "") -> list[Resource]:
        start = resource_id.lower() + "/"
        return [
            copy.deepcopy(one)
            for key, one in self._resources.items()
            if key.startswith(start) and type_.lower() in ("", one.type.lower())
        ]

    def seen(self, resource_id: str, type_: str = "") -> list[Resource]:
        return self.children(resource_id, type_)

    def save(self, resource: Resource) -> None:
        self._resources[resource.id.lower()] = copy.deepcopy(resource)

    def drop(self, resource: Resource) -> None:
        for one in [resource, *self.children(resource.id)]:
            self._resources.pop(one.id.lower(), None)

    def remember(self, key: str, value: dict[str, Any] | None) -> None:
        if value is None:
            self.notes.pop(key, None)
        else:
            self.notes[key] = copy.deepcopy(value)

    def recall(self, prefix: str) -> dict[str, dict[str, Any]]:
        return {key: copy.deepcopy(one) for key, one in self.notes.items() if key.startswith(prefix)}

    def address(self, name: str) -> str:
        self.names.add(name)
        return self._address

    def release(self, name: str) -> None:
        self.names.discard(name)

    def secret(self, uri: str, *, principal: str) -> str:
        if (uri, principal) not in self.secrets:
            raise ArmFault(403, "Forbidden", "not for you")
        return self.secrets[uri, principal]

    def principal(self, authorization: str, *, audience: str) -> str:
        raise ArmFault(401, "AuthenticationFailed", "nobody signs in here")

    def roles(self, principal: str, scope: str) -> set[str]:
        return set()

    def listener(self) -> str:
        return f"{self._address}:443"

    def sample(self, resource_id: str, metric: str, value: float, **dimensions: str) -> None:
        pass

    def log(self, resource_id: str, category: str, *rows: Mapping[str, Any]) -> None:
        pass

    def erase_logs(self, customer_id: str) -> None:
        pass

    # From here on what Resource Manager does: take, keep, ask, delete.

    def put(self, path: str, body: dict[str, Any]) -> Resource:
        """PUT a resource, whose path begins after ``/providers/``."""
        resource_id = path if path.startswith("/") else f"{GROUP}/providers/{path}"
        parts = resource_id.partition("/providers/")[2].split("/")
        type_ = "/".join([parts[0], *parts[1::2]])
        old = self.find(resource_id)
        new = Resource(
            id=resource_id,
            type=type_,
            name=parts[-1],
            location=body.get("location", ""),
            body=copy.deepcopy(body),
        )
        if old and not new.location:
            new.location = old.location
        new.body.update(id=resource_id, name=new.name, type=type_)
        kind = self.kinds.get(type_, Kind())
        kind.admit(self, new, old)
        kind.put(self, new, old)
        self.save(new)
        return new

    def get(self, resource_id: str) -> Resource | None:
        found = self.find(resource_id)
        if found is not None:
            self.kinds.get(found.type, Kind()).get(self, found)
        return found

    def act(self, resource_id: str, action: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        found = self.find(resource_id)
        assert found is not None
        answer = self.kinds[found.type].action(self, found, action, body or {})
        if self.find(resource_id):
            self.save(found)
        return answer

    def delete(self, resource_id: str) -> None:
        found = self.find(resource_id)
        assert found is not None
        self.kinds.get(found.type, Kind()).delete(self, found)
        for one in [found, *self.children(found.id)]:
            del self._resources[one.id.lower()]
