"""A sandbox per file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenantry.adapters.azure_arm import Arm
from tests.support.sandbox import Sandbox, running_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A started sandbox of this file's own; nothing of it stays."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "fleet") as started:
        yield started


@pytest.fixture(scope="module")
def arm(sandbox: Sandbox) -> Iterator[Arm]:
    """The product's own client of its Resource Manager."""
    client = sandbox.arm()
    yield client
    client.close()
