"""New databases and accounts of one command are added up against the quotas that they share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tenantry.config.regions import catalogue
from tenantry.errors import UnavailableError
from tenantry.model.spec import Size
from tenantry.targets.azure.quotas import Newcomer, overfull
from tests.journeys.sweep import spec_and_profile

_LIMIT = 12


class _Azure:
    """A subscription with servers, and the quotas of its regions."""

    def __init__(
        self,
        *,
        used: int = 0,
        accounts: int = 0,
        there: Sequence[str] = (),
        silent: bool = False,
    ) -> None:
        self.accounts = accounts
        self.used = {"cores": used, "standardDDSv5Family": used, "standardEDSv5Family": 0}
        self.calls: list[str] = []
        self._there, self._silent = there, silent

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        self.calls.append(path.rpartition("/")[2])
        if self._silent:
            raise UnavailableError("it does not answer")
        if path.endswith(("/flexibleServers", "/storageAccounts")):
            return [{"name": one} for one in self._there]
        if path.endswith("Microsoft.Storage/locations/westeurope/usages"):
            return [{"name": {"value": "StorageAccounts"}, "currentValue": self.accounts, "limit": _LIMIT}]
        if path.endswith("/usages"):
            return [
                {"name": {"value": name}, "currentValue": count, "limit": _LIMIT}
                for name, count in self.used.items()
            ]
        sizes = {"Standard_D2ds_v5": 2, "Standard_D4ds_v5": 4, "Standard_E4ds_v5": 4}
        listed = [{"name": name, "vCores": cores} for name, cores in sizes.items()]
        return [{"supportedServerEditions": [{"supportedServerSkus": listed}]}]


def _newcomer(
    name: str,
    *,
    size: Size = Size.SMALL,
    region: str = "westeurope",
    subscription: str = "s",
    server: str | None = "",
    account: str | None = None,
) -> Newcomer:
    spec, _ = spec_and_profile()
    place = catalogue().find(region)
    assert place is not None
    spec = dataclasses.replace(spec, name=name, size=size, where=f"instances/{name}.yaml")
    return Newcomer(spec=spec, region=place, subscription_id=subscription, server=server, account=account)


def _refused(azure: _Azure, *newcomers: Newcomer) -> list[str]:
    return list(overfull(newcomers, lambda _: azure))  # type: ignore[arg-type, return-value]


def test_all_that_fit_are_taken() -> None:
    assert _refused(_Azure(), *(_newcomer(f"n{number}") for number in range(6))) == []


def test_the_first_get_the_room_and_the_rest_are_named() -> None:
    assert _refused(_Azure(used=8), *(_newcomer(name) for name in "abcd")) == ["c", "d"]


def test_one_that_is_too_large_leaves_its_room_to_the_next() -> None:
    newcomers = (_newcomer("a"), _newcomer("b", size=Size.MEDIUM), _newcomer("c"))
    assert _refused(_Azure(used=8), *newcomers) == ["b"]


def test_each_subscription_and_each_region_has_a_quota_of_its_own() -> None:
    azures = {"s": _Azure(used=10), "t": _Azure()}
    newcomers = [
        *(_newcomer(f"s-{number}") for number in range(2)),
        *(_newcomer(f"north-{number}", region="northeurope") for number in range(2)),
        *(_newcomer(f"t-{number}", subscription="t") for number in range(2)),
    ]
    found = overfull(newcomers, azures.__getitem__)  # type: ignore[arg-type]
    assert sorted(found) == ["north-1", "s-1"]


def test_what_is_told_names_the_quota_the_room_that_is_promised_and_a_remedy() -> None:
    found = overfull([_newcomer(name) for name in "ab"], lambda _: _Azure(used=10))  # type: ignore[arg-type, return-value]
    cores = found["b"][0]
    assert cores.code == "quota-exceeded"
    assert cores.message == (
        "Standard_D2ds_v5 needs 2 cores; in westeurope 10 of 12 are used (cores), "
        "and 2 are for instances before it"
    )
    assert "quota" in cores.hint
    assert cores.where == "instances/b.yaml"


def test_a_database_that_is_there_is_not_counted_again() -> None:
    azure = _Azure(used=12, there=["psql-a", "psql-b"])
    assert _refused(azure, _newcomer("a", server="psql-a"), _newcomer("b", server="psql-b")) == []
    assert azure.calls == ["flexibleServers"]


def test_a_database_that_a_killed_deploy_did_not_come_to_is_counted() -> None:
    azure = _Azure(used=12, there=["psql-a"])
    assert _refused(azure, _newcomer("a", server="psql-a"), _newcomer("b", server="psql-b")) == ["b"]


def test_one_alone_is_left_to_its_own_preflight() -> None:
    azure = _Azure(used=12)
    assert _refused(azure, _newcomer("a")) == []
    assert azure.calls == []


def test_where_azure_does_not_answer_nobody_is_refused() -> None:
    assert _refused(_Azure(silent=True), *(_newcomer(name) for name in "ab")) == []


def test_accounts_are_added_up_against_a_quota_of_their_own() -> None:
    newcomers = [_newcomer(name, server=None, account="") for name in "abc"]
    found = overfull(newcomers, lambda _: _Azure(used=_LIMIT, accounts=_LIMIT - 2))  # type: ignore[arg-type, return-value]
    assert list(found) == ["c"]
    assert found["c"][0].message == (
        "blobs need a storage account; in westeurope 10 of 12 are used (StorageAccounts), "
        "and 2 are for instances before it"
    )


def test_an_account_that_is_there_is_not_counted_again() -> None:
    azure = _Azure(accounts=_LIMIT, there=["sta"])
    newcomers = [_newcomer(name, server=None, account=f"st{name}") for name in "ab"]
    assert _refused(azure, *newcomers) == ["b"]


def test_one_without_room_for_its_account_keeps_no_cores() -> None:
    azure = _Azure(used=_LIMIT - 2, accounts=_LIMIT)
    newcomers = [_newcomer("a", account=""), _newcomer("b", account=""), _newcomer("c")]
    assert _refused(azure, *newcomers) == ["a", "b"]
