"""A group with clients that nobody here wrote, each made when it is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import pytest

from tests.support.sandbox import Sandbox

REGION = "westeurope"


class Ground:
    """A resource group, and Microsoft's clients pointed at its sandbox."""

    def __init__(self, sandbox: Sandbox, clients: ExitStack) -> None:
        self.sandbox = sandbox
        self.region = REGION
        self.group = f"rg-{uuid.uuid4().hex[:8]}"
        self.group_id = sandbox.make_group(self.group, REGION)
        self._clients = clients
        self._made: dict[str, Any] = {}

    def client(self, name: str, **more: Any) -> Any:
        """A client by the name of its class, ``azure.mgmt.network.NetworkManagementClient``."""
        key = f"{name} {sorted(more.items())}"
        if key not in self._made:
            # By name: type checkers would otherwise read a thousand generated files.
            package, _, kind = name.rpartition(".")
            found = self.sandbox.client(getattr(import_module(package), kind), **more)
            self._made[key] = self._clients.enter_context(found)
        return self._made[key]

    def id_of(self, path: str) -> str:
        """The id of what lies in the group."""
        return f"{self.group_id}/providers/{path}"

    @staticmethod
    def name(prefix: str) -> str:
        return f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def ground(sandbox: Sandbox) -> Iterator[Ground]:
    with ExitStack() as clients:
        yield Ground(sandbox, clients)
