from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tenantry.errors import UnavailableError
from tenantry.model.azure_names import AzureNames
from tenantry.model.status import Asset, EraseMethod
from tenantry.targets.azure import absence
from tenantry.targets.azure.inventory import group_id

_NAMES = AzureNames.of("kenya", "san", "abc234")
_GROUP = group_id("s", _NAMES)
_VAULT = f"{_GROUP}/providers/Microsoft.KeyVault/vaults/kvs-kenya-san-abc234"
_ASSIGNMENT = f"{_VAULT}/providers/Microsoft.Authorization/roleAssignments/one"
_KNOWN = frozenset({Asset(id=_ASSIGNMENT, type="Microsoft.Authorization/roleAssignments")})


class _Azure:
    """What its lists have, and what is there when it is asked for by its id; each catches up by itself."""

    def __init__(
        self,
        *,
        listed: Sequence[str] = (),
        there: Sequence[str] = (),
        looks: int = 10**9,
        silent: bool = False,
    ) -> None:
        self._listed, self._there, self._silent = listed, there, silent
        self.kept: list[str] = []  # vaults, after their deletion
        self.looks = looks  # at the list of groups, until everything is gone

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return {"id": path} if path in self._there and self.looks > 0 else None

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        if self._silent:
            raise UnavailableError("no network", code="cloud-unreachable")
        if path.endswith("/deletedVaults"):
            return [{"id": f"{path}/{one}", "name": one} for one in self.kept]
        wanted = {"roleAssignments": _ASSIGNMENT, "resourceGroups": _GROUP}.get(path.rpartition("/")[2], "")
        found = [{"id": wanted, "properties": {"scope": _VAULT}}] if wanted in self._listed else []
        if wanted == _GROUP:
            self.looks -= 1
        return found if self.looks >= 0 else []


def _seen(azure: _Azure, told: list[str], *, patience: float = 0.0) -> dict[str, bool | None]:
    found = absence.prove_absent(
        azure,  # type: ignore[arg-type]
        "s",
        _NAMES,
        _KNOWN,
        now=datetime.now(UTC),
        on_event=lambda event: told.append(event.text),
        patience_seconds=patience,
    )
    return {one.asset.id.rpartition("/")[2]: one.absent for one in found}


_RG = _GROUP.rpartition("/")[2]


def test_what_no_list_has_and_is_not_there_by_its_id_is_absent() -> None:
    told: list[str] = []
    assert _seen(_Azure(), told) == {"one": True, _RG: True}
    assert told == []


def test_a_role_assignment_that_outlived_the_group_is_not_absent() -> None:
    azure = _Azure(listed=[_ASSIGNMENT], there=[_ASSIGNMENT])
    assert _seen(azure, []) == {"one": False, _RG: True}


def test_where_lists_and_ids_disagree_to_the_end_nobody_knows() -> None:
    assert _seen(_Azure(listed=[_ASSIGNMENT]), []) == {"one": None, _RG: True}
    assert _seen(_Azure(there=[_ASSIGNMENT]), []) == {"one": None, _RG: True}
    assert _seen(_Azure(listed=[_GROUP]), []) == {"one": True, _RG: None}


def test_a_list_that_is_behind_is_looked_at_again_until_it_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tenantry.targets.azure.absence.time.sleep", slept.append)
    told: list[str] = []
    azure = _Azure(listed=[_ASSIGNMENT, _GROUP], there=[_ASSIGNMENT, _GROUP], looks=2)
    assert _seen(azure, told, patience=60) == {"one": True, _RG: True}
    assert slept == [1.0, 2.0, 4.0]
    assert told[0] == "Azure still shows 2, which may be behind; looking again"


def test_what_cannot_be_looked_at_is_not_absent() -> None:
    assert _seen(_Azure(silent=True), []) == {"one": None}


_VAULTS = "Microsoft.KeyVault/vaults"


@pytest.mark.parametrize(("kept", "method"), [(False, EraseMethod.PURGE), (True, EraseMethod.CLEAR)])
def test_the_vault_of_the_secrets_is_purged_unless_azure_keeps_it_as_deleted(
    *, kept: bool, method: EraseMethod
) -> None:
    azure, keys = _Azure(), _VAULT.replace("kvs-", "kvk-")
    azure.kept = [keys.rpartition("/")[2], *([_VAULT.rpartition("/")[2]] if kept else [])]
    known = frozenset(
        {
            Asset(id=_VAULT, type=_VAULTS),
            Asset(id=f"{_VAULT}/secrets/a", type=f"{_VAULTS}/secrets"),
            Asset(id=keys, type=_VAULTS),
            Asset(id=_ASSIGNMENT, type="Microsoft.Authorization/roleAssignments"),
        }
    )
    arm: Any = azure
    found = absence.prove_absent(arm, "s", _NAMES, known, now=datetime.now(UTC), on_event=lambda _: None)
    methods = {one.asset.id: one.method for one in found}
    assert {methods[_VAULT], methods[f"{_VAULT}/secrets/a"]} == {method}
    assert {methods[keys], methods[_ASSIGNMENT]} == {EraseMethod.CLEAR}
