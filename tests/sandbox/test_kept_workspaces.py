"""A workspace that somebody deleted before is deleted for good, where Resource Manager still keeps it."""

from __future__ import annotations

import uuid

import pytest

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import FailedError
from tenantry.model.azure_names import AzureNames
from tenantry.ports import OnEvent
from tenantry.targets.azure import foreign, workspaces
from tests.support.sandbox import GROUPS, Sandbox

_VERSION = "2023-09-01"
_OPAQUE = "tnabc"
_NAMES = AzureNames.of("kenya", "san", "abc234")
_BODY = {
    "location": "westeurope",
    "tags": {"instance": _OPAQUE, "client": "kenya"},
    "properties": {"sku": {"name": "PerGB2018"}, "retentionInDays": 400},
}


def _told(events: list[str]) -> OnEvent:
    return lambda event: events.append(event.text)


def _soft_deleted(sandbox: Sandbox, arm: Arm) -> tuple[str, str]:
    """Make a workspace in a group of its own and delete it as people do; return it with its customer id."""
    group = sandbox.make_group(f"rg-{uuid.uuid4().hex[:6]}")
    workspace = f"{group}/providers/Microsoft.OperationalInsights/workspaces/{_NAMES.workspace}"
    made = arm.put(workspace, _VERSION, _BODY)
    arm.delete(workspace, _VERSION)
    return workspace, made["properties"]["customerId"]


def _listed(sandbox: Sandbox, arm: Arm) -> list[str]:
    path = f"{sandbox.subscription}/providers/Microsoft.OperationalInsights/deletedWorkspaces"
    return [str(one["id"]) for one in arm.list(path, _VERSION)]


def test_it_is_recovered_as_the_instances_own_and_a_run_after_a_kill_in_between_ends_with_nothing_kept(
    sandbox: Sandbox, arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, customer = _soft_deleted(sandbox, arm)
    another, _ = _soft_deleted(sandbox, arm)
    events: list[str] = []
    with monkeypatch.context() as cut:
        cut.setattr(arm, "delete", _Once(arm))
        with pytest.raises(FailedError, match="cut off"):
            workspaces.delete_for_good(arm, workspace, _OPAQUE, _told(events))
    back = arm.get(workspace, _VERSION) or {}
    assert (back["properties"]["customerId"], back["tags"]) == (customer, _BODY["tags"])
    assert back["properties"]["retentionInDays"] == 400
    group = workspace.partition("/providers/")[0]
    assert foreign.obstacles(arm, group, _OPAQUE, names=_NAMES) == {}
    for _ in range(2):
        workspaces.delete_for_good(arm, workspace, _OPAQUE, _told(events))
        assert arm.get(workspace, _VERSION) is None
        assert _listed(sandbox, arm) == [another], "one of the same name in another group is not touched"
    assert events == [f"recovering the deleted workspace {_NAMES.workspace}, to delete it with force"]


class _Once:
    """Deletes once as the client does; the second deletion is never sent."""

    def __init__(self, arm: Arm) -> None:
        self._delete, self._calls = arm.delete, 0

    def __call__(self, path: str, version: str, **query: str) -> bool:
        self._calls += 1
        if self._calls > 1:
            raise FailedError("cut off", code="cut-off")
        return self._delete(path, version, **query)


def test_one_whose_group_is_gone_stays_kept_and_that_is_told(sandbox: Sandbox, arm: Arm) -> None:
    workspace, _ = _soft_deleted(sandbox, arm)
    arm.delete(workspace.partition("/providers/")[0], GROUPS)
    events: list[str] = []
    workspaces.delete_for_good(arm, workspace, _OPAQUE, _told(events))
    assert workspace in _listed(sandbox, arm)
    assert "stays deleted and kept" in events[-1]
