from __future__ import annotations

from typing import Any

import pytest

from tenantry.errors import FailedError, RefusedError, TenantryError, UnavailableError
from tenantry.targets.azure.clients import Principal
from tenantry.targets.azure.reach import usable

_HERE = "/subscriptions/s"
_ME = Principal(object_id="o", client_id="c")


class _Azure:
    """What Resource Manager says of one subscription."""

    def __init__(self, told: Any) -> None:
        self.told = told

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        assert path == _HERE
        if isinstance(self.told, TenantryError):
            raise self.told
        found: dict[str, Any] | None = self.told
        return found


def _code(told: Any) -> str:
    problems = usable(_Azure(told), _HERE, _ME, "D")  # type: ignore[arg-type]
    assert all(one.hint for one in problems)
    return problems[0].code if problems else ""


@pytest.mark.parametrize("state", ["Enabled", "PastDue"])
def test_one_that_lets_things_be_made_is_usable(state: str) -> None:
    assert _code({"state": state, "tenantId": "d"}) == ""


@pytest.mark.parametrize("state", ["Disabled", "Warned", "Deleted", "Expired", ""])
def test_one_in_which_nothing_can_be_made_is_refused(state: str) -> None:
    assert _code({"state": state, "tenantId": "d"}) == "subscription-disabled"


@pytest.mark.parametrize(
    "told",
    [
        None,
        RefusedError("403", code="authorization-failed"),
        FailedError("404", code="subscription-not-found"),
    ],
    ids=["none", "not allowed", "not found"],
)
def test_one_that_the_principal_does_not_see_is_refused_with_the_command(told: Any) -> None:
    assert _code(told) == "no-subscription"
    (problem,) = usable(_Azure(told), _HERE, _ME, "d")  # type: ignore[arg-type]
    assert (
        'az role assignment create --assignee o --role "Contributor" --scope /subscriptions/s' in problem.hint
    )


@pytest.mark.parametrize(
    "told",
    [
        {"state": "Enabled", "tenantId": "other"},
        RefusedError("401", code="invalid-authentication-token-tenant"),
    ],
    ids=["it says so", "it takes no token of ours"],
)
def test_one_of_another_directory_is_refused(told: Any) -> None:
    assert _code(told) == "subscription-elsewhere"


def test_what_has_another_reason_is_told_as_it_is() -> None:
    with pytest.raises(UnavailableError):
        _code(UnavailableError("503", code="service-unavailable"))
