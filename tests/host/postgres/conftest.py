"""Instances for the tests of databases and backups."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.postgres.support import Rig, lend
from tests.support.session import HostFolders


@pytest.fixture
def rig(host_folders: HostFolders) -> Iterator[Rig]:
    """An instance without a cluster, for one test."""
    with lend(host_folders) as lent:
        yield lent


@pytest.fixture(scope="module")
def running(module_host_folders: HostFolders) -> Iterator[Rig]:
    """An instance with a running cluster, for all tests of a file."""
    with lend(module_host_folders) as lent:
        lent.cluster.create(lent.cluster_inputs())
        lent.make_backup_role()
        yield lent
