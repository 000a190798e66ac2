from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tenantry.targets.azure.clients import Principal
from tenantry.targets.azure.rights import NEEDED, missing_rights

_HERE = "/subscriptions/s"
_PRINCIPAL = Principal(object_id="o", client_id="c")
# As Microsoft describes its built-in roles: what they allow and what they take away again.
_ROLES: dict[str, tuple[list[str], list[str]]] = {
    "owner": (["*"], []),
    "contributor": (["*"], ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"]),
    "access": (["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"], []),
    "rbac": (
        ["Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete"],
        [],
    ),
    "reader": (["*/read"], []),
}


class _Azure:
    """A subscription where a principal has roles: (role, scope)."""

    def __init__(self, *assigned: tuple[str, str]) -> None:
        self.assigned = assigned

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        assert query == {"$filter": "assignedTo('o')"}
        return [
            {
                "properties": {
                    "roleDefinitionId": f"{_HERE}/providers/x/roleDefinitions/{role}",
                    "scope": scope,
                }
            }
            for role, scope in self.assigned
        ]

    def get(self, path: str, version: str, **query: str) -> dict[str, Any]:
        actions, less = _ROLES[path.rpartition("/")[2]]
        return {"properties": {"permissions": [{"actions": actions, "notActions": less}]}}


def _hints(*assigned: tuple[str, str]) -> list[str]:
    found = missing_rights(_Azure(*assigned), _HERE, _PRINCIPAL)  # type: ignore[arg-type]
    return sorted(one.hint.partition('"')[2].partition('"')[0] for one in found)


@pytest.mark.parametrize("scope", [_HERE, "/", "/providers/Microsoft.Management/managementGroups/all"])
def test_an_owner_lacks_nothing_wherever_above_it_is_one(scope: str) -> None:
    assert _hints(("owner", scope)) == []


def test_a_contributor_may_neither_assign_roles_nor_lock() -> None:
    assert _hints(("contributor", _HERE)) == ["User Access Administrator"]


def test_who_may_assign_roles_alone_may_not_lock() -> None:
    found = missing_rights(_Azure(("contributor", _HERE), ("rbac", _HERE)), _HERE, _PRINCIPAL)  # type: ignore[arg-type]
    assert len(found) == 1
    assert "locks/write" in found[0].message
    assert "roleAssignments" not in found[0].message


def test_two_roles_together_bring_everything() -> None:
    assert _hints(("contributor", _HERE), ("access", _HERE)) == []


def test_a_role_below_the_subscription_does_not_count() -> None:
    assert set(_hints(("owner", f"{_HERE}/resourceGroups/rg"))) == set(NEEDED.values())


def test_a_reader_lacks_all_of_them_and_is_told_the_command() -> None:
    found = missing_rights(_Azure(("reader", _HERE)), _HERE, _PRINCIPAL)  # type: ignore[arg-type]
    assert len(found) == len(set(NEEDED.values()))
    assert all(one.hint.startswith("az role assignment create --assignee o") for one in found)
