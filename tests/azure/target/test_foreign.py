"""Whose is what lies where an instance's program would make it."""

from __future__ import annotations

from typing import Any

import pytest

from tenantry.targets.azure import foreign

_GROUP = "/subscriptions/s/resourceGroups/rg"
_MINE, _OTHERS = {"tags": {"instance": "tn-mine"}}, {"tags": {"instance": "tn-other"}}
_VAULT, _SUBNET = "Microsoft.KeyVault/vaults", "Microsoft.Network/virtualNetworks/subnets"


class _Manager:
    """Has a resource group."""

    def __init__(self, group: dict[str, Any] | None) -> None:
        self._group = group

    def get(self, path: str, version: str) -> dict[str, Any] | None:
        assert path == _GROUP
        return self._group


@pytest.mark.parametrize(
    ("type_", "found", "group", "own"),
    [
        (_VAULT, _MINE, None, True),
        (_VAULT.lower(), _OTHERS, _MINE, False),
        (_VAULT, {}, _MINE, False),
        ("Microsoft.Resources/resourceGroups", {"tags": None}, _MINE, False),
        (_SUBNET, {}, _MINE, True),
        (_SUBNET, {}, _OTHERS, False),
        (_SUBNET, {}, None, False),
        ("Microsoft.Authorization/locks", {}, _MINE, True),
    ],
)
def test_what_carries_the_instances_tag_or_hangs_on_what_does_is_its_own(
    type_: str, found: dict[str, Any], group: dict[str, Any] | None, *, own: bool
) -> None:
    manager: Any = _Manager(group)
    assert foreign.is_own(manager, found, type_, group=_GROUP, opaque="tn-mine") is own
