"""Clients that nobody here wrote, against Resource Manager of the sandbox."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient

from tests.support.sandbox import Sandbox


@pytest.fixture
def resources(sandbox: Sandbox) -> Any:
    with sandbox.client(ResourceManagementClient) as client:
        yield client


def test_a_resource_group_is_made_read_listed_changed_and_deleted(resources: Any) -> None:
    made = resources.resource_groups.create_or_update(
        "rg-one", {"location": "West Europe", "tags": {"a": "b"}}
    )
    assert (made.location, made.properties.provisioning_state) == ("westeurope", "Succeeded")
    assert resources.resource_groups.check_existence("rg-one")
    assert "rg-one" in [one.name for one in resources.resource_groups.list()]
    changed = resources.resource_groups.update("rg-one", {"tags": {"c": "d"}})
    assert changed.tags == {"c": "d"}
    resources.resource_groups.begin_delete("rg-one").result()
    assert not resources.resource_groups.check_existence("rg-one")
    with pytest.raises(ResourceNotFoundError) as refused:
        resources.resource_groups.get("rg-one")
    assert refused.value.error is not None
    assert refused.value.error.code == "ResourceGroupNotFound"
