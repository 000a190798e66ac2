"""An instance that left nothing, on a host of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.model.lifecycle import State
from tenantry.model.names import new_opaque_name
from tenantry.ports import Instance
from tenantry.providers.host.layout import HostLayout
from tenantry.targets.host.place import Place
from tests.support.instances import recorded
from tests.support.session import HostFolders


@pytest.fixture
def instance(host_folders: HostFolders) -> Instance:
    """An instance of which there is nothing but its record."""
    return recorded(
        opaque=new_opaque_name(),
        target="host",
        host="test",
        state=State.ERASED,
        url="https://benin.example.org:8443",
        uid=host_folders.uid_base + 7,
        ports={"database": host_folders.port_base + 7},
    )


@pytest.fixture
def layout(host_folders: HostFolders) -> HostLayout:
    """The folders of the host."""
    return HostLayout(root=host_folders.root / "host", runtime=host_folders.runtime / "r")


@pytest.fixture
def private(host_folders: HostFolders) -> Path:
    """The workspace's private folder."""
    folder = host_folders.root / "workspace" / ".tenantry"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def place(instance: Instance, layout: HostLayout, private: Path) -> Place:
    """Where that instance may have left something."""
    return Place.of(instance, layout=layout, private=private)
