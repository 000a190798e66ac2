"""The product's own client of Resource Manager meets what passes by itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_credential import Renewable
from tenantry.errors import FailedError, RefusedError
from tests.support.sandbox import GROUPS, Sandbox

_NETWORK = "2024-05-01"
_RULES = "Microsoft.Network/networkSecurityGroups"


@pytest.fixture
def rules(sandbox: Sandbox) -> Iterator[str]:
    """The id of a resource that is not there yet; no fault holds afterwards."""
    group = sandbox.make_group(f"rg-{uuid.uuid4().hex[:8]}")
    yield f"{group}/providers/{_RULES}/rules"
    sandbox.faults("clear")


def _busy(sandbox: Sandbox, times: int) -> None:
    for _ in range(times):
        sandbox.faults("code", "AnotherOperationInProgress", _RULES)


def test_another_operation_on_the_resource_is_waited_for(sandbox: Sandbox, rules: str) -> None:
    _busy(sandbox, 2)
    waited: list[float] = []
    arm = sandbox.arm(sleep=waited.append)
    arm.put(rules, _NETWORK, {"location": "westeurope"})
    assert arm.calls["PUT"] == 3
    assert waited[:2] == sorted(waited[:2])


def test_one_that_does_not_end_is_told(sandbox: Sandbox, rules: str) -> None:
    _busy(sandbox, 7)
    with pytest.raises(FailedError) as told:
        sandbox.arm(sleep=lambda _: None).put(rules, _NETWORK, {"location": "westeurope"})
    assert told.value.code == "another-operation-in-progress"


def test_a_token_that_was_ended_early_is_renewed(sandbox: Sandbox) -> None:
    arm = Arm(
        sandbox.told["arm"],
        credential=Renewable(sandbox.credential),
        scope=sandbox.scope,
        ca_file=Path(sandbox.told["ca_file"]),
    )
    groups = f"{sandbox.subscription}/resourceGroups"
    before = arm.list(groups, GROUPS)
    sandbox.faults("expire")
    assert {one["id"] for one in arm.list(groups, GROUPS)} >= {one["id"] for one in before}


def test_a_credential_that_cannot_be_renewed_is_refused_with_what_to_do(sandbox: Sandbox) -> None:
    arm = sandbox.arm()
    arm.list(f"{sandbox.subscription}/resourceGroups", GROUPS)
    sandbox.faults("expire")
    with pytest.raises(RefusedError) as refused:
        arm.list(f"{sandbox.subscription}/resourceGroups", GROUPS)
    assert "sign in again" in refused.value.hint


def test_nothing_is_said_to_be_gone_with_a_subscription_that_is_not_seen(sandbox: Sandbox) -> None:
    arm, nowhere = sandbox.arm(), f"/subscriptions/{uuid.uuid4()}"
    group = f"{nowhere}/resourceGroups/rg"
    asked = (
        lambda: arm.get(group, GROUPS),
        lambda: arm.list(f"{nowhere}/resourceGroups", GROUPS),
        lambda: arm.delete(group, GROUPS),
    )
    for ask in asked:
        with pytest.raises(FailedError) as told:
            ask()
        assert told.value.code == "subscription-not-found"
        assert told.value.hint
