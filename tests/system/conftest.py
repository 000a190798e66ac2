"""Installations for system tests. What a test changes by hand is its own: use ``installation`` then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.azure_fleet import Fleet, running_fleet
from tests.support.installation import Installation
from tests.support.session import HostFolders


@pytest.fixture
def installation(host_folders: HostFolders) -> Iterator[Installation]:
    """A workspace that is set up, without instances."""
    yield from _installed(host_folders)


@pytest.fixture(scope="module")
def shared(module_host_folders: HostFolders) -> Iterator[Installation]:
    """One workspace for all tests of a file."""
    yield from _installed(module_host_folders)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One workspace on a sandbox of its own, for all tests of a file; nothing of it stays."""
    with running_fleet(tmp_path_factory.mktemp("azure")) as started:
        yield started


@pytest.fixture(scope="module")
def benin(shared: Installation) -> Installation:
    """The file's workspace with one instance deployed: benin."""
    shared.deploy("benin").ok()
    return shared


@pytest.fixture(scope="module")
def benin_and_burundi(shared: Installation) -> Installation:
    """The file's workspace with two instances deployed: benin and burundi."""
    shared.deploy("benin", "burundi").ok()
    return shared


def _installed(host: HostFolders) -> Iterator[Installation]:
    installed = Installation(folder=host.root / "workspace", host=host)
    installed.set_up()
    try:
        yield installed
    finally:
        installed.tear_down()
