"""A host of a test's own, and what these tests share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tenantry.model.spec import HostSettings
from tenantry.providers.handler import Handler
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.process import Supervised
from tenantry.providers.host.proxy import Proxy
from tenantry.providers.host.supervisor import Supervisor
from tests.support.session import HostFolders

Drift = Callable[[Handler, str, Mapping[str, Any]], set[str] | None]
Killed = Callable[..., bool]

_CHILD = """
import importlib, json, sys
from pathlib import Path
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
root, runtime, module, name, action, inputs = json.loads(sys.stdin.read())
layout, executor = HostLayout(Path(root), Path(runtime)), Executor()
handler = getattr(importlib.import_module(module), name)(executor, layout)
handler.create(inputs) if action == "create" else handler.delete(action, inputs)
"""


@pytest.fixture
def layout(host_folders: HostFolders) -> HostLayout:
    return HostLayout(host_folders.root, host_folders.runtime)


@pytest.fixture
def executor() -> Executor:
    return Executor()


@pytest.fixture
def opaque(host_folders: HostFolders) -> str:
    """A name that no test at the same time has: accounts have one name space per machine."""
    return f"tn{host_folders.uid_base:010d}"


@pytest.fixture
def uid(host_folders: HostFolders) -> int:
    return host_folders.uid_base + 1


@pytest.fixture
def port(host_folders: HostFolders) -> int:
    return host_folders.port_base


@pytest.fixture
def home(layout: HostLayout, executor: Executor, opaque: str, uid: int) -> Path:
    """The instance's home, as its user owns it."""
    executor.folder(layout.home(opaque), mode=0o700, uid=uid)
    return layout.home(opaque)


@pytest.fixture
def supervisor(executor: Executor, layout: HostLayout) -> Iterator[Supervisor]:
    supervisor = Supervisor(executor, layout)
    yield supervisor
    supervisor.stop()


@pytest.fixture
def supervised(executor: Executor, layout: HostLayout, supervisor: Supervisor) -> Supervised:
    return Supervised(executor, layout, supervisor=supervisor)


@pytest.fixture
def proxy(
    executor: Executor, layout: HostLayout, supervised: Supervised, host_folders: HostFolders
) -> Iterator[Proxy]:
    settings = HostSettings(
        root=layout.root,
        runtime=layout.runtime,
        https_port=host_folders.port_base + 1,
        http_port=host_folders.port_base + 2,
        uid_base=host_folders.uid_base + 50,
    )
    proxy = Proxy(executor, layout, settings=settings, supervised=supervised)
    yield proxy
    proxy.remove()


@pytest.fixture
def drift() -> Drift:
    """Return which inputs a fresh look finds changed; None: it is not there."""

    def look(handler: Handler, resource_id: str, inputs: Mapping[str, Any]) -> set[str] | None:
        seen = handler.read(resource_id, inputs)
        if seen is None:
            return None
        keys = set(seen.inputs) | set(inputs)
        return {key for key in keys if seen.inputs.get(key) != inputs.get(key)}

    return look


@pytest.fixture
def killed(layout: HostLayout) -> Killed:
    """Create or delete in a child that dies at its n-th point; return whether it got that far."""

    def run(handler: Handler, inputs: Mapping[str, Any], *, point: int, delete: str = "") -> bool:
        kind = type(handler)
        task = [
            str(layout.root),
            str(layout.runtime),
            kind.__module__,
            kind.__name__,
            delete or "create",
            inputs,
        ]
        child = subprocess.run(
            [sys.executable, "-c", _CHILD],
            input=json.dumps(task),
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
            env={**os.environ, "TENANTRY_FAULT_KILL": str(point), "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.returncode in (0, -signal.SIGKILL), child.stderr
        return child.returncode != 0

    return run


@pytest.fixture
def survives(drift: Drift, killed: Killed) -> Callable[..., None]:
    """Kill create and delete at each point; the same again must finish, and leave nothing."""

    def run(handler: Handler, inputs: Mapping[str, Any], *, step: int = 1) -> None:
        point, going = 1, True
        while going:
            going = killed(handler, inputs, point=point)
            resource_id, _ = handler.create(inputs)
            assert drift(handler, resource_id, inputs) == set(), f"after a kill of create at point {point}"
            going |= killed(handler, inputs, point=point, delete=resource_id)
            handler.delete(resource_id, inputs)
            point += step

    return run
